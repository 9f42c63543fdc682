"""A fork bomb whose first process has ended: the script is over, and all of it must be."""
# limits: pids=64 time=15s
# check: ended_within:40
# control: none it would take the machine
import signal
import time

if os.fork() == 0:
    os.setsid()
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    while True:
        try:
            os.fork()
        except OSError:
            pass
time.sleep(0.5)
denied("the bomb", "ends with the script")
