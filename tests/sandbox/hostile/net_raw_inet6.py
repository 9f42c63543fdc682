"""Raw IPv6 packets."""
# says: EPERM
# control: unshare
import socket

for name, protocol in (("icmp6", 58), ("raw", 255)):
    attempt(name, socket.socket, socket.AF_INET6, socket.SOCK_RAW, protocol)
attempt("ping", socket.socket, socket.AF_INET6, socket.SOCK_DGRAM, 58)
