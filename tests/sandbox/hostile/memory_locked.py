"""Memory locked in place (mlockall, mlock)."""
# limits: memory=64m
# check: peak_within_memory
# control: none it would lock the machine's memory
import mmap

def lock(size):
    block = mmap.mmap(-1, size)
    if LIBC.mlock(ctypes.c_void_p(ctypes.addressof(ctypes.c_char.from_buffer(block))), ctypes.c_size_t(size)) < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
attempt("mlock", lock, 512 << 20)
