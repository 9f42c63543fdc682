"""/sys: there is none, and with it no firmware, power, block devices, cgroups."""
# says: ENOENT
# control: unshare
for path in ("/sys", "/sys/firmware", "/sys/devices/virtual/powercap", "/sys/kernel", "/sys/fs/cgroup", "/sys/block", "/sys/class/net", "/sys/module"):
    attempt(path, os.listdir, path)
