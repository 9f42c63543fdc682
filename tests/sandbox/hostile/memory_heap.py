"""Memory without end: the sandbox is ended, and the end says why."""
# expect: failed out_of_memory
# limits: memory=64m
# check: peak_within_memory ended_within:40
# control: none it would take the machine
# runtimes: crun runc
keep = []
while True:
    keep.append(bytearray(b"x" * (4 << 20)))
