"""The sandbox's first process: its files, memory, descriptors."""
# says: EACCES EPERM ENOENT
# control: unshare
for path in ("/proc/1/root/etc/passwd", "/proc/1/environ", "/proc/1/maps", "/proc/1/auxv", "/proc/1/map_files", "/proc/1/fd", "/proc/1/fdinfo", "/proc/1/io"):
    attempt(path, lambda: os.listdir(path) if os.path.isdir(path) else open(path, "rb").read(1))
for path in ("/proc/1/mem", "/proc/1/exe"):
    attempt(path, os.open, path, os.O_RDWR)
attempt("readlink", os.readlink, "/proc/1/cwd")
attempt("namespace", os.readlink, "/proc/1/ns/net")
