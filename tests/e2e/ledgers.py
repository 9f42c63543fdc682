"""Simulated nodes that note in ledgers of their own what their drivers produced, and the comparison of those ledgers
with what the store gives back."""
import collections
import contextlib
import csv
import dataclasses
import datetime
import http.client
import io
import json
import signal

from lab import Lab, wait_for

DEVICE = "vessel"
# A reading is safe from a kill of its agent once it is in the spool, which commits ten times a second. What an agent had
# measured and not committed when it was killed dies with it, as the driver does; nothing older may.
MOMENT_MS = 1000


def is_same(noted, stored):
    return stored is None if noted == "null" else stored is not None and float(noted) == float(stored)


@dataclasses.dataclass
class Findings:
    produced: int = 0                   # readings in the ledgers
    stored: int = 0                     # of the same series in the store
    counted: int = 0                    # what the store itself says it has
    missing: list = dataclasses.field(default_factory=list)   # (node, metric, time_ms)
    wrong: list = dataclasses.field(default_factory=list)     # (node, metric, time_ms, produced, stored)
    repeated: list = dataclasses.field(default_factory=list)  # (node, metric, time_ms)
    strange: list = dataclasses.field(default_factory=list)   # stored, and in no ledger
    died: int = 0  # produced by an agent in the last moment before it was killed, and not stored by then: gone with it
    died_before_ms: float = 0  # the longest such moment

    def is_clean(self):
        return not (self.missing or self.wrong or self.repeated or self.strange) and self.counted == self.stored

    def summary(self):
        return {"produced": self.produced, "stored": self.stored, "counted": self.counted, "missing": len(self.missing),
                "wrong": len(self.wrong), "repeated": len(self.repeated), "strange": len(self.strange), "died": self.died, "died_before_ms": round(self.died_before_ms),
                "examples": {name: getattr(self, name)[:5] for name in ("missing", "wrong", "repeated", "strange") if getattr(self, name)}}


class LedgerFleet:
    """`with LedgerFleet() as fleet:` runs a lab whose nodes are processes of their own, each with a spool on disk and a
    ledger of what that has stored. `ports` are where the nodes find the broker, if not directly."""

    def __init__(self, nodes=1, metrics=20, rate=10, seed=1):
        self.metrics, self.rate, self.seed = metrics, rate, seed
        self.lab, self.ports = Lab(nodes=0), {}
        self.killed_at = collections.defaultdict(list)  # node → times at which its agent was killed, ms
        self.names = [f"fleet-{number:05}" for number in range(1, nodes + 1)]

    def __enter__(self):
        self.lab.__enter__()
        for name in self.names:
            self.start_agent(name)
        for name in self.names:
            wait_for(f"the first readings of {name}", (self.lab.folder / f"{name}.csv").exists)
        return self

    def __exit__(self, *_):
        for name in self.names:
            if name in self.lab.processes:
                self.lab.kill(name)
        self.lab.__exit__()

    def start_agent(self, name):
        self.lab.start(name, "labhub-agent", "--simulate-fleet", 1, "--first", int(name[-5:]), "--metrics", self.metrics, "--rate", self.rate,
                       "--broker-port", self.ports.get(name, self.lab.broker_port), "--seed", self.seed, "--ramp", "0s", "--keepalive", "5s",
                       "--drain", "90s", "--state", self.lab.folder / name, "--ledger", self.lab.folder / f"{name}.csv")

    def drain(self):
        """Ends the measuring and waits until every agent says that all it has was acknowledged: its exit status is 0 then."""
        wait_for("the coordinator's answer", self.lab.answers, 30)
        ending = [self.lab.processes.pop(name) for name in self.names]
        for agent in ending:
            agent.send_signal(signal.SIGTERM)
        for name, agent in zip(self.names, ending):
            status = agent.wait(120)
            if status != 0:
                raise AssertionError(f"{name} ended with {status}: {(self.lab.folder / f'{name}.log').read_text()[-1000:]}")

    # --- what came of it ---------------------------------------------------------------------------------------------

    def findings(self):
        found = Findings()
        listed = self.lab.request("GET", "/api/telemetry/series")["series"]
        found.counted = sum(series["count"] for series in listed if series["node"] in set(self.names))
        for name in self.names:
            self.compare(name, found)
        return found

    def compare(self, name, found):
        produced = {}
        with open(self.lab.folder / f"{name}.csv", newline="") as ledger:
            for _node, _device, metric, at, value in csv.reader(ledger):
                produced[metric, int(at)] = value
        found.produced += len(produced)
        seen = set()
        for metric, at, value in self.stored(name):
            found.stored += 1
            key = metric, at
            if key in seen:
                found.repeated.append((name, metric, at))
            seen.add(key)
            wanted = produced.pop(key, None)
            if wanted is None:
                found.strange.append((name, metric, at))
            elif not is_same(wanted, value):
                found.wrong.append((name, metric, at, wanted, value))
        for metric, at in produced:
            before = min((killed - at for killed in self.killed_at[name] if killed >= at), default=MOMENT_MS + 1)
            if before > MOMENT_MS:
                found.missing.append((name, metric, at))
            else:
                found.died += 1
                found.died_before_ms = max(found.died_before_ms, before)

    def stored(self, name):
        """(metric, time_ms, value) of everything the store has of a node, as people get it."""
        connection = http.client.HTTPConnection("127.0.0.1", self.lab.port, timeout=300)
        with contextlib.closing(connection):
            connection.request("GET", f"/api/telemetry/export?device={name}/{DEVICE}&from=0&format=jsonl&layout=long", None,
                               {"Authorization": f"Bearer {self.lab.token}"})
            reply = connection.getresponse()
            if reply.status != 200:
                raise AssertionError(reply.read().decode())
            for line in io.TextIOWrapper(reply, encoding="utf-8"):
                row = json.loads(line)
                at = datetime.datetime.fromisoformat(row["time"])
                yield row["metric"], round(at.timestamp() * 1000), row["value"]
