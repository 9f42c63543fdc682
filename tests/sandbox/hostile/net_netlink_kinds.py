"""Netlink of every other kind: audit, device events, generic, netfilter, crypto, socket diagnosis…"""
# says: EPERM
# control: unshare
import socket

for kind in range(1, 32):
    attempt(f"netlink {kind}", socket.socket, socket.AF_NETLINK, socket.SOCK_RAW, kind)
