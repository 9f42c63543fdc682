"""To name the machine."""
# says: EPERM
# control: unshare
attempt("sethostname", kernel, "sethostname", b"hostile", 7)
attempt("setdomainname", kernel, "setdomainname", b"hostile", 7)
attempt("by file", os.open, "/proc/sys/kernel/hostname", os.O_WRONLY) if "HOSTILE_CONTROL" in os.environ else None
