"""Memory through the buffers of pipes."""
# limits: memory=48m
# word: none
# expect: failed
# check: peak_within_memory
# control: none it would fill the machine's memory
import fcntl

keep = []
for _ in range(2000):
    out, into = os.pipe()
    keep.append((out, into))
    try:
        fcntl.fcntl(into, 1031, 1 << 20)
    except OSError:
        pass
    os.set_blocking(into, False)
    try:
        while True:
            os.write(into, b"x" * 65536)
    except BlockingIOError:
        pass
raise SystemExit(1)
