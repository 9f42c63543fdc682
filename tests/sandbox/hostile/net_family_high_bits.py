"""A family or type with bits set that the kernel drops and a careless filter compares."""
# says: EPERM
# control: unshare
for name, family, kind, protocol in (("netlink", 16 | 1 << 32, 3, 0), ("packet", 17 | 1 << 40, 3, 0), ("unix", 16 | 1 << 63, 3, 0), ("raw", 2, 3 | 1 << 32, 1),
                                     ("protocol", 2, 1, 132 | 1 << 32)):
    attempt(name, kernel, "socket", ctypes.c_ulong(family).value if family < 1 << 63 else family - (1 << 64), kind, protocol)
