"""Control groups: to mount them, leave one's own, write release_agent (CVE-2022-0492)."""
# control: none it would change the machine's control groups
os.makedirs("/tmp/cgroup", exist_ok=True)
for kind, options in ((b"cgroup2", None), (b"cgroup", b"memory"), (b"cgroup", b"rdma"), (b"cgroup", b"none,name=x")):
    attempt(f"mount {options}", kernel, "mount", kind, b"/tmp/cgroup", kind, 0, options)
for path in ("/sys/fs/cgroup", "/sys/fs/cgroup/release_agent", "/sys/fs/cgroup/memory/release_agent", "/sys/fs/cgroup/cgroup.procs"):
    attempt(path, os.open, path, os.O_WRONLY)
attempt("new namespace", kernel, "unshare", 0x2000000)
shown = {line.split(":", 2)[2] for line in open("/proc/self/cgroup").read().splitlines()}
denied("own path", "/") if shown == {"/"} else escaped(f"the host's control groups {shown}")
