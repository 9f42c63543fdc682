"""To set the machine's clock."""
# says: EPERM
# control: none it would change the machine
import time

now = time.time()
attempt("settimeofday", kernel, "settimeofday", (ctypes.c_long * 2)(int(now), 0), None)
attempt("clock_settime", kernel, "clock_settime", 0, (ctypes.c_long * 2)(int(now), 0))
attempt("clock_settime by name", time.clock_settime, time.CLOCK_REALTIME, now)
attempt("adjtimex", kernel, "adjtimex", (ctypes.c_uint64 * 40)(1))
