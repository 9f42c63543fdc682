# What stands before every hostile program: calls to the kernel by name, and the count of what it let through. A program
# calls attempt() once or more; when it ends, one line says `denied: …`, or `ESCAPED: …` if anything succeeded.
import atexit
import ctypes
import errno
import os
import platform

LIBC = ctypes.CDLL(None, use_errno=True)
_NUMBERS = {  # x86-64, arm64
    "acct": (163, 89), "add_key": (248, 217), "bpf": (321, 280), "capset": (126, 91), "chroot": (161, 51), "clock_settime": (227, 112),
    "clone": (56, 220), "clone3": (435, 435), "fanotify_init": (300, 262), "finit_module": (313, 273), "fsconfig": (431, 431),
    "fsmount": (432, 432), "fsopen": (430, 430), "fspick": (433, 433), "init_module": (175, 105), "delete_module": (176, 106),
    "io_uring_enter": (426, 426), "io_uring_setup": (425, 425), "ioctl": (16, 29), "ioperm": (173, None), "iopl": (172, None),
    "kcmp": (312, 272), "kexec_file_load": (320, 294), "kexec_load": (246, 104), "keyctl": (250, 219), "listmount": (458, 458),
    "mbind": (237, 235), "memfd_create": (319, 279), "migrate_pages": (256, 238), "mount": (165, 40), "mount_setattr": (442, 442),
    "move_mount": (429, 429), "move_pages": (279, 239), "mq_open": (240, 180), "name_to_handle_at": (303, 264), "open_by_handle_at": (304, 265),
    "open_tree": (428, 428), "perf_event_open": (298, 241), "personality": (135, 92), "pidfd_getfd": (438, 438), "pidfd_open": (434, 434),
    "pivot_root": (155, 41), "prlimit64": (302, 261), "process_madvise": (440, 440), "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271), "ptrace": (101, 117), "quotactl": (179, 60), "quotactl_fd": (443, 443), "reboot": (169, 142),
    "request_key": (249, 218), "sethostname": (170, 161), "setdomainname": (171, 162), "setns": (308, 268), "settimeofday": (164, 170),
    "shmget": (29, 194), "semget": (64, 190), "msgget": (68, 186), "socket": (41, 198), "statmount": (457, 457), "swapoff": (168, 225),
    "swapon": (167, 224), "syslog": (103, 116), "umount2": (166, 39), "unshare": (272, 97), "userfaultfd": (323, 282), "vhangup": (153, 58),
    "vmsplice": (278, 75), "adjtimex": (159, 171), "set_mempolicy": (238, 237), "lookup_dcookie": (212, 18), "memfd_secret": (447, 447),
}
_COLUMN = {"x86_64": 0, "aarch64": 1}[platform.machine()]
_denied, _escaped = [], []


def kernel(name, *arguments):
    """The call's result. OSError as the kernel said; ENOSYS where the machine has no such call."""
    number = _NUMBERS[name][_COLUMN]
    if number is None:
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))
    given = [ctypes.c_long(a) if isinstance(a, int) else a for a in arguments]
    got = LIBC.syscall(ctypes.c_long(number), *given)
    if got < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return got


def denied(what, why):
    _denied.append(f"{what}: {why}")


def escaped(what):
    _escaped.append(what)


def attempt(what, action, *arguments, **named):
    """Whether it succeeded, which it must not; an OSError is the denial."""
    try:
        action(*arguments, **named)
    except OSError as error:
        denied(what, f"{errno.errorcode.get(error.errno, error.errno)} {error.strerror or error}")
        return False
    escaped(what)
    return True


def ask(verb, path, body=None, headers=()):
    """(status, bytes) of the hub's answer; its API is at the same place in every sandbox."""
    import http.client
    hub = http.client.HTTPConnection("127.0.0.1", 8000, timeout=15)
    try:
        hub.request(verb, path, body, dict(headers))
        reply = hub.getresponse()
        return reply.status, reply.read()
    finally:
        hub.close()


def refused(what, verb, path, body=None, headers=(), by=(401, 403, 404, 405)):
    """Asks the hub for what it must not give."""
    status, answer = ask(verb, path, body, headers)
    denied(what, f"{status} {answer[:60]!r}") if status in by else escaped(f"{what} ({status} {answer[:200]!r})")


@atexit.register
def _verdict():
    # Only the program itself: its forked children may come here too.
    if os.getpid() != _PROGRAM:
        return
    line = "ESCAPED: " + ", ".join(_escaped) if _escaped else "denied: " + "; ".join(_denied) if _denied else "nothing was tried"
    if _escaped and _denied and "HOSTILE_CONTROL" in os.environ:
        line += " (not here: " + "; ".join(_denied) + ")"
    os.write(1, ("".join(c if c.isprintable() else "?" for c in line) + "\n").encode(errors="replace"))


_PROGRAM = os.getpid()
