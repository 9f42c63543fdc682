"""`run(jobs)`: one thread for each job, called at its period until its duration is over."""

from __future__ import annotations

import inspect
import logging
import sys
import threading
import time
import traceback
from typing import Any, Callable, Dict, List, Optional, Sequence, Tuple, Union

Seconds = Union[float, bool]
Job = Tuple[Callable[..., Any], Seconds, Seconds]

#: A job without a pause that fails is called again after this many seconds, so that a broken one does not spin.
_PAUSE_AFTER_FAILURE = 1.0
_POSITIONAL = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)


class JobThreads:
    """The running jobs of one reactor. They are daemon threads: a script that ends does not wait for them."""

    def __init__(self, reactor: Any, logger: logging.Logger) -> None:
        self._reactor = reactor
        self._logger = logger
        self._stop = threading.Event()
        self._threads: List[threading.Thread] = []
        #: How often each job has failed so far, by the function's name.
        self.failures: Dict[str, int] = {}

    def start(self, jobs: Sequence[Job]) -> None:
        """Starts one thread for each and returns at once. Error ValueError: a job is not (function, period, duration)."""
        checked = [_check(job) for job in jobs]
        if self._stop.is_set():
            self._stop = threading.Event()  # jobs that were told to stop keep the event that told them
        for function, period, duration in checked:
            work = (function, _caller(function), period, duration, self._stop)
            thread = threading.Thread(target=self._run, args=work, name=_name(function), daemon=True)
            self._threads.append(thread)
            thread.start()

    def stop(self) -> None:
        """Tells all jobs to stop; they do so before their next call. Returns at once."""
        self._stop.set()

    def join(self, seconds: float) -> bool:
        """Waits for all jobs but the calling one. Returns whether they have ended."""
        deadline = time.monotonic() + seconds
        others = [thread for thread in self._threads if thread is not threading.current_thread()]
        for thread in others:
            thread.join(max(0.0, deadline - time.monotonic()))
        self._threads = [thread for thread in self._threads if thread.is_alive()]
        return not any(thread.is_alive() for thread in others)

    def alive(self) -> List[threading.Thread]:
        """The threads whose job has not ended."""
        return [thread for thread in self._threads if thread.is_alive()]

    def _run(
        self,
        function: Callable[..., Any],
        call: Callable[[Any, float], Any],
        period: Optional[float],
        duration: Optional[float],
        stop: threading.Event,
    ) -> None:
        began = time.monotonic()
        last_failure = ""
        while not stop.is_set():
            called = time.monotonic()
            if duration is not None and called - began >= duration:
                return
            pause = period or 0.0
            try:
                call(self._reactor, called - began)
                last_failure = ""
            except Exception as fault:
                pause = period or _PAUSE_AFTER_FAILURE
                last_failure = self._report(_name(function), fault, last_failure, stop)
            rest = pause - (time.monotonic() - called)
            if duration is not None:
                rest = min(rest, began + duration - time.monotonic())
            if rest > 0:
                stop.wait(rest)

    def _report(self, name: str, fault: Exception, last: str, stop: threading.Event) -> str:
        """Logs a failure, with its traceback on standard error where it is not the same as the one before."""
        if stop.is_set():
            return last  # the reactor was closed under the job's feet
        self.failures[name] = self.failures.get(name, 0) + 1
        what = f"{type(fault).__name__}: {fault}"
        self._logger.error("job %s failed (%d so far): %s", name, self.failures[name], what)
        if what != last:
            sys.stderr.write(traceback.format_exc())
            sys.stderr.flush()
            # A dry run's report tells of it too.
            getattr(sys, "labhub_job_failed", lambda *_: None)(name, fault)
        return what


def _name(function: Callable[..., Any]) -> str:
    return getattr(function, "__name__", None) or type(function).__name__


def _check(job: Job) -> Tuple[Callable[..., Any], Optional[float], Optional[float]]:
    try:
        function, period, duration = job
    except (TypeError, ValueError):
        raise ValueError(f"{job!r} is not a job: (function, period, duration) is") from None
    if not callable(function):
        raise ValueError(f"{function!r} is not a job's function")
    return function, _seconds("period", period, function), _seconds("duration", duration, function)


def _seconds(what: str, given: Seconds, function: Callable[..., Any]) -> Optional[float]:
    """None for True (no pause, no end). Zero is a number: a duration of zero never calls the function."""
    if given is True:
        return None
    if isinstance(given, bool) or not isinstance(given, (int, float)) and not hasattr(given, "__float__"):
        raise ValueError(f"{what} of job {_name(function)} is {given!r}: seconds or True is expected")
    seconds = float(given)
    if not seconds >= 0:
        raise ValueError(f"{what} of job {_name(function)} is {given!r}: it must be 0 or more")
    return seconds


def _caller(function: Callable[..., Any]) -> Callable[[Any, float], Any]:
    """How to call it: with the reactor, and with `elapsed` where the signature takes a second argument.

    A second parameter with a default other than None is one the script has bound (``lambda bio, vial=v: …``) and gets
    nothing, unless its name is `elapsed`.
    """
    try:
        parameters = list(inspect.signature(function).parameters.values())
    except (TypeError, ValueError):  # some builtins don't say
        return lambda reactor, elapsed: function(reactor)
    named = [p for p in parameters if p.name == "elapsed" and p.kind is not inspect.Parameter.POSITIONAL_ONLY]
    if any(p.kind is inspect.Parameter.VAR_KEYWORD for p in parameters) or named:
        return lambda reactor, elapsed: function(reactor, elapsed=elapsed)
    positional = [p for p in parameters if p.kind in _POSITIONAL]
    takes_any = any(p.kind is inspect.Parameter.VAR_POSITIONAL for p in parameters)
    free = len(positional) > 1 and positional[1].default in (inspect.Parameter.empty, None)
    if free or takes_any:
        return lambda reactor, elapsed: function(reactor, elapsed)
    return lambda reactor, elapsed: function(reactor)
