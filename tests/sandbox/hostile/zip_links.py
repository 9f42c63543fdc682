"""Links, FIFOs and sockets: results.zip holds neither them nor what they point at."""
# through: hub
# check: zip_is_plain zip_holds:kept zip_lacks:canary:token:root:fifo:socket:results.zip
# control: none the harness reads the zip
import socket

os.symlink(os.environ["HOSTILE_CANARY"], "canary")
os.symlink(os.environ["HUB_FOLDER"] + "/admin-token", "token")
os.symlink("/", "root")
os.mkfifo("fifo")
os.mkfifo("results.zip")
socket.socket(socket.AF_UNIX).bind("socket")
open("kept", "w").write("kept")
denied("links", "left out")
