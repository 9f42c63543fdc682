"""The CAN bus, to which laboratory hardware may be wired."""
# says: EPERM
# control: unshare
import socket

attempt("raw", socket.socket, 29, socket.SOCK_RAW, 1)
attempt("broadcast", socket.socket, 29, socket.SOCK_DGRAM, 2)
