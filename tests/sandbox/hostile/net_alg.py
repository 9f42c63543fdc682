"""The kernel's ciphers (AF_ALG)."""
# says: EPERM
# control: unshare
import socket

attempt("alg", socket.socket, 38, socket.SOCK_SEQPACKET)
