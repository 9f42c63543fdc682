"""Event loops: asyncio waits for its timers in a selector."""

from __future__ import annotations

import selectors
from typing import Any, Optional

from .scheduler import Scheduler

#: Real seconds that an answer on a socket is waited for before time may go on.
_ANSWER_GRACE = 0.002


def install(scheduler: Scheduler) -> None:
    """A wait of the default selector goes by the scheduler's time, once nothing comes by its files."""
    chosen = selectors.DefaultSelector
    real = chosen.select

    def select(self: Any, timeout: Optional[float] = None) -> Any:
        if timeout is not None and timeout <= 0:
            return real(self, timeout)
        if timeout is None:
            scheduler.goes_outside()
            try:
                return real(self, None)
            finally:
                scheduler.comes_back()
        # asyncio's own pipe, by which threads wake it, is one of them.
        ready = real(self, _ANSWER_GRACE if len(self.get_map()) > 1 else 0)
        if ready:
            return ready
        scheduler.sleep(int(timeout * 1e9))
        return real(self, 0)

    chosen.select = select
