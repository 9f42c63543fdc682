"""Every other address family the kernel knows or may come to know."""
# says: EPERM
# control: unshare
import socket

for family in [*range(3, 10), *range(11, 50), 64, 255]:
    for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM, socket.SOCK_RAW, socket.SOCK_SEQPACKET):
        attempt(f"{family}/{kind.name}", socket.socket, family, kind, 0)
