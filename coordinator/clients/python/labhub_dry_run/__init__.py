"""Virtual time for a script: a dry run's sleeps, clocks and waits go by the clock of the simulated device.

Time stands still while any thread of the script is at work, and goes on to the next moment at which one of them wants
to be woken when all of them wait. So eight hours of waiting take as long as what is done in between. Standard library
only; not for use outside a dry run's sandbox.
"""

from __future__ import annotations

import os
import sys

#: Set by the hub: when the dry run begins, in milliseconds of UTC since 1970.
START = "LABHUB_DRY_RUN_START"


def install_from_environment() -> None:
    """Puts virtual time in the place of the real one in this process, where the hub asks for it."""
    start = os.environ.get(START)
    if not start:
        return
    if not (3, 8) <= sys.version_info[:2] <= (3, 12):
        sys.exit("labhub: a dry run needs Python 3.8 to 3.12, as it replaces how threads wait; this is " + sys.version.split()[0])
    from . import clocks, selecting, signals, threads, wire
    from .scheduler import Scheduler

    hub = wire.Hub.from_environment()
    scheduler = Scheduler(int(start) * 1_000_000, hub.tell)
    clocks.install(scheduler)
    threads.install(scheduler)
    signals.install(scheduler)
    selecting.install(scheduler)
    wire.install(scheduler, hub)
