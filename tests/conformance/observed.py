"""The broker that watches (tests/interop/observer.js), and a whole lab around it."""
import json
import pathlib
import shutil
import subprocess
import sys
import threading
import time
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/e2e"))
from lab import Lab, wait_for  # noqa: E402

OBSERVER = ROOT / "tests/interop/observer.js"


def need_peers():
    """Skips the test where npm's packages are not installed."""
    if shutil.which("node") is None:
        raise unittest.SkipTest("node is not installed")
    if not (ROOT / "tests/interop/node_modules/aedes").exists():
        raise unittest.SkipTest("npm's aedes is not installed: run scripts/setup")


class Observer:
    """The broker as a process. `records` grows while it runs: every packet of every client, in the order they came."""

    def __init__(self):
        self.records = []
        self._changed = threading.Condition()
        self._process = subprocess.Popen(["node", str(OBSERVER)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True)
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        self.port = self.wait("the broker's port", lambda r: r["packet"] == "listening")["port"]

    def _read(self):
        for line in self._process.stdout:
            record = json.loads(line)
            with self._changed:
                self.records.append(record)
                self._changed.notify_all()

    def close(self):
        self._process.stdin.close()
        self._process.wait(10)
        self._reader.join(10)
        self._process.stdout.close()

    def _order(self, **order):
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()

    def publish(self, topic, payload, qos=0, retain=False):
        self._order(do="publish", topic=topic, payload=payload.hex(), qos=qos, retain=retain)

    def drop(self, client):
        self._order(do="drop", client=client)

    def mark(self, name, **more):
        """A line among the packets; returns its place, to wait for what comes after it."""
        self._order(do="mark", name=name, **more)
        found = self.wait(f"the mark {name}", lambda r: r["packet"] == "mark" and r["name"] == name)
        return self.records.index(found)

    def wait(self, what, wanted, since=0, limit=30):
        """The first record from place `since` on of which wanted() is true."""
        until = time.monotonic() + limit
        with self._changed:
            looked_at = since
            while True:
                for place in range(looked_at, len(self.records)):
                    if wanted(self.records[place]):
                        return self.records[place]
                looked_at = len(self.records)
                if not self._changed.wait(until - time.monotonic()):
                    raise AssertionError(f"not within {limit:g} s: {what}")

    def wait_count(self, what, wanted, count, since=0, limit=60):
        wait_for(what, lambda: sum(1 for r in self.records[since:] if wanted(r)) >= count, limit)


class ObservedLab(Lab):
    """A lab whose broker is the observer. Starts the broker alone; the test starts the rest."""

    def __init__(self, **options):
        super().__init__(**options)
        self.observer = None

    def __enter__(self):
        try:
            self.observer = Observer()
            self.broker_port = self.observer.port
            self._configure()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *problem):
        if problem and problem[0] is not None:
            self.print_logs()
        super().__exit__(*problem)
        if self.observer:
            self.observer.close()
