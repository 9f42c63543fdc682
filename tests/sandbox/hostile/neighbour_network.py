"""A neighbour's servers: its port on loopback, its abstract Unix socket; and the hub's public port."""
# through: hub
# says: ECONNREFUSED
# control: none the neighbour is a job
import socket

attempt("port", socket.create_connection, ("127.0.0.1", 9999), 3)
attempt("abstract", socket.socket(socket.AF_UNIX).connect, "\0neighbour")
attempt("the hub's public port", socket.create_connection, ("127.0.0.1", int(os.environ["HUB_PORT"])), 3)
attempt("the broker", socket.create_connection, ("127.0.0.1", int(os.environ["BROKER_PORT"])), 3)
attempt("a node's SSH", socket.create_connection, ("127.0.0.1", int(os.environ["SSH_PORT"])), 3)
