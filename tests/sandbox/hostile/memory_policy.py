"""To say on which memory node pages lie, and to move those of others."""
# says: EPERM
# control: unshare
attempt("mbind", kernel, "mbind", 0, 0, 0, None, 0, 0)
attempt("set_mempolicy", kernel, "set_mempolicy", 0, None, 0)
attempt("migrate_pages", kernel, "migrate_pages", 0, 1, (ctypes.c_ulong * 1)(1), (ctypes.c_ulong * 1)(1))
attempt("move_pages", kernel, "move_pages", 0, 0, None, None, None, 0)
