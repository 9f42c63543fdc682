"""What all benches share: progress, statistics, aims, and the machine they ran on."""
import math
import operator
import os
import platform
import statistics
import sys

OPERATORS = {"<=": operator.le, ">=": operator.ge}


def say(text):
    """Progress, for a person who waits."""
    print(f"== bench: {text}", file=sys.stderr, flush=True)


def percentile(ordered, part):
    """The smallest value that at least this part of all values doesn't exceed."""
    return ordered[max(0, math.ceil(part * len(ordered)) - 1)]


def spread(values, digits=3):
    """Median and spread. p99 of fewer than a hundred values is their largest."""
    ordered = sorted(values)
    rounded = {"p50": statistics.median(ordered), "p25": percentile(ordered, 0.25), "p75": percentile(ordered, 0.75),
               "p99": percentile(ordered, 0.99), "min": ordered[0], "max": ordered[-1]}
    return {"n": len(ordered), **{name: round(value, digits) for name, value in rounded.items()}}


def milliseconds(nanoseconds):
    """Median and spread in milliseconds of durations in nanoseconds."""
    return spread([value / 1e6 for value in nanoseconds])


def aim(name, value, op, target):
    return {"name": name, "value": round(value, 3), "op": op, "target": target, "met": OPERATORS[op](value, target)}


def machine():
    """What a reader needs to tell a slow machine, or a busy one, from a slow program."""
    return {"processors": os.cpu_count(), "kernel": platform.release(), "load_1m": round(os.getloadavg()[0], 2)}
