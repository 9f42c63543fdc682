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
def be_traced():
    """In a child of its own: a traced process stops at its next signal."""
    traced = os.fork()
    if traced == 0:
        try:
            kernel("ptrace", 0, 0, 0, 0)
            os._exit(0)
        except OSError as error:
            os._exit(error.errno)
    why = os.WEXITSTATUS(os.waitpid(traced, 0)[1])
    if why:
        raise OSError(why, os.strerror(why))
attempt("be traced", be_traced)
os.kill(child, 9)
