"""Memory through /dev/shm and POSIX shared memory."""
# limits: memory=160m
# check: peak_within_memory
# says: ENOSPC EFBIG
# control: none it would fill the machine's memory
def fill():
    with open("/dev/shm/fill", "wb", buffering=0) as f:
        while True:
            f.write(b"x" * (1 << 20))
attempt("/dev/shm", fill)
size = os.path.getsize("/dev/shm/fill")
denied("/dev/shm", f"ENOSPC at {size} bytes") if size <= 64 << 20 else escaped(f"/dev/shm holds {size} bytes")
