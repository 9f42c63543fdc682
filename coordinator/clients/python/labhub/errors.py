"""What can go wrong, one class for each code of the hub's error answer.

Every error carries ``code`` (the hub's word for it), ``message`` (what is wrong and where), ``detail`` (what would be
right: a range, the choices, who holds the device and until when) and ``status`` (the HTTP status, or None where the
fault was found before anything was sent).
"""

from __future__ import annotations

import json
from typing import Any, Dict, Optional, Type


class Error(Exception):
    """A request the hub did not carry out. Catch this to catch them all."""

    code = "internal"

    def __init__(self, message: str, detail: str = "", status: Optional[int] = None, code: Optional[str] = None) -> None:
        super().__init__(message, detail)
        self.message = message
        self.detail = detail
        self.status = status
        if code is not None:
            self.code = code

    def __str__(self) -> str:
        return f"{self.message} ({self.detail})" if self.detail else self.message


class Malformed(Error, ValueError):
    """The request can't be understood: a wrong type, an unknown field, a value that is not a number (400)."""

    code = "malformed"


class Unauthenticated(Error):
    """No token, or a wrong one (401)."""

    code = "unauthenticated"


class Forbidden(Error):
    """Known, but not allowed to do this (403)."""

    code = "forbidden"


class NotFound(Error, LookupError):
    """No such node, device, metric or experiment (404)."""

    code = "not_found"


class Conflict(Error):
    """The device is leased to somebody else or not leased at all, or the request is ambiguous (409)."""

    code = "conflict"


class TooLarge(Error):
    """More bytes than the hub accepts (413)."""

    code = "too_large"


class OutOfRange(Error, ValueError):
    """Understood, but a value is outside its limits; ``detail`` says the range (422)."""

    code = "out_of_range"


class TooMany(Error):
    """A rate or a quota is used up for the moment (429)."""

    code = "too_many"


class Unavailable(Error, ConnectionError):
    """The hub, or the node behind it, can't be reached; trying again may help (503, or no answer at all)."""

    code = "unavailable"


class TimedOut(Error, TimeoutError):
    """The command's deadline passed before the device acknowledged it (504)."""

    code = "timed_out"


class Internal(Error):
    """A fault of the hub's own, or an answer that is not the hub's (500)."""

    code = "internal"


NoLease = Conflict
Unauthorized = Unauthenticated

_BY_STATUS: Dict[int, Type[Error]] = {
    400: Malformed,
    401: Unauthenticated,
    403: Forbidden,
    404: NotFound,
    409: Conflict,
    413: TooLarge,
    422: OutOfRange,
    429: TooMany,
    503: Unavailable,
    504: TimedOut,
}
_BY_CODE: Dict[str, Type[Error]] = {kind.code: kind for kind in _BY_STATUS.values()}


def _text(value: Any) -> str:
    return value if isinstance(value, str) else "" if value is None else json.dumps(value)


def from_answer(status: int, body: bytes) -> Error:
    """The exception for an answer whose status is not a success."""
    try:
        document = json.loads(body.decode("utf-8"))
    except (UnicodeDecodeError, ValueError):
        document = None
    told = document.get("error") if isinstance(document, dict) else None
    if not isinstance(told, dict):
        told = {"message": f"the hub answered with status {status}"}
        if isinstance(document, dict) and document.get("detail"):
            told["detail"] = document["detail"]
    code = _text(told.get("code")) or None
    kind = _BY_CODE.get(code or "") or _BY_STATUS.get(status, Internal)
    return kind(_text(told.get("message")) or f"status {status}", _text(told.get("detail")), status=status, code=code)
