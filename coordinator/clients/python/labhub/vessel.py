"""One device: its metrics, its present values, its setpoints."""

from __future__ import annotations

import difflib
import math
from dataclasses import dataclass
from typing import Any, Dict, Iterable, Iterator, List, Mapping, Optional, Sequence, Tuple, Union
from urllib.parse import quote

from . import errors
from .hub import Hub, connect
from .stream import Sample, Stream

#: A number (NaN where it can't be had), a truth value or a text (None where it can't be had).
Value = Union[float, bool, str, None]

_PIXELS = 32


@dataclass(frozen=True)
class Metric:
    """What a metric is. `min`, `max` and `safe` are None where there is none; `kind` is sensor or actuator."""

    name: str
    kind: str
    type: str
    unit: str
    min: Optional[float]
    max: Optional[float]
    safe: Value
    description: str

    @property
    def is_actuator(self) -> bool:
        """Whether it can be set."""
        return self.kind == "actuator"


class Vessel:
    """A device of a node. May be shared by threads.

    Reading is free to anyone who may see the device; setting needs the lease, which an experiment has on its device.
    When the lease ends, however it ends, the node puts every actuator at its safe value.
    """

    def __init__(self, hub: Hub, device: str) -> None:
        node, _, name = device.partition("/")
        if not node or not name or "/" in name:
            raise errors.Malformed(f"{device!r} is not a device", "node/device, as in sim-1/vessel")
        self._hub = hub
        self._device = device
        self._path = f"/api/devices/{quote(node, safe='')}/{quote(name, safe='')}"
        self._metrics: Dict[str, Metric] = {}

    @property
    def name(self) -> str:
        """The device as `node/device`."""
        return self._device

    @property
    def hub(self) -> Hub:
        """The hub it is reached through."""
        return self._hub

    @property
    def metrics(self) -> Dict[str, Metric]:
        """Every metric by name, with unit, kind, range and safe value. Asked for once."""
        if not self._metrics:
            self.present()
        return dict(self._metrics)

    @property
    def lease(self) -> Optional[Dict[str, Any]]:
        """Who holds the device at this moment: `holder` and `expires_at`, or None."""
        return self._describe().get("lease")

    def read(self, *names: Union[str, Sequence[str]]) -> Any:
        """The latest values.

        ``read("vial_A_temp")`` → that value; ``read("a", "b")`` or ``read(["a", "b"])`` → a dict; ``read()`` → a dict
        of all. Numbers are floats in the metric's unit, NaN where no good and fresh value is there; truth values and
        texts are None then. A value is as old as the node's sampling period (1 s by default); `sample()` says when it
        was measured. Error NotFound: no such metric.
        """
        values = self.present()[0]
        if not names:
            return values
        if len(names) == 1 and isinstance(names[0], str):
            return values[self._known(names[0])]
        wanted = [name for given in names for name in ([given] if isinstance(given, str) else given)]
        return {name: values[self._known(name)] for name in wanted}

    def sample(self) -> Sample:
        """The latest values together with the time of the newest of them."""
        values, newest = self.present()
        return Sample(newest / 1000.0, 0.0, values, frozenset(values))

    def set(self, setpoints: Optional[Mapping[str, Any]] = None, /, **more: Any) -> Dict[str, Value]:
        """Sets actuators, all in one command: ``r.set(stirrer=40, led=True)``. Returns what the device acknowledged.

        `ring_light` takes "#rrggbb", (r, g, b) with 0–255 each, 32 of either, or "N:#rrggbb" for one pixel.
        Errors: OutOfRange (nothing was set; `detail` says the range), Conflict (no lease), NotFound, Malformed (NaN).
        """
        wanted = {**(setpoints or {}), **more}
        if not wanted:
            raise errors.Malformed("nothing to set", "metric=value, as in set(stirrer=40)")
        if "ring_light" in wanted:
            wanted["ring_light"] = ring_light_text(wanted["ring_light"])
        return self._applied(self._hub.command(self._path + "/set", {"values": wanted}))

    def pump(self, name: str, ml_per_s: float) -> float:
        """Runs one pump at a rate in mL/s until it is set again: ``r.pump("A_in", 0.5)``. Returns the rate applied."""
        metric = name if name.startswith("pump_") else f"pump_{name}"
        rate = self.set({metric: ml_per_s}).get(metric)
        return rate if isinstance(rate, float) else math.nan

    def hold(self, reason: Optional[str] = None, retry_for: Optional[float] = None) -> Dict[str, Value]:
        """Puts every actuator at its safe value. Returns what the device acknowledged. `retry_for`: see `connect`."""
        body = {"reason": reason} if reason else {}
        return self._applied(self._hub.call("POST", self._path + "/hold", body=body, retry_for=retry_for))

    def stream(
        self,
        period: Optional[float] = None,
        duration: Optional[float] = None,
        metrics: Union[str, Iterable[str], None] = None,
        timeout: Optional[float] = None,
    ) -> Iterator[Sample]:
        """Samples as they are measured, from now on.

        period: None gives every sample, none left out, also those measured while the loop's body was busy; a number
        gives the newest one every so many seconds. duration: seconds after which the loop ends (up to one
        later, where nothing is measured); None goes on for ever.
        metrics: only these; a sample then comes when one of them was measured. timeout: seconds without any new
        sample before Unavailable is raised; the hub's `retry_for` where it is not given.
        """
        names = None
        if metrics is not None:
            known = self.metrics
            names = [self._known(name, known) for name in ([metrics] if isinstance(metrics, str) else metrics)]
        return iter(Stream(self, period, duration, names, self._hub.retry_for if timeout is None else timeout))

    def present(self) -> Tuple[Dict[str, Value], int]:
        """Every metric's latest value, and the time of the newest in milliseconds (0 where nothing was ever measured)."""
        entries = self._describe()["metrics"]
        self._metrics = {entry["name"]: _metric(entry) for entry in entries}
        values = {entry["name"]: self.value(entry["name"], _good(entry)) for entry in entries}
        return values, max((int(entry.get("time") or 0) for entry in entries), default=0)

    def readings(self, after: int, wait: float, limit: int) -> Tuple[List[Dict[str, Any]], int]:
        """Samples newer than `after` (ms), at most `limit`, waiting up to `wait` seconds for one; and the next `after`."""
        query = {"after": after, "wait": math.ceil(wait), "limit": limit}
        answer = self._hub.call("GET", self._path + "/readings", query, wait=wait)
        samples = answer["samples"]
        newest = max([int(entry["time"]) for entry in samples] + [after])
        return samples, max(int(answer.get("next") or 0), newest)

    def value(self, name: str, raw: Any) -> Value:
        """A value of the hub's JSON as Python's: numbers as float, null as NaN or None by the metric's type."""
        metric = self._metrics.get(name)
        kind = metric.type if metric else ""
        if kind in ("boolean", "text") or isinstance(raw, (bool, str)):
            return raw
        return math.nan if raw is None else float(raw)

    def _describe(self) -> Dict[str, Any]:
        return self._hub.get(self._path)["device"]

    def _applied(self, answer: Mapping[str, Any]) -> Dict[str, Value]:
        return {entry["metric"]: self.value(entry["metric"], entry.get("value")) for entry in answer["applied"]}

    def _known(self, name: str, known: Optional[Mapping[str, Metric]] = None) -> str:
        metrics = self._metrics if known is None else known
        if name in metrics:
            return name
        near = difflib.get_close_matches(name, metrics, n=3) or sorted(metrics)
        raise errors.NotFound(f"{self._device} has no metric {name!r}", "did you mean " + ", ".join(near) + "?")

    def __repr__(self) -> str:
        return f"<labhub.Vessel {self._device} at {self._hub.url}>"


