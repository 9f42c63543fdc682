"""A vessel in memory that behaves: limits, a lease, safe values, commands that execute once, samples with a time."""

import math
import random
import threading
import time

VIALS = "ABCD"
PHOTODIODES = [
    *(f"vial_{vial}_{angle}_degree" for vial in VIALS for angle in (180, 135)),
    *(f"vial_{vial}_reference" for vial in VIALS),
]
PUMPS = [f"pump_{vial}_{way}" for vial in VIALS for way in ("in", "out")]


class Refused(Exception):
    """A refusal with the hub's code, message and detail."""

    def __init__(self, status, code, message, detail=""):
        super().__init__(message)
        self.status, self.code, self.message, self.detail = status, code, message, detail


def _metric(name, kind, type_, unit="", minimum=None, maximum=None, safe=None):
    return {
        "name": name, "kind": kind, "type": type_, "unit": unit, "minimum": minimum, "maximum": maximum,
        "safe_value": safe, "description": f"{name} of the fake vessel",
    }  # fmt: skip


METRICS = [
    _metric("led", "actuator", "boolean", safe=False),
    _metric("ring_light", "actuator", "text", safe="#000000"),
    _metric("peltier", "actuator", "number", "%", -100, 100, 0.0),
    _metric("stirrer", "actuator", "number", "%", 0, 100, 0.0),
    *(_metric(name, "actuator", "number", "mL/s", 0, 5, 0.0) for name in PUMPS),
    *(_metric(name, "sensor", "number", "V") for name in PHOTODIODES),
    *(_metric(name, "sensor", "number", "V") for name in ("io_temp_in", "io_temp_out")),
    *(_metric(f"vial_{vial}_temp", "sensor", "number", "°C") for vial in VIALS),
    _metric("peltier_current", "sensor", "number", "A"),
]


class Vial:
    """A culture that grows, is diluted and has a temperature. `culture_speed` hours of biology pass in one real hour."""

    def __init__(self, density, growth_rate=0.55, volume_ml=25.0):
        self.density, self.growth_rate, self.volume_ml = density, growth_rate, volume_ml
        self.celsius = 25.0

    def advance(self, seconds, flow_ml_s, peltier):
        dilution_per_h = flow_ml_s * 3600.0 / self.volume_ml
        self.density *= math.exp((self.growth_rate - dilution_per_h) * seconds / 3600.0)
        rest = 25.0 + 0.2 * peltier
        self.celsius += (rest - self.celsius) * -math.expm1(-seconds / 1400.0)


class FakeDevice:
    """Thread-safe. `sample()` measures once; `run()` does so at a period until `stop()`."""

    def __init__(self, name="sim-1/vessel", culture_speed=600.0, seed=1):
        self.name = name
        self.metrics = {metric["name"]: metric for metric in METRICS}
        self.values = {metric["name"]: metric["safe_value"] for metric in METRICS}
        self.vials = {vial: Vial(0.20) for vial in VIALS}
        self.broken = set()  # sensors that can't be read
        self.holder = "exp-1"
        self.executed = {}  # command id → what was acknowledged
        self.changes = []  # (metric, value) in the order they reached the hardware
        self.samples = []
        self.changed = threading.Condition()
        self._noise = random.Random(seed)
        self._culture_speed = culture_speed
        self._advanced = time.monotonic()
        self._stop = threading.Event()
        self._thread = None

    def run(self, period):
        self._thread = threading.Thread(target=self._run, args=(period,), daemon=True)
        self._thread.start()

    def stop(self):
        self._stop.set()
        if self._thread is not None:
            self._thread.join()

    def _run(self, period):
        while not self._stop.wait(period):
            self.sample()

    def sample(self, at_ms=None, only=None):
        """Measures, stores and announces one sample; `only`: these metrics alone."""
        with self.changed:
            self._advance()
            now = int(time.time() * 1000) if at_ms is None else at_ms
            last = self.samples[-1]["time"] if self.samples else 0
            values = {name: self._reported(name) for name in (only or self.metrics)}
            self.samples.append({"time": max(now, last + 1), "values": values})
            self.changed.notify_all()

    def describe(self):
        with self.changed:
            newest = self.samples[-1]["time"] if self.samples else int(time.time() * 1000)
            lease = {"holder": self.holder, "expires_at": newest + 3_600_000} if self.holder else None
            metrics = [
                {**metric, "value": self._reported(name), "time": newest,
                 "quality": "bad" if name in self.broken else "good"}
                for name, metric in self.metrics.items()
            ]  # fmt: skip
            return {"device": self.name, "state": "online", "lease": lease, "metrics": metrics}

    def after(self, after_ms, wait, limit):
        with self.changed:
            self.changed.wait_for(lambda: any(entry["time"] > after_ms for entry in self.samples), timeout=wait)
            found = [entry for entry in self.samples if entry["time"] > after_ms][:limit]
        return found, found[-1]["time"] if found else after_ms

    def execute(self, command_id, setpoints):
        """All or nothing, once for each command id. Raises Refused."""
        with self.changed:
            if not self.holder:
                raise Refused(409, "conflict", f"{self.name} is not leased to you", "start an experiment")
            if command_id in self.executed:
                return self.executed[command_id]
            for name, value in setpoints.items():
                self._check(name, value)
            self._advance()
            applied = []
            for name, value in setpoints.items():
                self.values[name] = value
                self.changes.append((name, value))
                applied.append({"metric": name, "value": value, "time": int(time.time() * 1000), "quality": "good"})
            if command_id is not None:
                self.executed[command_id] = applied
            return applied

    def safe(self):
        actuators = {m["name"]: m["safe_value"] for m in METRICS if m["kind"] == "actuator"}
        return self.execute(None, actuators)

    def is_safe(self):
        return all(self.values[m["name"]] == m["safe_value"] for m in METRICS if m["kind"] == "actuator")

    def _check(self, name, value):
        metric = self.metrics.get(name)
        if metric is None or metric["kind"] != "actuator":
            raise Refused(404, "not_found", f"{self.name} has no actuator {name}")
        expected = {"boolean": bool, "text": str, "number": (int, float)}[metric["type"]]
        if not isinstance(value, expected) or (metric["type"] == "number" and isinstance(value, bool)):
            raise Refused(400, "malformed", f"{name}: {value!r} is not a {metric['type']}")
        if metric["maximum"] is not None and not metric["minimum"] <= value <= metric["maximum"]:
            limits = f"{metric['minimum']} to {metric['maximum']} {metric['unit']}"
            raise Refused(422, "out_of_range", f"{name} = {value} is outside its limits", limits)

    def _advance(self):
        now = time.monotonic()
        seconds = (now - self._advanced) * self._culture_speed
        self._advanced = now
        for vial, culture in self.vials.items():
            culture.advance(seconds, self.values[f"pump_{vial}_in"], self.values["peltier"])

    def _reported(self, name):
        return None if name in self.broken else self._measured(name)

    def _measured(self, name):
        if self.metrics[name]["kind"] == "actuator":
            return self.values[name]
        if name == "peltier_current":
            return abs(self.values["peltier"]) * 0.05
        if name.startswith("io_temp"):
            return 1.65
        culture = self.vials[name[5]]
        if name.endswith("_temp"):
            return round(culture.celsius + self._noise.gauss(0, 0.03), 4)
        light = 1.0 if self.values["led"] else 0.0
        shares = {"180_degree": 10 ** (-0.5 * culture.density), "135_degree": 0.12 * culture.density, "reference": 1.0}
        return round(0.012 + 2.0 * light * shares[name[7:]] * (1 + self._noise.gauss(0, 0.0015)), 5)
