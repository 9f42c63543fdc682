"""Signals come in real time: their handlers run in the main thread, which may be waiting."""

from __future__ import annotations

import os
import signal
from typing import Any

from .scheduler import Scheduler


def install(scheduler: Scheduler) -> None:
    """While a handler runs its thread counts as one that works, though it was waiting."""
    real = signal.signal

    def set_handler(number: Any, handler: Any) -> Any:
        if not callable(handler):
            return _own(real(number, handler))

        def handle(signum: int, frame: Any) -> Any:
            waiter = scheduler.interrupted()
            has_raised = True
            try:
                handler(signum, frame)
                has_raised = False
            finally:
                scheduler.handled(waiter, has_raised)

        handle.labhub_handler = handler
        return _own(real(number, handle))

    signal.signal = set_handler
    os.register_at_fork(after_in_child=scheduler.forked)


def _own(handler: Any) -> Any:
    """The handler as the script gave it."""
    return getattr(handler, "labhub_handler", handler)
