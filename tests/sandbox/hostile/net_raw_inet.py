"""Raw IP packets."""
# says: EPERM
# control: unshare
import socket

for name, protocol in (("icmp", 1), ("tcp", 6), ("udp", 17), ("raw", 255)):
    attempt(name, socket.socket, socket.AF_INET, socket.SOCK_RAW, protocol)
attempt("ping", socket.socket, socket.AF_INET, socket.SOCK_DGRAM, 1)
attempt("packet", socket.socket, socket.AF_INET, 10, 0x300)
