"""FIFOs, sockets and devices in the outputs: reading them would hold up or mislead the hub."""
# check: output_is_plain output_holds:kept ended_within:40
# control: none the harness reads what is kept
import socket
import stat

os.mkfifo("fifo")
os.mkfifo("results.zip")
socket.socket(socket.AF_UNIX).bind("socket")
for name, kind in (("device", stat.S_IFBLK), ("terminal", stat.S_IFCHR)):
    attempt(name, os.mknod, name, 0o666 | kind, os.makedev(8, 0))
open("kept", "w").write("kept")
