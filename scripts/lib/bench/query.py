"""charts from the telemetry store: a day at 10 Hz and a month of 20 series, beside a plain SQLite table"""
import json
import pathlib
import statistics
import subprocess
import tempfile

from .measuring import milliseconds, say

TOOL = pathlib.Path(__file__).resolve().parents[3] / "build/release/tests/labhub_bench_telemetry"
ROUNDS = 15


def tool(*arguments):
    """Runs one measurement in a folder of its own and returns what it printed."""
    with tempfile.TemporaryDirectory(prefix="labhub-bench-") as folder:
        done = subprocess.run([TOOL, arguments[0], folder, *map(str, arguments[1:])], stdout=subprocess.PIPE, check=True)
    return json.loads(done.stdout)


def measure():
    say("a day: 864,000 samples of one series, into the store and into a plain table")
    day = tool("day", ROUNDS)
    say("a month: 52 million samples of 20 series")
    month = tool("month", ROUNDS)
    warm, plain = statistics.median(day["warm"]), statistics.median(day["plain_warm"])
    cold, plain_cold = statistics.median(day["cold"]), statistics.median(day["plain_cold"])
    figures = {"day_samples": day["samples"], "day_points": day["points"], "day_warm_ms": milliseconds(day["warm"]),
               "day_cold_ms": milliseconds(day["cold"]), "plain_warm_ms": milliseconds(day["plain_warm"]),
               "plain_cold_ms": milliseconds(day["plain_cold"]), "vs_plain_sqlite_cold": round(plain_cold / cold, 1),
               "day_bytes_per_sample": round(day["store_bytes"] / day["samples"], 2),
               "plain_bytes_per_sample": round(day["plain_bytes"] / day["samples"], 2),
               "month_samples": month["samples"], "month_warm_ms": milliseconds(month["warm"]),
               "month_cold_ms": milliseconds(month["cold"])}
    return figures, [("day_warm_ms", warm / 1e6, "<=", 5), ("vs_plain_sqlite", plain / warm, ">=", 20),
                     ("month_warm_ms", statistics.median(month["warm"]) / 1e6, "<=", 200)]
