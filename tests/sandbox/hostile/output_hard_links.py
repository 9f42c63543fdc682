"""Hard links: to files outside of the outputs, and many names of one file."""
# says: EXDEV EPERM EROFS ENOENT EACCES
# check: output_is_plain output_holds:kept
# limits: output=8m
# control: none the harness reads what is kept
for path in ("/etc/passwd", "/usr/bin/su", "/app/user_script.py", "/run/labhub/init", "/proc/1/environ", "/dev/null", os.environ["HOSTILE_CANARY"]):
    attempt(path, os.link, path, "/app/output/" + os.path.basename(path))
open("kept", "wb").write(b"x" * 10_000)
for n in range(200):
    os.link("kept", f"again-{n}")
