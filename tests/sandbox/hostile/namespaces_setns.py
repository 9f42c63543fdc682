"""setns(2): into the namespaces of init or of the host."""
# says: EPERM EACCES
# control: unshare
for kind in ("net", "uts", "ipc", "mnt"):
    attempt(f"own {kind}", kernel, "setns", os.open(f"/proc/self/ns/{kind}", os.O_RDONLY), 0)
attempt("init by handle", kernel, "setns", os.pidfd_open(1), 0x20000)
