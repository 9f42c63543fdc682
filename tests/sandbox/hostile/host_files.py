"""To read files of the host."""
# says: ENOENT EACCES ENOTDIR
# control: plain
for path in (os.environ["HOSTILE_CANARY"], "/etc/shadow", "/etc/ssh", "/etc/machine-id", "/root", "/home", "/boot", "/var/lib", "/var/log", "/srv", "/mnt", "/run/user",
             "/lost+found", "/opt/labhub/python/../../../root"):
    attempt(path, lambda: os.listdir(path) if os.path.isdir(path) else open(path).read())
