"""Memory through files in /tmp, past what /tmp may hold."""
# limits: memory=96m tmp=16m
# check: peak_within_memory
# says: ENOSPC
# control: none it would fill the machine's memory
def fill():
    with open("/tmp/fill", "wb", buffering=0) as f:
        while True:
            if not f.write(b"x" * (1 << 20)):
                raise OSError(errno.ENOSPC, "short")
attempt("/tmp", fill)
denied("/tmp", "ENOSPC " + str(os.path.getsize("/tmp/fill"))) if os.path.getsize("/tmp/fill") <= 16 << 20 else escaped(f"/tmp holds {os.path.getsize('/tmp/fill')} bytes")
