"""More processes than allowed at one time: fork says so, and the end names it."""
# expect: failed process_limit
# limits: pids=32
# control: none it would take the machine
import time

for made in range(1000):
    if os.fork() == 0:
        time.sleep(30)
        os._exit(0)
