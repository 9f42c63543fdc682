#!/usr/bin/python3
"""Readings under fire: nodes that measure while broker, coordinator and agents are killed and links are cut, slowed and
frozen; then every reading in the drivers' own ledgers must be in the store, once, with its value.

    tests/e2e/chaos.py --seconds 600 --nodes 20 --metrics 20 --rate 10 --kills 30

prints what was done and found, and exits with 1 where a reading is missing, twice there or another. test_chaos.py is
the short form of it.
"""
import argparse
import asyncio
import collections
import contextlib
import csv
import dataclasses
import datetime
import http.client
import io
import json
import random
import signal
import sys
import threading
import time

from lab import Lab, wait_for

DEVICE = "vessel"


class Link(threading.Thread):
    """The line between one agent and the broker: a TCP relay that can be cut, slowed and frozen. Runs until stop()."""

    CHUNK = 4096

    def __init__(self, broker_port):
        super().__init__(daemon=True)
        self.broker_port, self.port = broker_port, None
        self.delay, self.is_cut, self.is_frozen = 0.0, False, False
        self.loop, self.ready, self.writers = asyncio.new_event_loop(), threading.Event(), set()
        self.start()
        self.ready.wait(10)

    def run(self):
        self.loop.run_until_complete(self._serve())

    async def _serve(self):
        self.stopped = asyncio.Event()
        server = await asyncio.start_server(self._relay, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        self.ready.set()
        await self.stopped.wait()
        server.close()
        self._drop()

    async def _relay(self, reader, writer):
        if self.is_cut:
            writer.transport.abort()
            return
        try:
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self.broker_port)
        except OSError:
            writer.transport.abort()
            return
        self.writers |= {writer, far_writer}
        await asyncio.gather(self._pump(reader, far_writer), self._pump(far_reader, writer))
        self.writers -= {writer, far_writer}

    async def _pump(self, reader, writer):
        try:
            while data := await reader.read(self.CHUNK):
                while self.is_frozen:
                    await asyncio.sleep(0.02)
                if self.delay:
                    await asyncio.sleep(self.delay)
                writer.write(data)
                await writer.drain()
        except OSError:
            pass
        writer.close()

    def _drop(self):
        for writer in list(self.writers):
            writer.transport.abort()

    def cut(self):
        self.is_cut = True
        self.loop.call_soon_threadsafe(self._drop)

    def slow(self):
        self.delay = 0.3

    def freeze(self):
        """Nothing passes, and nobody is told: as a cable pulled far away."""
        self.is_frozen = True

    def mend(self):
        self.delay, self.is_cut, self.is_frozen = 0.0, False, False

    def stop(self):
        self.mend()
        self.loop.call_soon_threadsafe(self.stopped.set)
        self.join(10)


@dataclasses.dataclass
class Plan:
    seconds: float = 600
    nodes: int = 20
    metrics: int = 20
    rate: float = 10
    kills: int = 30
    seed: int = 1


@dataclasses.dataclass
class Findings:
    produced: int = 0                   # readings in the ledgers
    stored: int = 0                     # of the same series in the store
    counted: int = 0                    # what the store itself says it has
    missing: list = dataclasses.field(default_factory=list)   # (node, metric, time_ms)
    wrong: list = dataclasses.field(default_factory=list)     # (node, metric, time_ms, produced, stored)
    repeated: list = dataclasses.field(default_factory=list)  # (node, metric, time_ms)
    strange: list = dataclasses.field(default_factory=list)   # stored, in no ledger, and not cut short by a kill
    done: collections.Counter = dataclasses.field(default_factory=collections.Counter)

    def is_clean(self):
        return not (self.missing or self.wrong or self.repeated or self.strange) and self.counted == self.stored

    def summary(self):
        return {"produced": self.produced, "stored": self.stored, "counted": self.counted, "missing": len(self.missing),
                "wrong": len(self.wrong), "repeated": len(self.repeated), "strange": len(self.strange), "done": dict(self.done),
                "examples": {name: getattr(self, name)[:5] for name in ("missing", "wrong", "repeated", "strange") if getattr(self, name)}}


