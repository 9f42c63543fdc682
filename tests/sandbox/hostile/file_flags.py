"""File system calls by ioctl: immutable flags, project numbers, freezing, trimming, growing the image."""
# says: EPERM
# control: plain
fd = os.open("hostile-flags" if "HOSTILE_CONTROL" in os.environ else "/app/output/flags", os.O_RDWR | os.O_CREAT)
attempt("set flags", kernel, "ioctl", fd, 0x40086602, (ctypes.c_long * 1)(0x80))
if "HOSTILE_CONTROL" not in os.environ:
    for name, request in (("project", 0x401C5820), ("freeze", 0xC0045877), ("thaw", 0xC0045878), ("trim", 0xC0185879), ("ext4 resize", 0x40086610),
                          ("ext4 swap boot", 0x6611), ("ext4 move extents", 0xC028660F), ("shutdown", 0x8004587D), ("dedupe", 0xC0189436)):
        attempt(name, kernel, "ioctl", fd, request, ctypes.create_string_buffer(64))
