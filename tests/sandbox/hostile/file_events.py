"""fanotify, which sees what others open."""
# says: EPERM
# control: unshare
attempt("fanotify", kernel, "fanotify_init", 0, 0)
attempt("fanotify by file id", kernel, "fanotify_init", 0x200, 0)
