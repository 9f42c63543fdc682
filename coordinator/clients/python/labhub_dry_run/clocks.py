"""The clocks of `time` and `datetime`."""

from __future__ import annotations

import ctypes
import datetime
import functools
import gc
import time
from typing import Any

from .scheduler import Scheduler

_NS = 1_000_000_000


def install(scheduler: Scheduler) -> None:
    """Replaces what reads the clock, or waits for it, in `time` and `datetime`."""
    _install_time(scheduler)
    _install_conversions(scheduler)
    _install_datetime(scheduler)


def _install_time(scheduler: Scheduler) -> None:
    steady = time.monotonic_ns() - scheduler.start
    real_gettime, real_gettime_ns = time.clock_gettime, time.clock_gettime_ns
    wall = {time.CLOCK_REALTIME: 0, time.CLOCK_MONOTONIC: steady}
    for name in ("CLOCK_BOOTTIME", "CLOCK_MONOTONIC_RAW"):
        if hasattr(time, name):
            wall[getattr(time, name)] = steady

    def sleep(seconds: Any, /) -> None:
        nanoseconds = seconds * _NS  # what is no number says so itself
        if nanoseconds != nanoseconds:
            raise ValueError("Invalid value NaN (not a number)")
        if nanoseconds < 0:
            raise ValueError("sleep length must be non-negative")
        scheduler.sleep(int(nanoseconds))

    _replace(
        sleep=sleep,
        time=lambda: scheduler.read() / _NS,
        time_ns=scheduler.read,
        monotonic=lambda: (scheduler.read() + steady) / _NS,
        perf_counter=lambda: (scheduler.read() + steady) / _NS,
        monotonic_ns=lambda: scheduler.read() + steady,
        perf_counter_ns=lambda: scheduler.read() + steady,
        clock_gettime=lambda clock: (scheduler.read() + wall[clock]) / _NS if clock in wall else real_gettime(clock),
        clock_gettime_ns=lambda clock: scheduler.read() + wall[clock] if clock in wall else real_gettime_ns(clock),
    )


def _replace(**functions: Any) -> None:
    """Not by plain functions: one that a class keeps as an attribute, as logging does, must not become its method."""
    for name, function in functions.items():
        setattr(time, name, functools.partial(function))


def _install_conversions(scheduler: Scheduler) -> None:
    """Those that take the present time where none is given."""
    localtime, gmtime, ctime, strftime, asctime = time.localtime, time.gmtime, time.ctime, time.strftime, time.asctime

    def now() -> float:
        return scheduler.read() / _NS

    _replace(
        localtime=lambda seconds=None, /: localtime(now() if seconds is None else seconds),
        gmtime=lambda seconds=None, /: gmtime(now() if seconds is None else seconds),
        ctime=lambda seconds=None, /: ctime(now() if seconds is None else seconds),
        strftime=lambda text, when=None, /: strftime(text, localtime(now()) if when is None else when),
        asctime=lambda when=None, /: asctime(localtime(now()) if when is None else when),
    )


def _install_datetime(scheduler: Scheduler) -> None:
    """Into the types themselves: compiled modules hold on to them, so that none may stand in their place."""

    def now(cls: Any, tz: Any = None) -> Any:
        microseconds = scheduler.read() // 1000
        moment = cls.fromtimestamp(microseconds // 1_000_000, tz)
        return moment.replace(microsecond=microseconds % 1_000_000)

    def utcnow(cls: Any) -> Any:
        return now(cls, datetime.timezone.utc).replace(tzinfo=None)

    def today(cls: Any) -> Any:
        return cls.fromtimestamp(scheduler.read() // _NS)

    _change(datetime.datetime, now=classmethod(now), utcnow=classmethod(utcnow), today=classmethod(now))
    _change(datetime.date, today=classmethod(today))


def _change(kind: type, **methods: Any) -> None:
    """A type that is written in C refuses new attributes; the dictionary behind it doesn't."""
    behind = gc.get_referents(kind.__dict__)[0]
    behind.update(methods)
    ctypes.pythonapi.PyType_Modified(ctypes.py_object(kind))
