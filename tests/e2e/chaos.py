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

    def kill_broker(self):
        self.lab.kill("broker")
        time.sleep(self.random.uniform(0, 2))
        self.lab.start("broker", "mosquitto", "-c", self.lab.folder / "mosquitto.conf")

    def kill_coordinator(self):
        self.lab.kill("coordinator")
        time.sleep(self.random.uniform(0, 2))
        self.lab.start("coordinator", "labhub-coordinator", "--config", self.lab.folder / "coordinator.toml")

    def kill_agent(self):
        name = self.random.choice(self.names)
        self.killed_at[name].append(time.time() * 1000)
        self.lab.kill(name)
        time.sleep(self.random.uniform(0, 1))
        self.start_agent(name)

    def trouble_link(self):
        link = self.random.choice(list(self.links.values()))
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
        for link in self.links.values():
            link.mend()
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
