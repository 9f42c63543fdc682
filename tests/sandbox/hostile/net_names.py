"""Names of the outside: there is no resolver."""
# control: none outside, it depends on the network of the machine
import socket

for name in ("example.org", "metadata.google.internal", socket.gethostname() + ".local"):
    attempt(name, socket.getaddrinfo, name, 80)
