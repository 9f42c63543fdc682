"""Memory without end, while the hub goes on answering."""
# through: hub
# expect: failed out_of_memory
# limits: memory=128m
# check: hub_answered peak_within_memory
# control: none it would take the machine
keep = []
while True:
    keep.append(bytearray(b"x" * (8 << 20)))
