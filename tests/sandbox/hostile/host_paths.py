"""To leave the root by `..`, by a descriptor, by a link."""
# control: none outside, a root is no wall
up = os.open("/", os.O_RDONLY)
for _ in range(64):
    up = os.open("..", os.O_RDONLY, dir_fd=up)
denied("..", "the same root") if os.path.sameopenfile(up, os.open("/", os.O_RDONLY)) else escaped("..")
os.symlink("/../../../../.." + os.environ["HOSTILE_CANARY"], "/tmp/link")
attempt("link", open, "/tmp/link")
attempt("/proc/self/root", open, "/proc/self/root" + os.environ["HOSTILE_CANARY"])
attempt("descriptor", os.open, os.environ["HOSTILE_CANARY"].lstrip("/"), os.O_RDONLY, dir_fd=up)
