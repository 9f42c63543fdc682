"""The kernel's key rings: add a key, make a ring, read them."""
# says: EPERM
# control: unshare
attempt("add_key", kernel, "add_key", b"user", b"hostile", b"x", 1, -2)
attempt("join session", kernel, "keyctl", 1, None)
attempt("session ring", kernel, "keyctl", 0, -3, 1)
attempt("user ring", kernel, "keyctl", 0, -4, 1)
