"""More processor time than its share, by many processes."""
# limits: cpus=0.25 time=1500ms grace=200ms pids=32
# expect: timed_out
# check: cpu_within:1500
# control: none it would only compute
for _ in range(8):
    if os.fork() == 0:
        break
while True:
    pass
