"""TIOCSTI, which types into a shared terminal; also with bits a careless filter compares."""
# says: EPERM
# control: none the answer depends on the terminal of whoever runs the tests
for name, request in (("TIOCSTI", 0x5412), ("with high bits", 0x5412 | 1 << 32), ("TIOCLINUX", 0x541C), ("TIOCCONS", 0x541D), ("TIOCSETD", 0x5423)):
    for fd in (0, 1, os.open("/dev/null", os.O_RDWR)):
        attempt(name, kernel, "ioctl", fd, request, ctypes.create_string_buffer(b"x"))
