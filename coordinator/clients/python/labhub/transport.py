"""HTTP to the hub: one kept-alive connection for each thread, and patience while the hub is away."""

from __future__ import annotations

import errno
import http.client
import json
import logging
import math
import os
import random
import socket
import ssl
import threading
import time
from dataclasses import dataclass, field
from typing import Any, BinaryIO, Dict, Mapping, Optional, Union
from urllib.parse import urlencode, urlsplit

from . import errors

_log = logging.getLogger("labhub")

#: Seconds to wait for an answer, beyond what the request itself asks the hub to wait.
ANSWER_TIMEOUT = 30.0
CONNECT_TIMEOUT = 10.0
#: The largest JSON answer that is read, in bytes. Downloads go to a file and have no such bound.
MAX_ANSWER = 64 * 1024 * 1024

#: A gap shorter than this many seconds is not worth a line in the log.
QUIET_FOR = 1.0

_FIRST_PAUSE = 0.05
_LONGEST_PAUSE = 2.0
_CHUNK = 64 * 1024


@dataclass(frozen=True)
class Answer:
    """What came back: ``body`` is empty where it went to a sink."""

    status: int
    headers: Mapping[str, str]
    body: bytes


@dataclass
class _Request:
    method: str
    target: str
    body: Optional[bytes]
    headers: Dict[str, str]
    timeout: float
    repeatable: bool
    sink: Optional[BinaryIO] = None
    source: Optional[BinaryIO] = None


class _Connection:
    """One socket of one thread of one process; closes when the thread ends."""

    def __init__(self, http_connection: http.client.HTTPConnection) -> None:
        self.http = http_connection
        self.process = os.getpid()

    def __del__(self) -> None:
        try:
            self.http.close()
        except Exception:  # the interpreter may be half gone
            pass


class _NoAnswer(Exception):
    """The attempt failed below HTTP. `sent` is False where the hub can't have seen the request."""

    def __init__(self, cause: BaseException, sent: bool) -> None:
        super().__init__(str(cause) or type(cause).__name__)
        self.cause = cause
        self.sent = sent


