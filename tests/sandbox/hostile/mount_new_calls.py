"""The newer calls that mount: fsopen, fsconfig, fsmount, fspick, open_tree, move_mount, mount_setattr."""
# says: EPERM
# control: unshare
attempt("fsopen", kernel, "fsopen", b"tmpfs", 0)
attempt("fsconfig", kernel, "fsconfig", -1, 6, None, None, 0) if "HOSTILE_CONTROL" not in os.environ else None
attempt("fsmount", kernel, "fsmount", -1, 0, 0) if "HOSTILE_CONTROL" not in os.environ else None
attempt("fspick", kernel, "fspick", -100, b"/", 0)
attempt("open_tree", kernel, "open_tree", -100, b"/usr", 1)
attempt("move_mount", kernel, "move_mount", -100, b"/usr", -100, b"/tmp", 0)
attempt("mount_setattr", kernel, "mount_setattr", -100, b"/proc", 0, (ctypes.c_uint64 * 4)(), 32)