class Chaos:
    """One run of a plan. `say` is told what happens."""

    def __init__(self, plan, say=lambda line: None):
        self.plan, self.say, self.random = plan, say, random.Random(plan.seed)
        self.lab, self.links, self.done = Lab(nodes=0), [], collections.Counter()
        self.killed_at = collections.defaultdict(list)  # node → times at which its agent was killed, ms
        self.names = [f"fleet-{number:05}" for number in range(1, plan.nodes + 1)]

    def __enter__(self):
        self.lab.__enter__()
        self.links = [Link(self.lab.broker_port) for _ in self.names]
        for index in range(len(self.names)):
            self.start_agent(index)
        for name in self.names:
            wait_for(f"the first readings of {name}", (self.lab.folder / f"{name}.csv").exists)
        return self

    def __exit__(self, *_):
        for name in self.names:
            if name in self.lab.processes:
                self.lab.kill(name)
        for link in self.links:
            link.stop()
        self.lab.__exit__()

    def start_agent(self, index):
        name = self.names[index]
        self.lab.start(name, "labhub-agent", "--simulate-fleet", 1, "--first", index + 1, "--metrics", self.plan.metrics,
                       "--rate", self.plan.rate, "--broker-port", self.links[index].port, "--seed", self.plan.seed, "--ramp", "0s",
                       "--keepalive", "5s", "--drain", "90s", "--state", self.lab.folder / name, "--ledger", self.lab.folder / f"{name}.csv")

    # --- what goes wrong ---------------------------------------------------------------------------------------------

    def kill_broker(self):
        self.lab.kill("broker")
        time.sleep(self.random.uniform(0, 2))
        self.lab.start("broker", "mosquitto", "-c", self.lab.folder / "mosquitto.conf")

    def kill_coordinator(self):
        self.lab.kill("coordinator")
        time.sleep(self.random.uniform(0, 2))
        self.lab.start("coordinator", "labhub-coordinator", "--config", self.lab.folder / "coordinator.toml")

    def kill_agent(self):
        index = self.random.randrange(len(self.names))
        self.killed_at[self.names[index]].append(time.time() * 1000)
        self.lab.kill(self.names[index])
        time.sleep(self.random.uniform(0, 1))
        self.start_agent(index)

    def trouble_link(self):
        link = self.random.choice(self.links)
        how = self.random.choice(["cut", "slow", "freeze"])
        getattr(link, how)()
        time.sleep(self.random.uniform(0.5, 5))
        link.mend()
        return how

    def schedule(self):
        """What happens when: at least `kills` kills, of all three kinds, and as many troubled links."""
        kinds = ["kill_broker", "kill_coordinator", "kill_agent"]
        acts = [kinds[i % 3] for i in range(self.plan.kills)] + ["trouble_link"] * self.plan.kills
        self.random.shuffle(acts)
        last = self.plan.seconds * 0.97
        return sorted((self.random.uniform(1, last), act) for act in acts)

    def run(self):
        begun = time.monotonic()
        for at, act in self.schedule():
            # A kill with its pause can take longer than to the next act: that one then follows at once.
            time.sleep(max(0.0, begun + at - time.monotonic()))
            how = getattr(self, act)() or act
            self.done[how] += 1
            self.say(f"{time.monotonic() - begun:6.1f} s  {how}")
        time.sleep(max(0.0, begun + self.plan.seconds - time.monotonic()))
        for link in self.links:
            link.mend()
        self.drain()

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
        found = Findings(done=self.done)
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
                # An agent that is killed between storing a reading and noting it has produced it all the same.
                if not any(0 <= killed - at < 2000 for killed in self.killed_at[name]):
                    found.strange.append((name, metric, at))
            elif float(wanted) != float(value):
                found.wrong.append((name, metric, at, wanted, value))
        found.missing += [(name, metric, at) for metric, at in produced]

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


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    for field in dataclasses.fields(Plan):
        parser.add_argument(f"--{field.name}", type=field.type if callable(field.type) else float, default=field.default)
    plan = Plan(**vars(parser.parse_args()))
    with Chaos(plan, lambda line: print(line, flush=True)) as chaos:
        chaos.run()
        found = chaos.findings()
    print(json.dumps(found.summary(), indent=2))
    return 0 if found.is_clean() else 1


if __name__ == "__main__":
    sys.exit(main())
