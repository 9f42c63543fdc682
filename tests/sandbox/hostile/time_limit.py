"""To outlive the time limit: children of children in sessions of their own that hear no signal."""
# expect: timed_out
# limits: time=700ms grace=300ms
# check: ended_within:40
# control: none it would leave processes behind
# runtimes: crun runc
import signal
import time

for number in range(1, 65):
    try:
        signal.signal(number, signal.SIG_IGN)
    except (OSError, ValueError):
        pass
for _ in range(3):
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            os.setsid()
            break
while True:
    time.sleep(60)
