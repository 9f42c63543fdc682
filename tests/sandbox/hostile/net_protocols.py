"""SCTP, DCCP, MPTCP, UDP-Lite, L2TP: protocols that would make the host load their modules."""
# says: EPERM
# control: unshare
import socket

for name, kind, protocol in (("sctp", 1, 132), ("sctp packets", 5, 132), ("dccp", 6, 33), ("mptcp", 1, 262), ("udp-lite", 2, 136), ("l2tp", 2, 115)):
    for family in (socket.AF_INET, socket.AF_INET6):
        attempt(f"{name} {family.name}", socket.socket, family, kind, protocol)
