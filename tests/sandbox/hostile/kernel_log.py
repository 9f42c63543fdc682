"""The kernel's log: syslog(2), /dev/kmsg, /proc/kmsg."""
# control: unshare
attempt("size", kernel, "syslog", 10, None, 0)
attempt("read", kernel, "syslog", 3, ctypes.create_string_buffer(256), 256)
def read(path):
    fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    if not os.read(fd, 1):
        raise OSError(errno.ENODATA, "empty")
attempt("/dev/kmsg", lambda: os.read(os.open("/dev/kmsg", os.O_RDONLY | os.O_NONBLOCK), 8192))
attempt("/proc/kmsg", read, "/proc/kmsg") if "HOSTILE_CONTROL" not in os.environ else None
