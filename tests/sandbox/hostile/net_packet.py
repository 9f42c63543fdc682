"""Frames of the wire (AF_PACKET)."""
# says: EPERM
# control: unshare
import socket

attempt("raw", socket.socket, socket.AF_PACKET, socket.SOCK_RAW, socket.ntohs(3))
attempt("datagram", socket.socket, socket.AF_PACKET, socket.SOCK_DGRAM, 0)
