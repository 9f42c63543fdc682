"""Set-user-id programs of the image, and one made oneself: none gives another user."""
# runtimes: crun runc
# control: none as root they gain nothing
import shutil
import subprocess

for folder in ("/app/output", "/tmp"):
    tool = folder + "/tool"
    shutil.copy("/usr/bin/id", tool)
    os.chmod(tool, 0o6755)
    try:
        told = subprocess.run([tool, "-u"], capture_output=True, text=True).stdout.strip()
    except OSError as error:
        denied(tool, error)
        continue
    denied(tool, f"runs as {told}") if told == str(os.getuid()) else escaped(f"{tool} runs as '{told}'")
def set_user_id_files(place):
    """Those on the same file system."""
    device = os.stat(place).st_dev
    for folder, folders, names in os.walk(place):
        folders[:] = [name for name in folders if os.lstat(os.path.join(folder, name)).st_dev == device]
        for path in (os.path.join(folder, name) for name in names):
            if os.lstat(path).st_mode & 0o6000:
                yield path
flags = {line.split()[1]: line.split()[3].split(",") for line in open("/proc/self/mounts")}
for place, options in flags.items():
    if place.startswith(("/proc/", "/dev/")):
        continue
    if "nosuid" in options:
        denied(f"set-user-id on {place}", "without effect")
    else:
        found = [] if "ro" in options else ["a writable place"]
        found += set_user_id_files(place)
        escaped(f"{place} heeds set-user-id and has {found}") if found else denied(f"set-user-id on {place}", "no such file, read-only")
for program in ("su", "mount", "passwd", "newgrp", "chsh"):
    path = shutil.which(program)
    if path:
        ran = subprocess.run([path, "--version"], capture_output=True, stdin=subprocess.DEVNULL)
        uid = subprocess.run(["sh", "-c", f"{path} -c 'id -u' 2>/dev/null"], capture_output=True, text=True, stdin=subprocess.DEVNULL).stdout.strip() if program == "su" else ""
        escaped(f"{program} gave user {uid}") if uid == "0" else denied(program, "gave nothing")
