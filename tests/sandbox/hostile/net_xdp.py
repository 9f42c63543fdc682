"""Express data path (AF_XDP)."""
# says: EPERM
# control: unshare
import socket

attempt("xdp", socket.socket, 44, socket.SOCK_RAW)
