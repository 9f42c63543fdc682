"""To outlive the time limit by having stopped oneself (SIGSTOP): SIGTERM waits, SIGKILL doesn't."""
# expect: timed_out
# limits: time=700ms grace=300ms
# check: ended_within:40
# control: none it would leave a stopped process
import signal

os.kill(os.getpid(), signal.SIGSTOP)
