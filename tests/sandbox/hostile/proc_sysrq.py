"""The magic key."""
# says: EROFS EACCES ENOENT EPERM
# control: none the file is opened for writing, and the kernel of many machines has none
attempt("sysrq", os.open, "/proc/sysrq-trigger", os.O_WRONLY)
attempt("sysrq setting", os.open, "/proc/sys/kernel/sysrq", os.O_WRONLY)
