"""bytes on disk for each sample: the simulated vessel's readings and, where there is one, a recorded run"""
import os
import pathlib

from .measuring import say
from .query import tool

HOURS = 24
RECORDING = pathlib.Path(os.environ.get("LABHUB_RECORDED_RUN",
                                        pathlib.Path(__file__).resolve().parents[4] / "shared/data/recorded-run.csv"))


def measure():
    say(f"the simulated vessel at 10 Hz for {HOURS} of its hours")
    simulated = tool("simulator", HOURS)
    figures = {"simulator": simulated}
    aims = [("bytes_per_sample", simulated["bytes_per_sample"], "<=", 4)]
    if RECORDING.is_file():
        say("a recorded run")
        figures["recorded_run"] = tool("recording", RECORDING)
        aims.append(("bytes_per_sample_recorded", figures["recorded_run"]["bytes_per_sample"], "<=", 4))
    else:
        say("no recorded run here: skipped")
    return figures, aims
