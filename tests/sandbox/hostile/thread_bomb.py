"""Threads without end; they count as processes do."""
# limits: pids=64
# control: none it would take the machine
import threading

over = threading.Event()
made = 0
try:
    for made in range(5000):
        threading.Thread(target=over.wait, daemon=True).start()
    escaped(f"{made} threads")
except RuntimeError as error:
    denied("threads", f"{error} after {made}") if made < 64 else escaped(f"{made} threads")
over.set()
