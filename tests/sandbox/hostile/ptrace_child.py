"""To trace even a process of one's own: with ptrace a filter can be talked around."""
# says: EPERM
# control: unshare
child = os.fork()
if child == 0:
    import time
    time.sleep(5)
    os._exit(0)
attempt("seize", kernel, "ptrace", 0x4206, child, 0, 0)
attempt("attach", kernel, "ptrace", 16, child, 0, 0)
attempt("be traced", kernel, "ptrace", 0, 0, 0, 0)
os.kill(child, 9)
