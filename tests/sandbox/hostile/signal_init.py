"""To end or stop the sandbox's first process."""
# control: none outside, process 1 is the machine
import signal
import time

for passed_on in (signal.SIGHUP, signal.SIGINT, signal.SIGTERM):
    signal.signal(passed_on, signal.SIG_IGN)  # init hands these on to the script
for number in range(1, 65):
    if number in (32, 33):
        continue
    try:
        os.kill(1, number)
    except OSError:
        pass
time.sleep(0.3)
denied("signals", "init lives and so do I") if os.path.exists("/proc/1") else escaped("init is gone")
