"""To load and unload kernel modules."""
# says: EPERM
# control: none it would change the kernel
attempt("init_module", kernel, "init_module", b"\x7fELF", 4, b"")
attempt("finit_module", kernel, "finit_module", os.open("/usr/bin/python3", os.O_RDONLY), b"", 0)
attempt("delete_module", kernel, "delete_module", b"loop", 0o4000)
