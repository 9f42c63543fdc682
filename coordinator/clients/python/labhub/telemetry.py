"""Stored readings: which series there are, their values over time as a table, files for other programs."""

from __future__ import annotations

import collections
import datetime
import json
import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Dict, Iterable, List, Optional, Sequence, Union

from . import errors
from .columns import QUALITY_SUFFIX, Columns

if TYPE_CHECKING:
    import pandas

    from .hub import Hub

#: Seconds since 1970, a datetime, how long ago as a timedelta, or text: RFC 3339, or "-2h".
Time = Union[float, datetime.datetime, datetime.timedelta, str, None]
Words = Union[str, Sequence[str], None]

#: Of one table made of points, 180 MB. Series rarely share their extremes' times, so that many of them make it sparse.
MOST_CELLS = 20_000_000

_ROUTE = "/api/telemetry"


def series(hub: "Hub", names: Words = None, *, device: Optional[str] = None, metric: Words = None) -> List[Dict[str, Any]]:
    """See `Hub.series`."""
    found = _all_of(hub, "series", _selection(names, device, metric))
    for one in found:
        one["first"], one["last"] = _seconds(one["first"]), _seconds(one["last"])
    return found


def latest(hub: "Hub", names: Words = None, *, device: Optional[str] = None, metric: Words = None) -> List[Dict[str, Any]]:
    """See `Hub.latest`."""
    found = _all_of(hub, "latest", _selection(names, device, metric))
    for one in found:
        one["time"] = _seconds(one["time"])
    return found


def query(
    hub: "Hub",
    names: Words = None,
    start: Time = None,
    end: Time = None,
    *,
    device: Optional[str] = None,
    metric: Words = None,
    experiment: Optional[str] = None,
    max_points: Union[int, str, None] = None,
    step: Union[str, float, datetime.timedelta, None] = None,
    aggregate: Optional[str] = None,
    quality: bool = False,
    frame: Optional[bool] = None,
) -> Union["pandas.DataFrame", List[Dict[str, Any]]]:
    """See `Hub.query`."""
    pandas = _pandas(frame)
    asked = {**_selection(names, device, metric), **_range(start, end, experiment)}
    if max_points == "all":
        if step is not None or aggregate is not None:
            raise errors.Malformed("max_points='all' gives every sample and has no steps", "either it or step")
        found = _every_sample(hub, asked, quality)
    else:
        found = _points(hub, {**asked, "max_points": max_points, "step": _step(step), "aggregate": aggregate}, quality)
    return found.rows() if pandas is None else found.frame(pandas)


def export(
    hub: "Hub",
    target: Union[str, Path],
    names: Words = None,
    start: Time = None,
    end: Time = None,
    *,
    device: Optional[str] = None,
    metric: Words = None,
    experiment: Optional[str] = None,
    layout: str = "wide",
    quality: bool = False,
) -> Path:
    """See `Hub.export`."""
    path = Path(target)
    kinds = {".csv": "csv", ".jsonl": "jsonl", ".ndjson": "jsonl", ".zip": "zip"}
    if path.suffix not in kinds:
        raise errors.Malformed(f"{path} does not say what it shall hold", "a name that ends in .csv, .jsonl or .zip")
    asked = {**_selection(names, device, metric), **_range(start, end, experiment)}
    if quality:
        asked["quality"] = "columns"
    unfinished = tempfile.NamedTemporaryFile(dir=path.parent, prefix=".labhub-", delete=False)
    try:
        with unfinished:
            hub.save(f"{_ROUTE}/export", unfinished, format=kinds[path.suffix], layout=layout, **asked)
        os.replace(unfinished.name, path)
    except BaseException:
        os.unlink(unfinished.name)
        raise
    return path


class _Lines:
    """A file in an export's place, which keeps no line but fills columns as they come. Emptied, it begins anew."""

    def __init__(self, described: Sequence[Dict[str, Any]], has_quality: bool) -> None:
        self._described = described
        self._has_quality = has_quality
        self.truncate()

    def seek(self, place: int) -> None:
        """There is nothing to go back to: `truncate` follows."""

    def truncate(self) -> None:
        """Forgets all."""
        self.found = Columns(self._has_quality)
        for one in self._described:
            self.found.add(one["column"], one["unit"])
        self._rest = b""
        self._second, self._second_ms = "", 0

    def write(self, piece: bytes) -> None:
        """The next bytes."""
        lines = (self._rest + piece).split(b"\n")
        self._rest = lines.pop()
        for line in lines:
            self._take(json.loads(line))

    def _take(self, entries: Dict[str, Any]) -> None:
        row = len(self.found.times)
        self.found.times.append(self._millis(entries.pop("time")))
        entries.pop("elapsed_s", None)
        for name, value in entries.items():
            quality = entries.get(name + QUALITY_SUFFIX)
            if quality is not None:
                # A series may have begun since the columns were described.
                self.found.put(self.found.get(name) or self.found.add(name), row, value, quality)

    def _millis(self, text: str) -> int:
        """Of "2026-02-15T18:27:28.100Z". Reading a date takes as long as all the rest of a row, so it is done once a second."""
        if text[:19] != self._second:
            when = datetime.datetime.strptime(text[:19], "%Y-%m-%dT%H:%M:%S").replace(tzinfo=datetime.timezone.utc)
            self._second, self._second_ms = text[:19], round(when.timestamp()) * 1000
        return self._second_ms + int(text[20:23])


