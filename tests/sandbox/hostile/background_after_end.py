"""To go on in the background when the script has ended."""
# check: ended_within:40
# control: none it would leave processes behind
import signal
import time

if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        LIBC.prctl(15, b"harmless", 0, 0, 0)
        for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
            signal.signal(number, signal.SIG_IGN)
        time.sleep(600)
    os._exit(0)
LIBC.prctl(36, 1, 0, 0, 0)  # PR_SET_CHILD_SUBREAPER: orphans are given to this process, not to init
denied("background", "ends with the script")
