"""Unix sockets in the host's files: a listener of ours, and the usual ones of system services."""
# says: ENOENT
# control: plain
import socket

for path in (os.environ["HOSTILE_SOCKET"], "/run/dbus/system_bus_socket", "/var/run/docker.sock", "/run/containerd/containerd.sock", "/run/systemd/private",
             "/run/systemd/journal/socket", "/run/systemd/notify"):
    attempt(path, socket.socket(socket.AF_UNIX).connect, path)
