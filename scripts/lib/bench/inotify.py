"""When files come and change, as the kernel says it: nothing runs between two events, so nothing disturbs what is measured."""
import ctypes
import os
import select
import struct
import time

MODIFY, MOVED_TO, CREATE = 0x2, 0x80, 0x100
_EVENT = struct.Struct("iIII")
_libc = ctypes.CDLL(None, use_errno=True)


class Watch:
    """Watches folders. `with Watch() as watch: watch.add(folder)`."""

    def __enter__(self):
        self._fd = _libc.inotify_init1(os.O_CLOEXEC | os.O_NONBLOCK)
        if self._fd < 0:
            raise OSError(ctypes.get_errno(), "inotify_init1")
        return self

    def __exit__(self, *_):
        os.close(self._fd)

    def add(self, folder):
        if _libc.inotify_add_watch(self._fd, os.fsencode(folder), CREATE | MODIFY | MOVED_TO) < 0:
            raise OSError(ctypes.get_errno(), "inotify_add_watch", str(folder))

    def events(self, limit):
        """(time of day in ns, file name) of each event, until `limit` seconds have passed."""
        until = time.monotonic() + limit
        while (left := until - time.monotonic()) > 0:
            if not select.select([self._fd], [], [], left)[0]:
                continue
            now, data, at = time.time_ns(), os.read(self._fd, 65536), 0
            while at < len(data):
                length = _EVENT.unpack_from(data, at)[3]
                at += _EVENT.size
                yield now, data[at:at + length].rstrip(b"\0").decode()
                at += length
        raise TimeoutError(f"no such event within {limit:g} s")
