"""Device nodes of every kind, in every place that can be written."""
# says: EPERM
# control: unshare
import stat

for folder in ("/tmp", "/dev/shm", "/app/output") if "HOSTILE_CONTROL" not in os.environ else ("/tmp",):
    for name, kind, numbers in (("memory", stat.S_IFCHR, (1, 1)), ("null", stat.S_IFCHR, (1, 3)), ("kmsg", stat.S_IFCHR, (1, 11)), ("terminal", stat.S_IFCHR, (5, 1)),
                                ("fuse", stat.S_IFCHR, (10, 229)), ("loop", stat.S_IFBLK, (7, 0)), ("sda", stat.S_IFBLK, (8, 0)), ("vda", stat.S_IFBLK, (254, 0))):
        path = f"{folder}/hostile-{name}"
        if attempt(f"{folder} {name}", os.mknod, path, 0o600 | kind, os.makedev(*numbers)):
            os.unlink(path)
