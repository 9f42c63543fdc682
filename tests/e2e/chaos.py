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
import dataclasses
import heapq
import json
import random
import sys
import threading
import time

from ledgers import LedgerFleet


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


class Chaos(LedgerFleet):
    """One run of a plan. `say` is told what happens."""

    def __init__(self, plan, say=lambda line: None):
        super().__init__(plan.nodes, plan.metrics, plan.rate, plan.seed)
        self.plan, self.say, self.random = plan, say, random.Random(plan.seed)
        self.links = {name: Link(self.lab.broker_port) for name in self.names}
        self.ports = {name: link.port for name, link in self.links.items()}
        self.done = collections.Counter()

    def __exit__(self, *_):
        for link in self.links.values():
            link.stop()
        super().__exit__()

    # --- what goes wrong ---------------------------------------------------------------------------------------------
    # Each is a pair: how it begins, and how it is mended.

    def kill_broker(self, _name):
        self.lab.kill("broker")
        return lambda: self.lab.start("broker", "mosquitto", "-c", self.lab.folder / "mosquitto.conf")

    def kill_coordinator(self, _name):
        self.lab.kill("coordinator")
        return lambda: self.lab.start("coordinator", "labhub-coordinator", "--config", self.lab.folder / "coordinator.toml")

    def kill_agent(self, name):
        self.killed_at[name].append(time.time() * 1000)
        self.lab.kill(name)
        return lambda: self.start_agent(name)

    def cut(self, name):
        self.links[name].cut()
        return self.links[name].mend

    def slow(self, name):
        self.links[name].slow()
        return self.links[name].mend

    def freeze(self, name):
        self.links[name].freeze()
        return self.links[name].mend

    def schedule(self):
        """(begin, end, act, victim): at least `kills` kills, of all three kinds, and as many troubled links, over one
        another as it comes; but no two at a time on the same victim. One in seven lasts long: past keep-alives, the time
        after which a node is stale, and the hub's patience."""
        kinds = ["kill_broker", "kill_coordinator", "kill_agent"]
        acts = [kinds[i % 3] for i in range(self.plan.kills)] + [self.random.choice(["cut", "slow", "freeze"]) for _ in range(self.plan.kills)]
        self.random.shuffle(acts)
        last, busy_until, planned = self.plan.seconds * 0.97, collections.defaultdict(float), []
        for begin, act in sorted((self.random.uniform(1, last), act) for act in acts):
            victim = act if act in ("kill_broker", "kill_coordinator") else (act == "kill_agent", self.random.choice(self.names))
            is_long = self.random.random() < 1 / 7
            lasts = self.random.uniform(0.05, 0.15) * self.plan.seconds if is_long else self.random.uniform(0, 4)
            begin = max(begin, busy_until[victim] + 0.2)
            busy_until[victim] = begin + lasts
            planned.append((begin, begin + lasts, act, victim if isinstance(victim, str) else victim[1]))
        return planned

    def run(self):
        """Carries the schedule out; what should be over after the end of the measuring is mended then."""
        begun, due = time.monotonic(), []
        for number, (begin, end, act, victim) in enumerate(self.schedule()):
            heapq.heappush(due, (begin, number, end, act, victim))
        while due and due[0][0] < self.plan.seconds:
            at, number, end, act, victim = heapq.heappop(due)
            time.sleep(max(0.0, begun + at - time.monotonic()))
            if callable(act):
                act()
                continue
            heapq.heappush(due, (end, number, end, getattr(self, act)(victim), victim))
            self.done[act] += 1
            self.say(f"{at:6.1f} s  {act} {victim if victim != act else ''}, for {end - at:.1f} s")
        time.sleep(max(0.0, begun + self.plan.seconds - time.monotonic()))
        for _at, _number, _end, act, _victim in due:
            if callable(act):
                act()
        self.drain()


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    for field in dataclasses.fields(Plan):
        parser.add_argument(f"--{field.name}", type=field.type if callable(field.type) else float, default=field.default)
    plan = Plan(**vars(parser.parse_args()))
    with Chaos(plan, lambda line: print(line, flush=True)) as chaos:
        chaos.run()
        found = chaos.findings()
    print(json.dumps({"done": dict(chaos.done), **found.summary()}, indent=2))
    return 0 if found.is_clean() else 1


if __name__ == "__main__":
    sys.exit(main())
