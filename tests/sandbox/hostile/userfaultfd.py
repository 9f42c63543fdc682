"""userfaultfd, with which a process stops the kernel where it likes."""
# says: EPERM ENOENT
# control: unshare
attempt("userfaultfd", kernel, "userfaultfd", 0)
attempt("user mode only", kernel, "userfaultfd", 1)
