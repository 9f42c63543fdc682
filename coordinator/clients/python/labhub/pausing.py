"""What a script may know of its own pauses. While it is paused it is frozen: it learns of it afterwards."""

from __future__ import annotations

from typing import List, Optional

from . import context, errors
from .hub import connect


class Pause:
    """A time for which this experiment was frozen: `since` and `until` in seconds since 1970 (`until` is None while it
    lasts), `actuators` ("hold": the setpoints stayed; "safe": the vessel was put to its safe values), `who`, `reason`."""

    __slots__ = ("since", "until", "actuators", "who", "reason")

    def __init__(self, since: float, until: Optional[float], actuators: str, who: str, reason: str) -> None:
        self.since = since
        self.until = until
        self.actuators = actuators
        self.who = who
        self.reason = reason

    def __repr__(self) -> str:
        lasted = "lasts" if self.until is None else f"{self.until - self.since:.1f} s"
        return f"<labhub.Pause {self.actuators}, {lasted}>"


def _answer() -> dict:
    experiment = context.experiment.id
    if experiment is None:
        raise errors.Conflict("this is no experiment's script", "only an experiment can have been paused")
    return connect().get(f"/api/experiments/{experiment}/pauses")


def pauses() -> List[Pause]:
    """The pauses of this experiment so far, oldest first. Asks the hub. Error Conflict: outside an experiment."""
    found = []
    for each in _answer()["pauses"]:
        until = None if each["until"] is None else each["until"] / 1000.0
        found.append(Pause(each["since"] / 1000.0, until, each["actuators"], each["who"], each["reason"]))
    return found


def paused_for() -> float:
    """The seconds for which this experiment has been paused so far, all pauses together. Asks the hub.

    It is larger than before exactly when there was a pause since. Error Conflict: outside an experiment.
    """
    return _answer()["paused_ms"] / 1000.0
