"""The host's memory: /proc/kcore, also through /dev/core, and /dev/mem, /dev/kmem, /dev/port."""
# control: unshare
def read(path):
    if not open(path, "rb", buffering=0).read(4):
        raise OSError(errno.ENODATA, "empty")
for path in ("/proc/kcore", "/dev/core", "/dev/mem", "/dev/kmem", "/dev/port"):
    attempt(path, read, path)
