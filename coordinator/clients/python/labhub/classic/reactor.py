"""`Bioreactor`: one vessel as the scripts of the Bioreactor Hub know it."""

from __future__ import annotations

import atexit
import csv
import logging
import math
import threading
import time
import weakref
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Dict, Iterator, List, Mapping, Optional, Sequence

from .. import errors
from ..context import experiment
from .client import BioreactorClient, HubError
from .config import PUMP_NAMES, Config
from .jobs import Job, JobThreads

#: Seconds that leaving the reactor waits for jobs to end, and for the hub to take the last command.
_JOIN_FOR = 5.0
_HOLD_FOR = 30.0
#: Seconds that the start waits for a node that is away.
_HARDWARE_FOR = 30.0

#: The hub's names of components where they differ from the ones scripts look up.
_OTHER_NAMES = {"leds": ("led",), "optical_density": ("photodiodes",), "temp": ("temperature",), "pumps": ("pump",)}


class Bioreactor:
    """The vessel this script has leased, with the classic methods. May be shared by threads, as `run` does.

    Readings that can't be had are NaN. Changes wait while the hub is away, and raise `HubError` for what it refuses.
    Leaving the `with`, `finish()` and the end of the interpreter put the actuators at their safe values; so does the
    node on its own when the script dies.
    """

    def __init__(self, api_url: Optional[str] = None, token: Optional[str] = None, device: Optional[str] = None) -> None:
        """Connects, starts the stirrer at 35 % and opens the readings' file. The arguments: see `BioreactorClient`."""
        self.cfg = Config
        self.logger = _logger(self.cfg)
        self.client = BioreactorClient(api_url, token, device)
        self._vessel = self.client.hub.vessel(device)
        self._command_lock = threading.RLock()
        self._write_lock = threading.Lock()
        self._finished = False
        self._temp_integral = 0.0
        self._temp_last_error = 0.0
        self._jobs = JobThreads(self, self.logger)
        self._initialized = self._components(self._reachable_status())
        if self._initialized["stirrer"]:
            self.change_stirrer(self.cfg.DUTY_CYCLE)
        self.fieldnames = ["time", *self.cfg.SENSOR_LABELS.values()]
        self.out_file = open(experiment.output / Path(self.cfg.DATA_OUT_FILE), "w", newline="", encoding="utf-8")
        self.writer = csv.DictWriter(self.out_file, fieldnames=self.fieldnames)
        self.writer.writeheader()
        self.out_file.flush()
        atexit.register(_finish_forgotten, weakref.ref(self))
        self.logger.info("Bioreactor ready: %s", ", ".join(name for name, there in self._initialized.items() if there))

    def change_led(self, state: bool) -> None:
        """The optical-density light on or off."""
        self._change("leds", lambda: self.client.control_led(bool(state)), f"LED {'on' if state else 'off'}")

    def change_ring_light(self, color: Sequence[int], pixel: Optional[int] = None) -> None:
        """The ring light, or one pixel (0–31), to (red, green, blue), 0–255 each."""
        where = "all" if pixel is None else f"pixel {pixel}"
        self._change("ring_light", lambda: self.client.control_ring_light(color, pixel), f"ring light {where} {color}")

    def change_peltier(self, power: float, forward: bool) -> None:
        """The peltier to `power` percent (0–100); forward heats."""
        way = "forward" if forward else "reverse"
        self._change("peltier", lambda: self.client.control_peltier(power, bool(forward)), f"peltier {power} % {way}")

    def change_pump(self, pump_name: str, ml_per_sec: float) -> None:
        """A pump (`A_in`, `A_out` … `D_out`) to a rate in mL/s. Error ValueError: no such pump, or a rate below 0."""
        if pump_name not in PUMP_NAMES:
            raise ValueError(f"no pump named {pump_name!r}: there are {', '.join(PUMP_NAMES)}")
        if not ml_per_sec >= 0:
            raise ValueError(f"ml_per_sec is {ml_per_sec}: it must be 0 or more")
        self._change("pumps", lambda: self.client.control_pump(pump_name, ml_per_sec), f"pump {pump_name} {ml_per_sec} ml/s")

    def change_stirrer(self, duty_cycle: float) -> None:
        """The stirrer to `duty_cycle` percent (0–100)."""
        self._change("stirrer", lambda: self.client.control_stirrer(duty_cycle), f"stirrer {duty_cycle} %")

    def get_photodiodes(self) -> List[float]:
        """Twelve voltages, in the order of the photodiodes' labels."""
        return self._readings("optical_density", "photodiodes", 12, lambda: self.client.get_photodiodes()["readings"])

    def get_io_temp(self) -> List[float]:
        """Two voltages of the thermistors at inlet and outlet."""
        return self._readings("temp", "io temperatures", 2, lambda: self.client.get_temperature()["io_temperatures"])

    def get_vial_temp(self) -> List[float]:
        """Four temperatures in °C: vials A to D."""
        return self._readings("temp", "vial temperatures", 4, lambda: self.client.get_temperature()["vial_temperatures"])

    def get_peltier_curr(self) -> float:
        """The peltier's current in A."""
        return self._readings("peltier", "peltier current", 1, lambda: [self.client.get_current()["peltier_current"]])[0]

    def write_row(self, elapsed: Optional[float]) -> Dict[str, Any]:
        """Measures all sensors at one moment, adds a row to the readings' file and returns it."""
        reply: Mapping[str, Any] = {}
        try:
            reply = self.client.get_sensors()
        except errors.Error as fault:
            self.logger.error("sensors can't be read: %s", fault)
        measured = (
            self._padded("optical_density", reply.get("photodiodes"), 12)
            + self._padded("temp", reply.get("io_temperatures"), 2)
            + self._padded("temp", reply.get("vial_temperatures"), 4)
            + self._padded("peltier", [reply.get("peltier_current")], 1)
        )
        row = dict(zip(self.fieldnames, [elapsed, *measured]))
        with self._write_lock:
            if not self.out_file.closed:
                self.writer.writerow(row)
                self.out_file.flush()
        return row

    def run(self, jobs: Sequence[Job]) -> None:
        """Starts one thread for each (function, period, duration) and returns at once.

        period: seconds from call to call, True for no pause. duration: seconds, True until stopped. The function gets
        the reactor, and `elapsed` (seconds since its job began) where it takes a second argument. One that raises is
        reported on standard error and called again at its next turn; the other jobs go on. `job_failures` counts.
        """
        if self._finished:
            raise RuntimeError("run() after finish(): make a new Bioreactor")
        self._jobs.start(jobs)
        self.logger.info("%d jobs started", len(jobs))

    @property
    def job_failures(self) -> Dict[str, int]:
        """How often each job has raised so far, by the function's name."""
        return dict(self._jobs.failures)

    @property
    def _threads(self) -> List[threading.Thread]:
        return self._jobs.alive()

    def stop_all(self) -> None:
        """Tells all jobs to stop; each does before its next call. Actuators stay as they are. Returns at once."""
        self._jobs.stop()
        self.logger.info("jobs told to stop")

    def finish(self) -> None:
        """Stops the jobs, puts the actuators at their safe values and closes the readings' file. Once is enough."""
        self._jobs.stop()
        is_quiet = self._command_lock.acquire(timeout=_HOLD_FOR)
        was_finished, self._finished = self._finished, True  # from here on no job can change anything
        if is_quiet:
            self._command_lock.release()
        if was_finished:
            return
        try:
            self._vessel.hold("finished", retry_for=_HOLD_FOR)
        except errors.Error as fault:
            self.logger.error("the hub did not take the last command (%s): the node makes the vessel safe by itself", fault)
        if not self._jobs.join(_JOIN_FOR):
            self.logger.warning("jobs still busy: %s", ", ".join(thread.name for thread in self._jobs.alive()))
        for name, times in self.job_failures.items():
            self.logger.warning("job %s failed %d times", name, times)
        with self._write_lock:
            self.out_file.close()
        self.client.hub.close()
        self.logger.info("Bioreactor finished")

    @contextmanager
    def led_context(self, settle_time: float = 1.0) -> Iterator[None]:
        """The light on for the length of a `with`, which begins after `settle_time` seconds."""
        try:
            self.change_led(True)
            time.sleep(settle_time)
            yield
        finally:
            self.change_led(False)

    def __enter__(self) -> "Bioreactor":
        return self

    def __exit__(self, *_: Any) -> None:
        self.finish()

    def _reachable_status(self) -> Mapping[str, Any]:
        """The hardware's status, once it can be reached. Error HubError: it can't, though it was waited for."""
        deadline = time.monotonic() + min(_HARDWARE_FOR, self.client.hub.retry_for)
        while True:
            status = self.client.get_status()
            if status.get("hardware_available", True):
                return status
            if time.monotonic() >= deadline:
                raise HubError(f"the hardware of {self._vessel.name} can't be reached", "is its node online?", 503, "unavailable")
            time.sleep(min(1.0, max(0.0, deadline - time.monotonic())))

    def _components(self, status: Mapping[str, Any]) -> Dict[str, bool]:
        there = status.get("initialized_components") or {}
        found = {}
        for name, wanted in self.cfg.INIT_COMPONENTS.items():
            named = [there[key] for key in (name, *_OTHER_NAMES.get(name, ())) if key in there]
            found[name] = bool(wanted) and bool(named[0] if named else True)
        return found

    def _change(self, component: str, command: Any, what: str) -> None:
        if not self._initialized.get(component):
            self.logger.warning("%s: left out, as there is no %s", what, component)
            return
        with self._command_lock:
            if self._finished:
                raise RuntimeError(f"{what}: the reactor is finished")
            command()
        self.logger.info("%s", what)

    def _readings(self, component: str, what: str, count: int, ask: Any) -> List[float]:
        found = None
        if self._initialized.get(component):
            try:
                found = ask()
            except errors.Error as fault:
                self.logger.error("%s can't be read: %s", what, fault)
        return self._padded(component, found, count)

    def _padded(self, component: str, found: Optional[Sequence[Optional[float]]], count: int) -> List[float]:
        values = [] if found is None or not self._initialized.get(component) else list(found)[:count]
        return [math.nan if value is None else value for value in values] + [math.nan] * (count - len(values))


def _logger(cfg: Any) -> logging.Logger:
    logger = logging.getLogger("Bioreactor")
    logger.setLevel(getattr(cfg, "LOG_LEVEL", "INFO"))
    if not logger.hasHandlers():
        handler: logging.Handler = logging.FileHandler(cfg.LOG_FILE) if cfg.LOG_FILE else logging.StreamHandler()
        handler.setFormatter(logging.Formatter(cfg.LOG_FORMAT))
        logger.addHandler(handler)
    return logger


def _finish_forgotten(reactor: "weakref.ref[Bioreactor]") -> None:
    forgotten = reactor()
    if forgotten is not None:
        forgotten.finish()
