"""Calls by the 32-bit door and the x32 table, which a filter for 64 bits may forget."""
# runtimes: crun runc
# control: none of little use on a kernel without 32-bit support
import mmap
import signal

def in_a_child(name, action):
    child = os.fork()
    if child == 0:
        try:
            os._exit(0 if action() >= 0 else 1)
        except BaseException:
            os._exit(1)
    status = os.waitpid(child, 0)[1]
    if os.WIFSIGNALED(status):
        denied(name, f"ended by {signal.Signals(os.WTERMSIG(status)).name}")
    else:
        escaped(name) if os.WEXITSTATUS(status) == 0 else denied(name, "refused")
def int80(number):
    code = mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
    code.write(b"\xb8" + number.to_bytes(4, "little") + b"\xcd\x80\xc3")
    return ctypes.CFUNCTYPE(ctypes.c_int)(ctypes.addressof(ctypes.c_char.from_buffer(code)))()
if platform.machine() == "x86_64":
    in_a_child("x32 getpid", lambda: LIBC.syscall(ctypes.c_long(0x40000000 | 39)))
    in_a_child("x32 keyctl", lambda: LIBC.syscall(ctypes.c_long(0x40000000 | 250), 0, -3, 1))
    in_a_child("int 0x80 getpid", lambda: int80(20))
    in_a_child("int 0x80 unshare", lambda: int80(310))
else:
    denied("compat", "this machine has one table of calls")
