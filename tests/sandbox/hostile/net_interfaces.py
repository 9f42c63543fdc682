"""To change the sandbox's own interfaces."""
# says: EPERM
# control: unshare
import fcntl
import socket
import struct

s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
attempt("lower loopback", fcntl.ioctl, s, 0x8914, struct.pack("16sh14x", b"lo", 0))
attempt("give it an address", fcntl.ioctl, s, 0x8916, struct.pack("16sHH4s8x", b"lo", 2, 0, bytes((127, 9, 9, 9))))
