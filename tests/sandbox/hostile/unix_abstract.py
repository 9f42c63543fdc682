"""An abstract Unix socket of the host."""
# says: ECONNREFUSED
# control: plain
# runtimes: crun runc
import socket

attempt("abstract", socket.socket(socket.AF_UNIX).connect, "\0" + os.environ["HOSTILE_ABSTRACT"])
