"""To replace the output folder itself, or mount something over it."""
# says: EPERM EBUSY EROFS EACCES EXDEV EEXIST
# check: output_is_plain output_holds:kept
# control: none the harness reads what is kept
open("kept", "w").write("kept")
os.chdir("/")
attempt("remove", os.rmdir, "/app/output")
attempt("rename", os.rename, "/app/output", "/app/gone")
attempt("rename to /tmp", os.rename, "/app/output", "/tmp/gone")
attempt("mount over", kernel, "mount", b"/usr", b"/app/output", None, 4096, None)
attempt("exchange", os.symlink, "/usr", "/app/output")
