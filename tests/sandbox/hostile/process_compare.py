"""kcmp and process_madvise."""
# says: EPERM
# control: unshare
attempt("kcmp", kernel, "kcmp", os.getpid(), os.getpid(), 0, 0, 1)
attempt("kcmp init", kernel, "kcmp", 1, os.getpid(), 1, 0, 0)
attempt("process_madvise", kernel, "process_madvise", os.pidfd_open(os.getpid()), 0, 0, 20, 0)