def _every_sample(hub: "Hub", asked: Dict[str, Any], has_quality: bool) -> Columns:
    asked = {**asked, "units": "none", "quality": "columns"}
    lines = _Lines(hub.get(f"{_ROUTE}/export", format="manifest", **asked)["series"], has_quality)
    hub.save(f"{_ROUTE}/export", lines, format="jsonl", **asked)
    return lines.found.finish()


def _points(hub: "Hub", asked: Dict[str, Any], has_quality: bool) -> Columns:
    answer = hub.get(f"{_ROUTE}/query", **asked)["series"]
    times = sorted({when for one in answer for when in one["times"]})
    if len(times) * len(answer) > MOST_CELLS:
        if asked.get("max_points") is None and asked.get("step") is None:
            return _points(hub, {**asked, "max_points": max(2, MOST_CELLS // len(answer) ** 2)}, has_quality)
        raise errors.TooLarge(
            f"{len(answer)} series at {len(times)} moments are too large a table",
            "step=, which gives all series the same moments, or fewer max_points or series",
        )
    row_of = {when: row for row, when in enumerate(times)}
    metrics = collections.Counter(one["metric"] for one in answer)
    found = Columns(has_quality, times)
    for one in answer:
        column = found.add(one["metric"] if metrics[one["metric"]] == 1 else one["series"], one["unit"], one["downsampled"])
        for at, when in enumerate(one["times"]):
            found.put(column, row_of[when], one["values"][at], one["quality"][at] if one["quality"] else "good")
    return found.finish()


def _all_of(hub: "Hub", name: str, asked: Dict[str, Any]) -> List[Dict[str, Any]]:
    """All pages of a list."""
    reply = hub.get(f"{_ROUTE}/{name}", **asked)
    found = reply[name]
    at = 0
    while (reply.get("next") or 0) > at:
        at = reply["next"]
        reply = hub.get(f"{_ROUTE}/{name}", offset=at, **asked)
        found += reply[name]
    return found


def _pandas(frame: Optional[bool]) -> Any:
    if frame is False:
        return None
    try:
        import pandas
    except ImportError:
        if frame:
            raise errors.Malformed("frame=True needs pandas, which is not installed", "leave it out, or install pandas") from None
        return None
    return pandas


def _selection(names: Words, device: Optional[str], metric: Words) -> Dict[str, Any]:
    return {"series": _list(names), "device": device, "metric": _list(metric)}


def _list(words: Union[Words, Iterable[int]]) -> Optional[str]:
    if words is None or isinstance(words, (str, int)):
        return None if words is None else str(words)
    return ",".join(str(word) for word in words)


def _range(start: Time, end: Time, experiment: Optional[str]) -> Dict[str, Any]:
    asked = {"from": _text_of_time(start), "to": _text_of_time(end), "experiment": experiment}
    return {name: value for name, value in asked.items() if value is not None}


def _text_of_time(when: Time) -> Optional[str]:
    if when is None or isinstance(when, str):
        return when
    if isinstance(when, datetime.timedelta):
        when = datetime.datetime.now(datetime.timezone.utc) - abs(when)
    if isinstance(when, datetime.datetime):
        when = when.timestamp()  # without a zone it is local time, as Python means it
    try:
        return str(round(float(when) * 1000))
    except (TypeError, ValueError, OverflowError):
        raise errors.Malformed(f"{when!r} is not a time", "seconds since 1970, a datetime, or text as RFC 3339 or -2h") from None


def _step(step: Union[str, float, datetime.timedelta, None]) -> Optional[str]:
    if step is None or isinstance(step, str):
        return step
    seconds = step.total_seconds() if isinstance(step, datetime.timedelta) else float(step)
    return f"{round(seconds * 1000)}ms"


def _seconds(millis: Optional[int]) -> Optional[float]:
    return None if millis is None else millis / 1000.0
