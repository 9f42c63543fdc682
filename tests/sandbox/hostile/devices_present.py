"""Devices beyond null, zero, full, random, urandom and tty."""
# control: unshare
# runtimes: crun runc
import stat

ALLOWED = {"/dev/" + name for name in ("null", "zero", "full", "random", "urandom", "tty")}
for folder, _, names in os.walk("/dev"):
    for path in (os.path.join(folder, name) for name in names):
        mode = os.lstat(path).st_mode
        if stat.S_ISCHR(mode) or stat.S_ISBLK(mode):
            denied(path, "allowed") if path in ALLOWED else escaped(path)
        elif stat.S_ISLNK(mode) and os.path.exists(path) and os.path.realpath(path).startswith("/dev/"):
            denied(path, "a link to what is allowed") if os.path.realpath(path) in ALLOWED else escaped(f"{path} -> {os.path.realpath(path)}")
for folder in ("/app", "/tmp", "/run", "/var", "/etc", "/opt"):
    for parent, folders, names in os.walk(folder):
        for name in names:
            mode = os.lstat(os.path.join(parent, name)).st_mode
            if (stat.S_ISCHR(mode) or stat.S_ISBLK(mode)) and "HOSTILE_CONTROL" not in os.environ:
                escaped(os.path.join(parent, name))
