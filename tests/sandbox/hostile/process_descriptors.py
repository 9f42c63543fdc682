"""To take a descriptor out of another process (pidfd_getfd)."""
# says: EPERM
# control: unshare
for name, pid in (("own", os.getpid()), ("init", 1)):
    attempt(name, kernel, "pidfd_getfd", os.pidfd_open(pid), 0, 0)
