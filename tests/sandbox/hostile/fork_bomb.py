"""A fork bomb, every process of which forks on until the time is up."""
# expect: timed_out
# limits: pids=64 time=1500ms
# check: ended_within:40 peak_within_memory
# control: none it would take the machine
while True:
    try:
        os.fork()
    except OSError:
        pass
