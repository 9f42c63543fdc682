"""Bluetooth."""
# says: EPERM
# control: unshare
import socket

for protocol in range(8):
    attempt(f"bluetooth {protocol}", socket.socket, 31, socket.SOCK_RAW if protocol in (1, 4) else socket.SOCK_SEQPACKET, protocol)
