"""A way out: any route to an address that is not the sandbox's own."""
# says: ENETUNREACH EADDRNOTAVAIL EACCES
# control: plain
import socket

def route(family, address):
    with socket.socket(family, socket.SOCK_DGRAM) as s:
        s.connect((address, 53))  # asks the routing table; nothing is sent
for address in ("192.0.2.1", "10.0.0.1", "169.254.169.254", "255.255.255.255", "224.0.0.1"):
    attempt(address, route, socket.AF_INET, address)
attempt("2001:db8::1", route, socket.AF_INET6, "2001:db8::1")
attempt("tcp", socket.create_connection, ("192.0.2.1", 80), 2)
