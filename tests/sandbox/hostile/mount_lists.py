"""statmount and listmount, which show mounts."""
# says: EPERM
# control: unshare
asked = (ctypes.c_uint64 * 4)(32, 0xFFFFFFFFFFFFFFFF, 0, 0)
attempt("listmount", kernel, "listmount", asked, (ctypes.c_uint64 * 16)(), 16, 0)
attempt("statmount", kernel, "statmount", (ctypes.c_uint64 * 4)(32, 1, 1, 0), ctypes.create_string_buffer(4096), 4096, 0)
