"""process_vm_readv, of init and of one's own."""
# says: EPERM
# control: unshare
text = ctypes.create_string_buffer(b"x" * 16)
class Part(ctypes.Structure):
    _fields_ = [("base", ctypes.c_void_p), ("size", ctypes.c_size_t)]
part = Part(ctypes.addressof(text), 16)
for name, pid in (("own", os.getpid()), ("init", 1)):
    attempt(name, kernel, "process_vm_readv", pid, ctypes.byref(part), 1, ctypes.byref(part), 1, 0)
