"""To write the kernel's settings: each file below /proc/sys, /proc/bus, /proc/fs, /proc/irq."""
# says: EROFS EACCES ENOENT EPERM
# control: unshare
for path in ("/proc/sys/kernel/core_pattern", "/proc/sys/kernel/modprobe", "/proc/sys/kernel/hostname", "/proc/sys/kernel/panic", "/proc/sys/kernel/randomize_va_space",
             "/proc/sys/vm/overcommit_memory", "/proc/sys/vm/drop_caches", "/proc/sys/fs/suid_dumpable", "/proc/sys/net/ipv4/ip_forward", "/proc/irq/default_smp_affinity",
             "/proc/sys/kernel/ns_last_pid", "/proc/sys/fs/binfmt_misc/register", "/proc/sys/user/max_user_namespaces"):
    attempt(path, os.open, path, os.O_WRONLY)
