"""Signals to processes of the host: the harness's own, the runner's parent, the first ones."""
# control: none it would signal processes of the host
# says: ESRCH
for pid in (int(os.environ["HOSTILE_PID"]), int(os.environ["HOSTILE_SELF"]), 4194300):
    if pid > 100:
        attempt(f"kill {pid}", os.kill, pid, 9)
        attempt(f"group {pid}", os.killpg, pid, 9)
