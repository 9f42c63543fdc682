"""To write anywhere but to /app/output, /tmp and /dev/shm."""
# says: EROFS EACCES EPERM ENOENT
# control: none it would write into the host
for folder in ("/", "/app", "/app/input", "/usr", "/usr/bin", "/usr/lib/python3", "/etc", "/opt", "/opt/labhub", "/run", "/run/labhub", "/var", "/dev", "/proc", "/bin", "/lib"):
    attempt(folder, open, folder + "/hostile", "w")
    attempt(f"mkdir {folder}", os.mkdir, folder + "/hostile-folder")
for path in ("/app/user_script.py", "/etc/passwd", "/etc/ld.so.cache", "/usr/bin/python3"):
    attempt(path, open, path, "r+b")
    attempt(f"chmod {path}", os.chmod, path, 0o777)
    attempt(f"unlink {path}", os.unlink, path)
attempt("rename", os.rename, "/app/output", "/app/elsewhere")
