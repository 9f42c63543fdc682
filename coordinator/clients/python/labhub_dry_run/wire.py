"""What the script and the dry run's hub tell each other beside the hub's API: the time, the line, and failures.

Every request that leaves by `http.client` (so do those of labhub, requests and urllib) has the headers `Labhub-Time` (what time
it is, in milliseconds of UTC) and `Labhub-Until` (how far the time may go while the answer is waited for), and
`Labhub-Line`: the line of the script that asks. The answer has a `Labhub-Time` too. What has no request to ride on goes
to POST /dry-run.
"""

from __future__ import annotations

import atexit
import http.client
import json
import os
import socket
import sys
import threading
import traceback
from typing import Any, Dict, Optional, Tuple
from urllib.parse import urlsplit

from .scheduler import Scheduler

_MS = 1_000_000


class Hub:
    """The hub of the dry run, by a connection of its own, used under the scheduler's mutex."""

    def __init__(self, host: str, port: int) -> None:
        self.host = host
        self.port = port
        self._connection: Optional[socket.socket] = None

    @staticmethod
    def from_environment() -> "Hub":
        parts = urlsplit(os.environ.get("LABHUB_URL", "http://127.0.0.1:8000"))
        return Hub(parts.hostname or "127.0.0.1", parts.port or 80)

    def tell(self, time: int, failure: Optional[Dict[str, Any]] = None) -> Tuple[int, bool]:
        """The time that has come, and perhaps what failed. Returns the hub's time and whether the dry run is over."""
        body = json.dumps({"time_ms": time // _MS, **({"failure": failure} if failure else {})}).encode()
        head = f"POST /dry-run HTTP/1.1\r\nHost: {self.host}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        for is_again in (False, True):
            try:
                answer = self._exchange(head.encode() + body)
                return int(answer["time_ms"]) * _MS, bool(answer["is_over"])
            except (OSError, ValueError, KeyError):
                self._connection = None
                if is_again:
                    return time, True  # the hub is gone: so is the dry run
        return time, True

    def _exchange(self, request: bytes) -> Dict[str, Any]:
        if self._connection is None:
            self._connection = socket.create_connection((self.host, self.port))
        self._connection.sendall(request)
        received = b""
        while True:
            head, separator, body = received.partition(b"\r\n\r\n")
            if separator:
                for line in head.split(b"\r\n"):
                    name, _, value = line.partition(b":")
                    if name.lower() == b"content-length" and len(body) >= int(value):
                        return json.loads(body)
            piece = self._connection.recv(4096)
            if not piece:
                raise ConnectionError("closed")
            received += piece


def install(scheduler: Scheduler, hub: Hub) -> None:
    """Requests carry the time; what fails, and the time at the end, is told."""
    _install_headers(scheduler, hub)
    _install_failures(scheduler, hub)
    atexit.register(lambda: hub.tell(scheduler.now()))


def _install_headers(scheduler: Scheduler, hub: Hub) -> None:
    connection = http.client.HTTPConnection
    real_putrequest, real_endheaders, real_getresponse = connection.putrequest, connection.endheaders, connection.getresponse

    def is_hub(self: Any) -> bool:
        return self.port == hub.port and self.host in (hub.host, "localhost")

    def putrequest(self: Any, method: str, url: str, *more: Any, **named: Any) -> None:
        self._labhub_waits = "wait=" in url
        real_putrequest(self, method, url, *more, **named)

    def endheaders(self: Any, *more: Any, **named: Any) -> None:
        if is_hub(self):
            if getattr(self, "_labhub_waits", False):
                scheduler.sleep(0)  # all others first, as the time may go on meanwhile
            else:
                scheduler.read()
            self.putheader("Labhub-Time", str(scheduler.now() // _MS))
            self.putheader("Labhub-Until", str(scheduler.horizon() // _MS))
            line = line_of(sys._getframe(1))
            if line:
                self.putheader("Labhub-Line", str(line))
        real_endheaders(self, *more, **named)

    def getresponse(self: Any) -> Any:
        response = real_getresponse(self)
        if is_hub(self):
            time = response.headers.get("Labhub-Time", "")
            if time.isdigit():
                scheduler.arrived(int(time) * _MS)
        return response

    connection.putrequest, connection.endheaders, connection.getresponse = putrequest, endheaders, getresponse


def script() -> Optional[str]:
    """The file that is run."""
    return getattr(sys.modules.get("__main__"), "__file__", None)


def line_of(frame: Any) -> int:
    """The script's own line from which this is called, or 0."""
    path = script()
    while frame is not None:
        if frame.f_code.co_filename == path:
            return frame.f_lineno
        frame = frame.f_back
    return 0


def _install_failures(scheduler: Scheduler, hub: Hub) -> None:
    def tell(kind: type, fault: BaseException, trace: Any, where: str) -> None:
        lines = [entry.lineno for entry in traceback.extract_tb(trace) if entry.filename == script()]
        failure = {"type": kind.__name__, "text": str(fault)[:500], "line": lines[-1] if lines else 0, "thread": where}
        with scheduler.mutex:
            hub.tell(scheduler.now(), failure)

    def of_main(kind: type, fault: BaseException, trace: Any) -> None:
        if issubclass(kind, Exception):
            tell(kind, fault, trace, "")
        sys.__excepthook__(kind, fault, trace)

    def of_thread(arguments: Any) -> None:
        if arguments.exc_type is not SystemExit:
            thread = getattr(arguments.thread, "name", "")
            tell(arguments.exc_type, arguments.exc_value, arguments.exc_traceback, thread)
        threading.__excepthook__(arguments)

    sys.excepthook = of_main
    threading.excepthook = of_thread
    # Where labhub's own threads report what a job raised, and go on.
    sys.labhub_job_failed = lambda name, fault: tell(type(fault), fault, fault.__traceback__, name)
