"""Facts about the host in /proc."""
# control: unshare
def read(path):
    if os.path.isdir(path):
        if not os.listdir(path):
            raise OSError(errno.ENODATA, "empty")
        return
    if not open(path, "rb", buffering=0).read(1):
        raise OSError(errno.ENODATA, "empty")
for name in ("acpi", "bootconfig", "cmdline", "config.gz", "diskstats", "interrupts", "iomem", "ioports", "kallsyms", "keys", "key-users", "kpagecgroup", "kpagecount",
             "kpageflags", "latency_stats", "locks", "mdstat", "modules", "mtrr", "partitions", "pressure", "sched_debug", "schedstat", "scsi", "slabinfo", "timer_list",
             "timer_stats", "vmallocinfo"):
    attempt(name, read, "/proc/" + name)
