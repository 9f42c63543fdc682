"""Memory through memfd_create, and many of them."""
# expect: failed out_of_memory
# limits: memory=48m
# check: peak_within_memory
# control: none it would fill the machine's memory
for n in range(100):
    fd = os.memfd_create(f"fill-{n}")
    for _ in range(10):
        os.write(fd, b"x" * (1 << 20))
