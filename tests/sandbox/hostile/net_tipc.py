"""TIPC, also as a pair."""
# says: EPERM
# control: unshare
import socket

attempt("tipc", socket.socket, 30, socket.SOCK_SEQPACKET)
attempt("pair", socket.socketpair, 30, socket.SOCK_SEQPACKET)