@dataclass
class Transport:
    """Sends requests to one hub. May be shared by threads and survives fork.

    ``retry_for``: how many seconds a request is repeated while the hub refuses connections, resets them or does not
    answer. ``patience``: the same for the answers 503 and 429, as a hub that has just come back gives them until it
    has found its nodes again. What is repeated is the same request with the same command id, so that it executes once.
    """

    url: str
    token: Optional[str] = None
    retry_for: float = 30.0
    patience: float = 0.0
    _local: threading.local = field(default_factory=threading.local, repr=False)

    def __post_init__(self) -> None:
        parts = urlsplit(self.url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise errors.Malformed(f"{self.url!r} is not the address of a hub", "http://HOST:PORT")
        self.url = self.url.rstrip("/")
        self._scheme = parts.scheme
        self._host = parts.hostname
        try:
            self._port = parts.port or (443 if parts.scheme == "https" else 80)
        except ValueError as fault:
            raise errors.Malformed(f"{self.url!r}: {fault}", "http://HOST:PORT") from None
        self._prefix = parts.path.rstrip("/")

    def request(
        self,
        method: str,
        path: str,
        query: Optional[Mapping[str, Any]] = None,
        body: Optional[Mapping[str, Any]] = None,
        *,
        wait: float = 0.0,
        repeatable: bool = True,
        retry_for: Optional[float] = None,
        sink: Optional[BinaryIO] = None,
        source: Optional[BinaryIO] = None,
    ) -> Answer:
        """One exchange. Errors: Unavailable when no answer came in time; else the one the hub named.

        `wait` is how many seconds the request asks the hub to take. A request that is not `repeatable` is sent again
        only where the hub can't have seen it. `sink` takes a successful answer's body; it is emptied before each attempt.
        `source` is a file to send as it is, from its beginning in each attempt.
        """
        present = {name: value for name, value in (query or {}).items() if value is not None}
        target = self._prefix + path + ("?" + urlencode(present) if present else "")
        headers = {"Accept": "application/json"}
        if self.token:
            headers["Authorization"] = f"Bearer {self.token}"
        payload = None
        if body is not None:
            payload = encode(body)
            headers["Content-Type"] = "application/json"
        if source is not None:
            headers["Content-Type"] = "application/octet-stream"
            headers["Content-Length"] = str(source.seek(0, os.SEEK_END))
        request = _Request(method, target, payload, headers, ANSWER_TIMEOUT + wait, repeatable, sink, source)
        answer = self._exchange(request, self.retry_for if retry_for is None else retry_for)
        if not 200 <= answer.status < 300:
            raise errors.from_answer(answer.status, answer.body)
        return answer

    def close(self) -> None:
        """Closes this thread's connection; the next request opens a new one."""
        self._drop()

    def _exchange(self, request: _Request, retry_for: float) -> Answer:
        waited = 0.0
        pause = _FIRST_PAUSE
        waiting = False
        while True:
            was_open = request.repeatable and self._current() is not None
            began = time.monotonic()
            try:
                answer = self._attempt(request)
            except _NoAnswer as fault:
                waited += _awake_since(began, request.timeout + CONNECT_TIMEOUT)
                if fault.sent and not request.repeatable:
                    raise errors.Unavailable(
                        f"{request.method} {self.url}: the connection was lost before the answer ({fault})",
                        "the hub may have done it: look before asking again",
                    ) from fault.cause
                if was_open:
                    continue  # the hub closed an idle connection: a new one says whether it is there
                if waited + pause > retry_for or _is_final(fault.cause):
                    raise self._unavailable(fault, waited) from fault.cause
                if not waiting and waited >= QUIET_FOR:
                    _log.warning("labhub: no answer from %s (%s); waiting up to %.0f s", self.url, fault, retry_for)
                    waiting = True
            else:
                waited += _awake_since(began, request.timeout + CONNECT_TIMEOUT)
                asked = _retry_after(answer)
                left = min(self.patience, retry_for) - waited
                if answer.status not in (429, 503) or max(pause, asked) > left:
                    if waiting:
                        _log.warning("labhub: %s is back after %.1f s", self.url, waited)
                    return answer
                pause = max(pause, asked)
            began = time.monotonic()
            time.sleep(pause * random.uniform(0.7, 1.0))
            waited += _awake_since(began, pause + QUIET_FOR)
            pause = min(pause * 1.6, _LONGEST_PAUSE)

    def _attempt(self, request: _Request) -> Answer:
        if not request.repeatable:
            self._drop()
        try:
            connection = self._open()
        except (OSError, http.client.HTTPException) as fault:
            self._drop()
            raise _NoAnswer(fault, sent=False) from fault
        try:
            connection.sock.settimeout(request.timeout)
            body: Any = request.body
            if request.source is not None:
                request.source.seek(0)
                body = request.source
            connection.request(request.method, request.target, body=body, headers=request.headers)
            return _receive(connection.getresponse(), request.sink)
        except (OSError, http.client.HTTPException) as fault:
            self._drop()
            raise _NoAnswer(fault, sent=True) from fault
        except BaseException:
            self._drop()  # half an answer may be left in it
            raise

    def _current(self) -> Optional[http.client.HTTPConnection]:
        held: Optional[_Connection] = getattr(self._local, "connection", None)
        if held is None or held.process != os.getpid() or held.http.sock is None:
            return None
        return held.http

    def _open(self) -> http.client.HTTPConnection:
        connection = self._current()
        if connection is not None:
            return connection
        if self._scheme == "https":
            connection = http.client.HTTPSConnection(self._host, self._port, timeout=CONNECT_TIMEOUT)
        else:
            connection = http.client.HTTPConnection(self._host, self._port, timeout=CONNECT_TIMEOUT)
        connection.connect()
        self._local.connection = _Connection(connection)
        return connection

    def _drop(self) -> None:
        held: Optional[_Connection] = getattr(self._local, "connection", None)
        self._local.connection = None
        if held is not None and held.process == os.getpid():
            held.http.close()

    def _unavailable(self, fault: _NoAnswer, waited: float) -> errors.Unavailable:
        return errors.Unavailable(f"no answer from the hub at {self.url} in {waited:.1f} s", str(fault))


def _receive(response: http.client.HTTPResponse, sink: Optional[BinaryIO]) -> Answer:
    headers = {name.lower(): value for name, value in response.getheaders()}
    if sink is not None and 200 <= response.status < 300:
        sink.seek(0)
        sink.truncate()
        received = 0
        for chunk in iter(lambda: response.read(_CHUNK), b""):
            sink.write(chunk)
            received += len(chunk)
        promised = headers.get("content-length")
        if promised is not None and received < int(promised):
            raise http.client.IncompleteRead(b"", int(promised) - received)
        return Answer(response.status, headers, b"")
    body = response.read(MAX_ANSWER + 1)
    if len(body) > MAX_ANSWER:
        raise errors.TooLarge(f"the hub's answer is longer than {MAX_ANSWER} bytes", "ask for less at a time")
    return Answer(response.status, headers, body)


def _awake_since(began: float, longest: float) -> float:
    """Seconds since then, for patience: what took longer than it can was spent frozen, by a pause of the experiment."""
    return min(time.monotonic() - began, longest)


def _retry_after(answer: Answer) -> float:
    try:
        seconds = float(answer.headers.get("retry-after", ""))
    except ValueError:
        return 0.0
    return seconds if math.isfinite(seconds) and seconds > 0 else 0.0


def _is_final(fault: BaseException) -> bool:
    """Whether waiting can't help: a wrong certificate, a host name that does not exist."""
    if isinstance(fault, ssl.SSLCertVerificationError):
        return True
    if isinstance(fault, socket.gaierror):
        return fault.errno == socket.EAI_NONAME
    return isinstance(fault, OSError) and fault.errno in (errno.EACCES, errno.EPERM)


def plain(value: Any) -> Any:
    """`value` as JSON knows it; numbers of numpy and their like become Python's. Error Malformed for NaN and infinity."""
    if value is None or isinstance(value, (str, bool)):
        return value
    if isinstance(value, Mapping):
        return {str(name): plain(item) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if not isinstance(value, (int, float)):
        value = _from_foreign(value)
    if isinstance(value, list):
        return plain(value)
    if isinstance(value, float) and not math.isfinite(value):
        raise errors.Malformed(f"{value} is not a number the hub accepts", "a finite number")
    return value


def _from_foreign(value: Any) -> Union[bool, int, float, str, list]:
    unwrap = getattr(value, "tolist", None) or getattr(value, "item", None)
    found = unwrap() if callable(unwrap) else None
    if not isinstance(found, (bool, int, float, str, list)):
        raise errors.Malformed(f"a {type(value).__name__} can't be sent to the hub", "a number, a truth value or text")
    return found


def encode(body: Mapping[str, Any]) -> bytes:
    """The body as UTF-8 JSON without NaN or infinity."""
    return json.dumps(plain(body), allow_nan=False, separators=(",", ":")).encode("utf-8")
