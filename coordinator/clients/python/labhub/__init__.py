"""labhub: bioreactors from Python, in an experiment's sandbox or anywhere else.

    import labhub

    r = labhub.vessel()                  # the vessel this experiment has leased
    r.set(stirrer=40, led=True)          # returns what the device acknowledged
    print(r.read("vial_A_temp"))         # °C; NaN where it can't be had
    for sample in r.stream(period=5, duration=3600):
        print(sample.elapsed, sample.vial_A_180_degree)
    r.hold()                             # every actuator at its safe value
    print(labhub.alarms())               # what is out of its limits
    setpoint = labhub.params.get("setpoint", 0.5)   # as in `labhub run --param setpoint=0.6`
    labhub.note("inoculated")            # into the record of this experiment, at this time

    table = labhub.query(metric="vial_*_temp", start="-2h")   # stored readings, as a pandas table where pandas is there

Calls wait while the hub is away and raise a `labhub.Error` for what it refuses. Standard library only.
"""

from .context import Experiment, Params, experiment, sleep
from .errors import (
    Conflict,
    Error,
    Forbidden,
    Internal,
    Malformed,
    NoLease,
    NotFound,
    OutOfRange,
    TimedOut,
    TooLarge,
    TooMany,
    Unauthenticated,
    Unauthorized,
    Unavailable,
)
from .hub import Hub, alarms, connect, note, query, series
from .pausing import Pause, paused_for, pauses
from .stream import Sample
from .vessel import Metric, Vessel, vessel

__version__ = "0.1.0"


def __getattr__(name: str) -> object:
    # Read when it is asked for, as a test or a notebook may set LABHUB_PARAMS after the import.
    if name == "params":
        return experiment.params
    raise AttributeError(f"module 'labhub' has no attribute {name!r}")


__all__ = [
    "Conflict",
    "Error",
    "Experiment",
    "Forbidden",
    "Hub",
    "Internal",
    "Malformed",
    "Metric",
    "NoLease",
    "NotFound",
    "OutOfRange",
    "Params",
    "Pause",
    "Sample",
    "TimedOut",
    "TooLarge",
    "TooMany",
    "Unauthenticated",
    "Unauthorized",
    "Unavailable",
    "Vessel",
    "alarms",
    "connect",
    "experiment",
    "note",
    "params",
    "paused_for",
    "pauses",
    "query",
    "series",
    "sleep",
    "vessel",
]
