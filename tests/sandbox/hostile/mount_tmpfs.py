"""To mount: a new file system."""
# says: EPERM
# control: unshare
os.makedirs("/tmp/hostile-mount", exist_ok=True)
for kind in (b"tmpfs", b"proc", b"sysfs", b"devtmpfs", b"cgroup2", b"overlay"):
    attempt(kind.decode(), kernel, "mount", kind, b"/tmp/hostile-mount", kind, 0, None)
