"""memory and processor time of the agent at 10 Hz on all metrics, its readings stored and acknowledged"""
import contextlib
import os
import sqlite3
import time

from lab import Lab, wait_for

from .measuring import say, spread

SETTLE = 8
WINDOWS = 10
WINDOW = 4.0
TICKS = os.sysconf("SC_CLK_TCK")


class BusyLab(Lab):
    """sim-1 samples at 10 Hz, sim-2 at the agent's default of 1 Hz: what the agent costs before it has much to do."""

    def _configure(self):
        super()._configure()
        slow = self.folder / "sim-2/agent.toml"
        slow.write_text(slow.read_text().replace('period = "100ms"', 'period = "1s"'))


def memory_kib(pid):
    with open(f"/proc/{pid}/status", encoding="ascii") as status:
        fields = dict(line.split(":", 1) for line in status)
    return {name: int(fields[name].split()[0]) for name in ("VmRSS", "RssAnon", "RssFile", "VmHWM")}


def proportional_kib(pid):
    """Memory with what is shared with other processes counted in proportion."""
    with open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as rollup:
        return next(int(line.split()[1]) for line in rollup if line.startswith("Pss:"))


def processor_seconds(pid):
    """utime + stime (proc(5), fields 14 and 15)."""
    with open(f"/proc/{pid}/stat", encoding="ascii") as stat:
        fields = stat.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def switches(pid):
    """Voluntary context switches of all threads: how often something woke up."""
    total = 0
    for task in os.listdir(f"/proc/{pid}/task"):
        with open(f"/proc/{pid}/task/{task}/status", encoding="ascii") as status:
            total += next(int(line.split()[1]) for line in status if line.startswith("voluntary_ctxt_switches"))
    return total


class Watched:
    """One process over all windows."""

    def __init__(self, pid):
        self.pid, self.memory, self.processor = pid, [], []
        self.began, self.at_first, self.switched = time.monotonic(), processor_seconds(pid), switches(pid)
        self._last = (self.began, self.at_first)

    def look(self):
        now, used = time.monotonic(), processor_seconds(self.pid)
        self.processor.append(100 * (used - self._last[1]) / (now - self._last[0]))
        self.memory.append(memory_kib(self.pid))
        self._last = (now, used)

    def whole_cpu_percent(self):
        return 100 * (self._last[1] - self.at_first) / (self._last[0] - self.began)

    def figures(self):
        seconds = time.monotonic() - self.began
        mib = {name: spread([look[name] / 1024 for look in self.memory], 2) for name in ("VmRSS", "RssAnon", "RssFile")}
        return {"rss_mib": mib["VmRSS"], "rss_anon_mib": mib["RssAnon"], "rss_file_mib": mib["RssFile"],
                "rss_peak_mib": round(self.memory[-1]["VmHWM"] / 1024, 2), "pss_mib": round(proportional_kib(self.pid) / 1024, 2),
                "cpu_percent": {**spread(self.processor, 2), "whole": round(self.whole_cpu_percent(), 3)},
                "wakeups_per_s": round((switches(self.pid) - self.switched) / seconds, 1), "threads": len(os.listdir(f"/proc/{self.pid}/task"))}


def count(file, table):
    with contextlib.closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as database:
        return database.execute(f"SELECT count(*) FROM {table}").fetchone()[0]


def stored(lab):
    """Samples in the coordinator's store since it began."""
    lines = lab.request("GET", "/metrics").decode().splitlines()
    return next(float(line.split()[1]) for line in lines if line.startswith("labhub_samples_stored_total "))


def unacknowledged(lab, node):
    """Rows in a node's spool: stays small while the coordinator acknowledges."""
    return count(lab.folder / node / "state/spool.sqlite", "row")


def measure():
    with BusyLab(nodes=2, speed=1, period="100ms") as lab:
        say(f"settling for {SETTLE} s, then {WINDOWS} windows of {WINDOW:g} s")
        time.sleep(SETTLE)
        wait_for("an acknowledged spool", lambda: unacknowledged(lab, "sim-1") < 50)
        pids = {name: lab.processes[name].pid for name in ("agent sim-1", "agent sim-2", "broker")}
        before = stored(lab)
        watched = {name: Watched(pid) for name, pid in pids.items()}
        for _ in range(WINDOWS):
            time.sleep(WINDOW)
            for each in watched.values():
                each.look()
        seconds = WINDOWS * WINDOW
        busy = watched["agent sim-1"]
        figures = {"agent_10_hz": busy.figures(), "limit_agent_1_hz": watched["agent sim-2"].figures(), "peer_mosquitto": watched["broker"].figures(),
                   "samples_stored_per_s": round((stored(lab) - before) / seconds, 1), "rows_not_acknowledged": unacknowledged(lab, "sim-1"),
                   "seconds": seconds}
    rss = max(look["VmRSS"] for look in busy.memory) / 1024
    return figures, [("rss_mib", rss, "<=", 12), ("cpu_percent", busy.whole_cpu_percent(), "<=", 2)]
