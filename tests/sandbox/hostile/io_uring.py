"""io_uring."""
# says: EPERM
# control: unshare
attempt("setup", kernel, "io_uring_setup", 4, ctypes.create_string_buffer(256))
