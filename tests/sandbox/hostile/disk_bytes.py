"""More bytes of output than allowed: the kernel says when, and what was written is kept."""
# limits: output=8m
# says: ENOSPC EFBIG
# check: output_within_limit output_holds:before
# runtimes: crun runc
# control: none it would fill the machine's disk
open("before", "w").write("kept")
def fill(name):
    with open(name, "wb", buffering=0) as f:
        while True:
            f.write(b"x" * (1 << 20))
attempt("one file", fill, "large")
attempt("another", fill, "larger")
attempt("allocated", lambda: os.posix_fallocate(os.open("allocated", os.O_RDWR | os.O_CREAT), 0, 64 << 20))
os.unlink("large")
os.unlink("larger")
