"""Hostile programs as experiments of a real hub."""
import contextlib
import pathlib
import sys
import threading
import time

from hostile_host import leftovers
from hostile_lab import pairs
from hostile_seen import Seen

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "e2e"))
import lab as whole_lab  # noqa: E402


class Pulse:
    """Asks the hub how it is, again and again while the block runs; how long the slowest answer took."""

    def __init__(self, lab):
        self.lab, self.slowest, self.over = lab, 0.0, threading.Event()
        self.thread = threading.Thread(target=self._beat)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.over.set()
        self.thread.join(30)

    def _beat(self):
        while not self.over.wait(0.1):
            began = time.monotonic()
            try:
                self.lab.request("GET", "/health", token=False)
            except OSError:
                self.slowest = float("inf")
            self.slowest = max(self.slowest, time.monotonic() - began)


NEIGHBOUR = """
import os, socket, time
tcp = socket.create_server(("127.0.0.1", 9999))
abstract = socket.socket(socket.AF_UNIX)
abstract.bind("\\0neighbour")
abstract.listen()
tcp.setblocking(False), abstract.setblocking(False)
for folder in ("/tmp", "/dev/shm", "/app/output"):
    open(folder + "/neighbour", "w").write("SECRET")
print("up", flush=True)
while True:
    for listener in (tcp, abstract):
        try:
            listener.accept()
            print("REACHED", flush=True)
        except BlockingIOError:
            pass
    for folder in ("/tmp", "/dev/shm", "/app/output"):
        if open(folder + "/neighbour").read() != "SECRET":
            print("CHANGED", flush=True)
    time.sleep(0.05)
"""


class Hub:
    """Programs as experiments of a real hub, with a device each, beside a neighbour's experiment on another one."""

    def __init__(self, host):
        self.host = host
        self.lab = whole_lab.Lab(nodes=2).__enter__()
        paths = self.lab.request("GET", "/openapi.json")["paths"]
        self.operations = " ".join(f"{verb.upper()}:{path}" for path, verbs in paths.items() for verb in verbs)
        self.neighbour = self.lab.submit(NEIGHBOUR.replace("SECRET", host.secret), device="sim-2/vessel")
        self.lab.wait_log(self.neighbour, "up")

    def why_not(self):
        return ""

    def environment(self):
        return {**self.host.environment(), "NEIGHBOUR": self.neighbour, "NEIGHBOUR_PIDS": " ".join(map(str, self._neighbour_pids())),
                "HUB_FOLDER": str(self.lab.folder / "data"), "HUB_PORT": str(self.lab.port), "BROKER_PORT": str(self.lab.broker_port),
                "HUB_OPERATIONS": self.operations, "SSH_PORT": str(self.lab.ssh_ports["sim-1"])}

    def _neighbour_pids(self):
        mark, found = f"EXPERIMENT_ID={self.neighbour}".encode(), []
        for process in pathlib.Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                if mark in (process / "environ").read_bytes():
                    found.append(int(process.name))
        return found

    def run(self, program):
        given = dict(pairs(program.head.get("limits", "")))
        config = {"time_limit": given.get("time", "20s"), "output_limit": given.get("output", "64m"), "memory": given.get("memory", "256m")}
        began = time.monotonic()
        with Pulse(self.lab) as pulse:
            job = self.lab.submit(program.source, device="sim-1/vessel", environment=self.environment(), **config)
            ended = self.lab.wait_end(job)
        took, folder = time.monotonic() - began, self.lab.job_folder(job)
        seen = Seen(program, folder, self._how(ended), ended["exit_code"] if ended["exit_code"] is not None else -1, ended["peak_memory_bytes"] or 0,
                    ended["cpu_ms"] or 0, took, (folder / "stdout.txt").read_bytes(), (folder / "stderr.txt").read_bytes(), None, self.lab.results(job), pulse.slowest,
                    {node for node in self.lab.names if not self.lab.is_safe(node)})
        self._await_cleared(folder)
        return seen, [*leftovers(job, folder), *self._trouble()]

    def _how(self, ended):
        if ended["status"] in ("completed", "timed_out"):
            return ended["status"]
        return f"{ended['status']} {ended['reason']}"

    @staticmethod
    def _await_cleared(folder):
        until = time.monotonic() + 10
        while (folder / "sandbox").exists() and time.monotonic() < until:
            time.sleep(0.02)

    def _trouble(self):
        """What has happened to the neighbour."""
        now, logs = self.lab.experiment(self.neighbour), self.lab.logs(self.neighbour)
        if now["status"] != "running":
            return [f"the neighbour's experiment is {now['status']}: {now['reason']} {logs[-500:]}"]
        return ["the neighbour was reached: " + logs[-200:]] if "REACHED" in logs or "CHANGED" in logs else []

    def close(self):
        self.lab.__exit__()
