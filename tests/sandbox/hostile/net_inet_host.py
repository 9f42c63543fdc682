"""A TCP connection and a datagram to the host's own loopback."""
# says: ECONNREFUSED
# control: plain
import socket

attempt("tcp", socket.create_connection, ("127.0.0.1", int(os.environ["HOSTILE_TCP"])), 3)
def answer():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.settimeout(0.3)
        s.connect(("127.0.0.1", int(os.environ["HOSTILE_UDP"])))
        s.send(b"x")
        s.send(b"x")
attempt("udp", answer)
