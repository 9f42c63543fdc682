"""A neighbour's processes: by their number on the host, by all numbers there are."""
# through: hub
# control: none it would signal processes of the host
for pid in (int(word) for word in os.environ["NEIGHBOUR_PIDS"].split()):
    if pid > 100:
        attempt(f"signal {pid}", os.kill, pid, 9)
        attempt(f"see {pid}", os.stat, f"/proc/{pid}")
reached = 0
for pid in range(2, 70_000):
    if pid == os.getpid():
        continue
    try:
        os.kill(pid, 9)
        reached += 1
    except ProcessLookupError:
        pass
denied("all numbers", "nobody there") if not reached else escaped(f"{reached} processes were reached")
