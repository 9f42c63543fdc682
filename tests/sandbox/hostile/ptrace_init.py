"""To trace the sandbox's first process or one of the host."""
# says: EPERM ESRCH
# control: none it would stop processes
attempt("init", kernel, "ptrace", 0x4206, 1, 0, 0)
attempt("host", kernel, "ptrace", 0x4206, int(os.environ["HOSTILE_PID"]), 0, 0)
