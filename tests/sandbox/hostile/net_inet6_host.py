"""A TCP connection to the host's own IPv6 loopback."""
# says: ECONNREFUSED EADDRNOTAVAIL EAFNOSUPPORT ENETUNREACH
# control: plain
import socket

attempt("tcp6", socket.create_connection, ("::1", int(os.environ["HOSTILE_TCP6"])), 3)
