"""A fork bomb, while the hub goes on answering."""
# through: hub
# expect: timed_out
# limits: time=2s
# check: hub_answered ended_within:40
# control: none it would take the machine
while True:
    try:
        os.fork()
    except OSError:
        pass
