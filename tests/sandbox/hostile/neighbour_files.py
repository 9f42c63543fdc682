"""A neighbour's files: its /tmp, /dev/shm, outputs, and what it left in memory files."""
# through: hub
# control: none the neighbour is a job
found = [os.path.join(folder, name) for top in ("/tmp", "/dev/shm", "/app", "/run", "/var") for folder, _, names in os.walk(top) for name in names if "neighbour" in name]
denied("files", "none of a neighbour") if not found else escaped(f"{found}")
for path in ("/tmp/neighbour", "/dev/shm/neighbour", "/app/output/neighbour"):
    attempt(path, os.open, path, os.O_RDONLY)
