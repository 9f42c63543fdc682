"""To take capabilities: capset, ambient ones, file capabilities."""
# says: EPERM EACCES EINVAL ENOTSUP
# control: unshare
import struct

header = ctypes.create_string_buffer(struct.pack("II", 0x20080522, 0))
everything = ctypes.create_string_buffer(struct.pack("6I", *(0xFFFFFFFF, 0xFFFFFFFF, 0, 0x1FF, 0x1FF, 0)))
attempt("capset", kernel, "capset", header, everything)
def prctl(*arguments):
    if LIBC.prctl(*arguments) < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
attempt("ambient", prctl, 47, 2, 21, 0, 0)
attempt("securebits", prctl, 28, 0, 0, 0, 0)
open("/tmp/hostile-tool", "w").close()
attempt("file capability", os.setxattr, "/tmp/hostile-tool", "security.capability", struct.pack("<IIIII", 0x02000001, 0x3FFFFFFF, 0, 0, 0))
os.unlink("/tmp/hostile-tool")
