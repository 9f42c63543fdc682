"""Memory through what waits in sockets."""
# limits: memory=48m
# word: none
# expect: failed
# check: peak_within_memory
# control: none it would fill the machine's memory
import socket

keep = []
for _ in range(1900):
    a, b = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    keep.append((a, b))
    a.setblocking(False)
    try:
        while True:
            a.send(b"x" * 60000)
    except BlockingIOError:
        pass
raise SystemExit(1)
