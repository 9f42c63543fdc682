"""Bytes in files that are deleted and still open."""
# limits: output=8m
# says: ENOSPC EFBIG
# check: output_within_limit
# control: none it would fill the machine's disk
def fill():
    for n in range(50):
        f = open(f"gone-{n}", "wb", buffering=0)
        keep.append(f)
        os.unlink(f.name)
        for _ in range(4):
            if f.write(b"x" * (1 << 20)) < 1 << 20:
                raise OSError(errno.ENOSPC, "short")
keep = []
attempt("deleted", fill)
