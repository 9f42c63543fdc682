"""To mount: a folder at another place, a mount made shared, moved or writable."""
# says: EPERM
# control: unshare
os.makedirs("/tmp/hostile-mount", exist_ok=True)
attempt("bind", kernel, "mount", b"/usr", b"/tmp/hostile-mount", None, 4096, None)
attempt("recursive bind", kernel, "mount", b"/", b"/tmp/hostile-mount", None, 4096 | 16384, None)
attempt("shared", kernel, "mount", None, b"/", None, 1 << 20 | 16384, None)
if "HOSTILE_CONTROL" not in os.environ:
    attempt("writable", kernel, "mount", None, b"/usr", None, 32 | 4096, None)
    attempt("move", kernel, "mount", b"/usr", b"/tmp/hostile-mount", None, 8192, None)
