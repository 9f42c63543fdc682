"""Samples of a device, one after the other, as a loop takes them."""

from __future__ import annotations

import logging
import math
import time
from typing import TYPE_CHECKING, Any, Dict, FrozenSet, Iterator, KeysView, List, Mapping, Optional, Sequence

from . import errors

if TYPE_CHECKING:
    from .vessel import Vessel

_log = logging.getLogger("labhub")

#: The longest the hub is asked to hold a request back, in seconds.
_LONGEST_WAIT = 10.0
#: The most samples of one answer; the hub keeps the last 600 of each device at hand.
_BATCH = 500


class Sample:
    """The values of a device at one time: ``sample.vial_A_temp`` or ``sample["vial_A_temp"]``.

    `time`: seconds since 1970 (UTC), as the node measured it. `elapsed`: seconds since the stream's first sample.
    `values`: a dict of every metric's latest value at that time, in its unit; NaN (None for truth values and texts)
    where there is none. `fresh`: the names measured anew in this sample; the others are carried on from those before.
    """

    __slots__ = ("time", "elapsed", "values", "fresh")

    def __init__(self, when: float, elapsed: float, values: Dict[str, Any], fresh: FrozenSet[str]) -> None:
        self.time = when
        self.elapsed = elapsed
        self.values = values
        self.fresh = fresh

    def __getitem__(self, name: str) -> Any:
        return self.values[name]

    def __getattr__(self, name: str) -> Any:
        if name in Sample.__slots__ or name not in self.values:
            raise AttributeError(f"this sample has no metric {name!r}")
        return self.values[name]

    def __contains__(self, name: object) -> bool:
        return name in self.values

    def __iter__(self) -> Iterator[str]:
        return iter(self.values)

    def __len__(self) -> int:
        return len(self.values)

    def keys(self) -> KeysView[str]:
        """The names of the metrics, so that ``dict(sample)`` works."""
        return self.values.keys()

    def as_dict(self) -> Dict[str, Any]:
        """One flat row: time, elapsed and the values, as a table wants it."""
        return {"time": self.time, "elapsed": self.elapsed, **self.values}

    def __repr__(self) -> str:
        return f"<labhub.Sample at {self.elapsed:.3f} s, {len(self)} values>"


class Stream:
    """The loop behind `Vessel.stream`. Belongs to the thread that iterates; asks the hub one request at a time."""

    def __init__(
        self,
        source: "Vessel",
        period: Optional[float],
        duration: Optional[float],
        metrics: Optional[Sequence[str]],
        timeout: float,
    ) -> None:
        for name, seconds in (("period", period), ("duration", duration)):
            if seconds is not None and not seconds >= 0:
                raise errors.Malformed(f"{name} is {seconds}", "a number of seconds, 0 or more")
        self._source = source
        self._period = period or None
        self._end = math.inf if duration is None else time.monotonic() + duration
        self._metrics = metrics
        self._timeout = timeout
        self._values: Dict[str, Any] = {}
        self._after = 0
        self._origin: Optional[float] = None

    def __iter__(self) -> Iterator[Sample]:
        self._values, self._after = self._source.present()
        due = time.monotonic()
        while time.monotonic() < self._end:
            if self._period is not None:
                due = self._await_turn(due)
            entries = self._next_entries()
            if self._period is not None and entries:
                entries = [self._newest(entries)]
            for entry in entries:
                if time.monotonic() >= self._end:
                    return
                yield self._sample(entry)

    def _await_turn(self, due: float) -> float:
        """Waits until the time of the next sample and returns the time of the one after it; missed ones are skipped."""
        now = time.monotonic()
        if due > now:
            time.sleep(min(due, self._end) - now)
        return max(due, now) + (self._period or 0.0)

    def _next_entries(self) -> List[Dict[str, Any]]:
        """The wanted samples since the last ones, at least one; empty where the stream's time ended first."""
        began = time.monotonic()
        warned = False
        while True:
            left = self._end - time.monotonic()
            if left <= 0:
                return []
            entries = self._fetch(min(_LONGEST_WAIT, left, self._timeout))
            if entries:
                return entries
            silent = time.monotonic() - began
            if silent > self._timeout:
                raise errors.Unavailable(f"no sample of {self._source.name} in {silent:.0f} s", "is the node online?")
            if silent > _LONGEST_WAIT and not warned:
                _log.warning("labhub: no sample of %s for %.0f s; waiting", self._source.name, silent)
                warned = True

    def _fetch(self, wait: float) -> List[Dict[str, Any]]:
        entries, self._after = self._source.readings(self._after, wait, _BATCH)
        if self._metrics is None:
            return entries
        return [entry for entry in entries if any(name in entry["values"] for name in self._metrics)]

    def _newest(self, entries: List[Dict[str, Any]]) -> Dict[str, Any]:
        """All that is there by now as one sample: the newest time, each metric's newest value."""
        merged: Dict[str, Any] = {}
        newest = 0
        while entries:
            for entry in entries:
                merged.update(entry["values"])
                newest = max(newest, entry["time"])
            entries = self._fetch(0.0) if len(entries) == _BATCH else []
        return {"time": newest, "values": merged}

    def _sample(self, entry: Mapping[str, Any]) -> Sample:
        self._values.update({name: self._source.value(name, raw) for name, raw in entry["values"].items()})
        when = entry["time"] / 1000.0
        if self._origin is None:
            self._origin = when
        names = self._values if self._metrics is None else self._metrics
        values = {name: self._values[name] for name in names}
        return Sample(when, when - self._origin, values, frozenset(entry["values"]) & frozenset(names))
