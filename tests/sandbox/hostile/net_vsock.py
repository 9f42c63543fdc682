"""Sockets to the hypervisor and other virtual machines (AF_VSOCK)."""
# says: EPERM
# control: unshare
import socket

attempt("stream", socket.socket, socket.AF_VSOCK, socket.SOCK_STREAM)
attempt("datagram", socket.socket, socket.AF_VSOCK, socket.SOCK_DGRAM)
attempt("packets", socket.socket, socket.AF_VSOCK, socket.SOCK_SEQPACKET)
