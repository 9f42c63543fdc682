"""To overwrite the program that watches the script, or the runtime through /proc (CVE-2019-5736)."""
# says: EROFS EACCES ETXTBSY EPERM ENOENT
# control: none it would overwrite a program of the host
for path in ("/run/labhub/init", "/proc/1/exe", "/app/user_script.py", "/usr/bin/python3", "/proc/self/exe"):
    attempt(path, os.open, path, os.O_WRONLY)
