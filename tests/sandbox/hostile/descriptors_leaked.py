"""Descriptors that the runner or the runtime forgot to close."""
# control: none a control would have to leak one
import stat

for fd in range(3, 4096):
    try:
        facts = os.fstat(fd)
    except OSError:
        continue
    escaped(f"descriptor {fd} ({stat.filemode(facts.st_mode)})")
for fd in range(3):
    kind = os.fstat(fd).st_mode
    denied(f"descriptor {fd}", "a pipe or /dev/null") if stat.S_ISFIFO(kind) or stat.S_ISCHR(kind) else escaped(f"descriptor {fd} is {stat.filemode(kind)}")
