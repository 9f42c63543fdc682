"""To raise one's own limits: open files, file size, locked memory, niceness, real-time."""
# control: unshare
import resource

def more(kind):
    soft, hard = resource.getrlimit(kind)
    wanted = resource.RLIM_INFINITY if hard != resource.RLIM_INFINITY and kind != resource.RLIMIT_NOFILE else hard + 1
    try:
        resource.setrlimit(kind, (wanted, wanted))
    except ValueError as error:
        raise OSError(errno.EPERM, str(error)) from error
for kind in ("NOFILE", "FSIZE", "MEMLOCK", "NICE", "RTPRIO", "MSGQUEUE", "CORE"):
    if resource.getrlimit(getattr(resource, "RLIMIT_" + kind))[1] == resource.RLIM_INFINITY:
        escaped(f"{kind} has no limit") if kind in ("NOFILE", "FSIZE", "CORE") else denied(kind, "unlimited by itself, bounded by the job's memory")
        continue
    attempt(kind, more, getattr(resource, "RLIMIT_" + kind))
