"""clone3(2), whose flags no filter can see."""
# says: ENOSYS EPERM
# control: unshare
import signal

def clone(flags):
    pid = kernel("clone3", (ctypes.c_uint64 * 11)(flags, 0, 0, 0, signal.SIGCHLD), 88)
    if pid == 0:
        os._exit(0)
    os.waitpid(pid, 0)
attempt("plain", clone, 0)
attempt("user", clone, 0x10000000)
