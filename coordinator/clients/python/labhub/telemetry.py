"""Stored readings: which series there are, their values over time as a table, files for other programs."""

from __future__ import annotations

import datetime
import json
import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Dict, Iterable, List, Optional, Sequence, Union

from . import errors

if TYPE_CHECKING:
    import pandas

    from .hub import Hub

#: Seconds since 1970, a datetime, how long ago as a timedelta, or text: RFC 3339, or "-2h".
Time = Union[float, datetime.datetime, datetime.timedelta, str, None]
Words = Union[str, Sequence[str], None]

_ROUTE = "/api/telemetry"


def series(hub: "Hub", names: Words = None, *, device: Optional[str] = None, metric: Words = None) -> List[Dict[str, Any]]:
    """See `Hub.series`."""
    asked = _selection(names, device, metric)
    reply = hub.get(f"{_ROUTE}/series", **asked)
    found = reply["series"]
    while reply["series"] and len(found) < reply.get("total", 0):
        reply = hub.get(f"{_ROUTE}/series", offset=len(found), **asked)
        found += reply["series"]
    for one in found:
        one["first"], one["last"] = _seconds(one["first"]), _seconds(one["last"])
    return found


def latest(hub: "Hub", names: Words = None, *, device: Optional[str] = None, metric: Words = None) -> List[Dict[str, Any]]:
    """See `Hub.latest`."""
    found = hub.get(f"{_ROUTE}/latest", **_selection(names, device, metric))["latest"]
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
    max_points: Optional[int] = None,
    step: Union[str, float, datetime.timedelta, None] = None,
    aggregate: Optional[str] = None,
    frame: Optional[bool] = None,
) -> Union["pandas.DataFrame", List[Dict[str, Any]]]:
    """See `Hub.query`."""
    pandas = _pandas(frame)
    asked = {**_selection(names, device, metric), **_range(start, end, experiment)}
    if max_points is None and step is None:
        rows, units = _every_sample(hub, asked)
    else:
        rows, units = _points(hub, {**asked, "max_points": max_points, "step": _step(step), "aggregate": aggregate})
    return rows if pandas is None else _frame(pandas, rows, units)


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
) -> Path:
    """See `Hub.export`."""
    path = Path(target)
    kinds = {".csv": "csv", ".jsonl": "jsonl", ".ndjson": "jsonl", ".zip": "zip"}
    if path.suffix not in kinds:
        raise errors.Malformed(f"{path} does not say what it shall hold", "a name that ends in .csv, .jsonl or .zip")
    asked = {**_selection(names, device, metric), **_range(start, end, experiment)}
    unfinished = tempfile.NamedTemporaryFile(dir=path.parent, prefix=".labhub-", delete=False)
    try:
        with unfinished:
            hub.save(f"{_ROUTE}/export", unfinished, format=kinds[path.suffix], layout=layout, **asked)
        os.replace(unfinished.name, path)
    except BaseException:
        os.unlink(unfinished.name)
        raise
    return path


def _every_sample(hub: "Hub", asked: Dict[str, Any]) -> Any:
    manifest = hub.get(f"{_ROUTE}/export", format="manifest", units="none", **asked)
    units = {one["column"]: one["unit"] for one in manifest["series"]}
    with tempfile.TemporaryFile() as lines:
        hub.save(f"{_ROUTE}/export", lines, format="jsonl", units="none", **asked)
        lines.seek(0)
        rows = []
        for line in lines:
            row = json.loads(line)
            row.pop("elapsed_s", None)
            row["time"] = _from_rfc3339(row["time"])
            rows.append(row)
    return rows, units


def _points(hub: "Hub", asked: Dict[str, Any]) -> Any:
    answer = hub.get(f"{_ROUTE}/query", **asked)["series"]
    metrics = [one["metric"] for one in answer]
    rows: Dict[int, Dict[str, Any]] = {}
    units = {}
    for one in answer:
        name = one["metric"] if metrics.count(one["metric"]) == 1 else one["series"]
        units[name] = one["unit"]
        qualities = one["quality"] or ["good"] * len(one["times"])
        for when, value, quality in zip(one["times"], one["values"], qualities):
            # A value not to be trusted is none, as in the files: a table has no place to say so.
            rows.setdefault(when, {"time": when / 1000.0})[name] = None if quality == "bad" else value
    return [rows[when] for when in sorted(rows)], units


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


def _frame(pandas: Any, rows: List[Dict[str, Any]], units: Dict[str, str]) -> "pandas.DataFrame":
    times = pandas.to_datetime([round(row.pop("time") * 1000) for row in rows], unit="ms", utc=True)
    table = pandas.DataFrame.from_records(rows, columns=list(units), index=pandas.DatetimeIndex(times, name="time"))
    for name in table.columns:
        if table[name].isna().all():
            table[name] = table[name].astype(float)
    table.attrs["units"] = units
    return table


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


def _from_rfc3339(text: str) -> float:
    when = datetime.datetime.strptime(text, "%Y-%m-%dT%H:%M:%S.%fZ")
    return when.replace(tzinfo=datetime.timezone.utc).timestamp()
