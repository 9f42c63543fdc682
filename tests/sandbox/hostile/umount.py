"""To unmount what masks /proc, and what holds the outputs."""
# says: EPERM
# control: unshare
for path in (b"/proc/kallsyms", b"/proc/sys", b"/app/output", b"/dev/null", b"/proc"):
    attempt(path.decode(), kernel, "umount2", path, 2)
