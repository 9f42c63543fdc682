"""Rare calls on memory and pipes: memfd_secret, vmsplice, lookup_dcookie."""
# says: EPERM
# control: none not every kernel has them
attempt("memfd_secret", kernel, "memfd_secret", 0)
attempt("vmsplice", kernel, "vmsplice", os.pipe()[1], None, 0, 0)
attempt("lookup_dcookie", kernel, "lookup_dcookie", 0, None, 0)
