"""The hub's own sockets, data and database, by their paths on the host."""
# through: hub
# says: ENOENT
# control: none there is no hub outside
import socket

for name in ("jobs.sock", "admin-token", "labhub.db", "experiments", f"experiments/{os.environ['NEIGHBOUR']}/job.json", f"experiments/{os.environ['NEIGHBOUR']}/output", "."):
    path = os.environ["HUB_FOLDER"] + "/" + name
    attempt(f"connect {name}", socket.socket(socket.AF_UNIX).connect, path[:107])
    attempt(f"open {name}", os.open, path, os.O_RDONLY)
