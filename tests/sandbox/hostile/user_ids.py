"""To become root or another user."""
# says: EPERM EINVAL
# control: unshare
for call, arguments in (("setuid", (0,)), ("setgid", (0,)), ("setreuid", (0, 0)), ("setregid", (0, 0)), ("setresuid", (0, 0, 0)), ("setresgid", (0, 0, 0)),
                        ("seteuid", (0,)), ("setegid", (0,)), ("setgroups", ([0],)), ("setuid", (65534,))):
    attempt(call, getattr(os, call), *arguments)
attempt("chown", os.chown, ".", 0, 0)
