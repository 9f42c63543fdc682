"""Disk quotas of the file systems."""
# says: EPERM
# control: none its answer depends on the machine's file systems
attempt("quotactl sync", kernel, "quotactl", 0x80000100, None, 0, None)
attempt("quotactl_fd", kernel, "quotactl_fd", os.open("/app/output", os.O_RDONLY), 0x80000100, 0, None)
attempt("vhangup", kernel, "vhangup")