def vessel(device: Optional[str] = None, hub: Optional[Hub] = None) -> Vessel:
    """A vessel: the named one ("node/device"), else the one this experiment has leased, else the only one there is.

    Errors: Conflict (several, and none named: `detail` lists them), NotFound (none).
    """
    return (hub or connect()).vessel(device)


def ring_light_text(colours: Any) -> str:
    """The ring light's value as the hub takes it: "#rrggbb", 32 of them with commas, or "N:#rrggbb". Error Malformed."""
    if isinstance(colours, str):
        return colours
    items = list(colours)
    if len(items) == 3 and not any(isinstance(item, (str, list, tuple)) for item in items):
        return _colour(items)
    if len(items) != _PIXELS:
        raise errors.Malformed(f"{len(items)} colours for the ring light", f"one, or {_PIXELS}")
    return ",".join(item if isinstance(item, str) else _colour(item) for item in items)


def _colour(parts: Iterable[Any]) -> str:
    levels = [int(part) for part in parts]
    if len(levels) != 3 or not all(0 <= level <= 255 for level in levels):
        raise errors.OutOfRange(f"{levels} is not a colour", "three numbers from 0 to 255: red, green, blue")
    return "#{:02x}{:02x}{:02x}".format(*levels)


def _good(entry: Mapping[str, Any]) -> Any:
    return entry.get("value") if entry.get("quality", "good") in ("good", "uncertain") else None


def _metric(entry: Mapping[str, Any]) -> Metric:
    return Metric(
        name=entry["name"],
        kind=entry.get("kind", "sensor"),
        type=entry.get("type", "number"),
        unit=entry.get("unit") or "",
        min=entry.get("minimum"),
        max=entry.get("maximum"),
        safe=entry.get("safe_value"),
        description=entry.get("description") or "",
    )
