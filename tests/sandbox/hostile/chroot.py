"""chroot, also as the way out of one."""
# says: EPERM
# control: unshare
os.makedirs("/tmp/hostile-root", exist_ok=True)
attempt("chroot", kernel, "chroot", b"/tmp/hostile-root")
