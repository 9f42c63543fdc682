"""That what is written to the allowed devices changes nothing for others: no entropy is credited, no owner or mode changed."""
# says: EPERM EROFS EACCES
# runtimes: crun runc
# control: none it would change devices of the host
import fcntl

for name in ("null", "zero", "full", "random", "urandom", "tty"):
    path = "/dev/" + name
    attempt(f"chmod {name}", os.chmod, path, 0o600)
    attempt(f"unlink {name}", os.unlink, path)
    attempt(f"rename {name}", os.rename, path, path + "-")
attempt("credit entropy", fcntl.ioctl, os.open("/dev/random", os.O_RDWR), 0x40045201, (1).to_bytes(4, "little"))
attempt("clear entropy", fcntl.ioctl, os.open("/dev/random", os.O_RDWR), 0x5204)
