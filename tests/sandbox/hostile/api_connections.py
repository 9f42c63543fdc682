"""Connections without end that say nothing."""
# through: hub
# limits: time=30s
# check: hub_answered
# control: none there is no hub outside
import socket
import time

keep = []
try:
    for _ in range(3000):
        s = socket.socket()
        s.settimeout(2)
        s.connect(("127.0.0.1", 8000))
        keep.append(s)
except OSError as error:
    denied("connections", f"{error} after {len(keep)}")
time.sleep(1)
open_now = 0
for s in keep:
    s.setblocking(False)
    try:
        s.recv(1)
    except BlockingIOError:
        open_now += 1
    except OSError:
        pass
denied("held open", open_now) if open_now <= 2048 else escaped(f"{open_now} connections are held open")
