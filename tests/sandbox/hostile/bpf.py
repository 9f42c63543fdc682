"""bpf(2): a map and a program."""
# says: EPERM
# control: unshare
attempt("map", kernel, "bpf", 0, (ctypes.c_uint32 * 32)(2, 4, 4, 1), 128)
code = (ctypes.c_uint64 * 2)(0xB7, 0x95)
program = (ctypes.c_uint64 * 16)(1 | 2 << 32, ctypes.addressof(code), ctypes.addressof(ctypes.create_string_buffer(b"GPL")))
attempt("program", kernel, "bpf", 5, program, 128)
