"""The processor's I/O ports."""
# says: EPERM ENOSYS
# control: unshare
attempt("iopl", kernel, "iopl", 3)
attempt("ioperm", kernel, "ioperm", 0x80, 1, 1)
