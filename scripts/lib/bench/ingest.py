"""readings a second through a real broker to the disk, against a bare subscriber, SQLite, and paho-mqtt with sqlite3"""
import contextlib
import json
import os
import pathlib
import re
import shutil
import statistics
import subprocess
import time

from lab import BIN, ROOT, Lab

from .measuring import say, spread

NODES, METRICS, MESSAGES = 50, 20, 200_000
#: The peers are that much slower.
PEER_MESSAGES = 20_000
ROUNDS = 3
GROUP = "labhub"
LIMIT = 180  # seconds for any one turn
TOOLS = BIN.parent / "tests"
#: Debian's, which has paho-mqtt; the one that runs this may be another.
PYTHON = "/usr/bin/python3"
TICKS = os.sysconf("SC_CLK_TCK")

PEER = """
import json, resource, sqlite3, sys, time
import paho.mqtt.client as mqtt

port, wanted, file, topic, form = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3], sys.argv[4], sys.argv[5]
database = sqlite3.connect(file)
database.execute("PRAGMA journal_mode = WAL")
database.execute("PRAGMA synchronous = FULL")
database.execute("CREATE TABLE samples (series INTEGER, time_ms INTEGER, value REAL, PRIMARY KEY (series, time_ms)) WITHOUT ROWID")
series, rows, stored, committed = {}, [], 0, time.monotonic()

def on_json(client, userdata, message):
    content = json.loads(message.payload)
    time_ms = content["time"]
    for name, value in content["values"].items():
        rows.append((series.setdefault((message.topic, name), len(series)), time_ms, value))

def on_sparkplug(client, userdata, message):
    payload.ParseFromString(message.payload)
    for metric in payload.metrics:
        rows.append((series.setdefault((message.topic, metric.name), len(series)), metric.timestamp, metric.double_value))

if form == "sparkplug":
    from shared.proto.sparkplug_b_pb2 import Payload
    payload = Payload()

def commit():
    global rows, stored, committed
    database.executemany("INSERT OR IGNORE INTO samples VALUES (?, ?, ?)", rows)
    database.commit()
    stored, rows, committed = stored + len(rows), [], time.monotonic()

client = mqtt.Client()
client.on_message = on_json if form == "json" else on_sparkplug
client.on_subscribe = lambda *_: print("ready", flush=True)
client.connect("127.0.0.1", port)
client.subscribe(topic)
while stored < wanted:
    client.loop(0.05)
    if time.monotonic() - committed >= 0.1:
        commit()
used = resource.getrusage(resource.RUSAGE_SELF)
print(json.dumps({"end": time.time(), "cpu_seconds": used.ru_utime + used.ru_stime}), flush=True)
"""


def processor_seconds(pid):
    """utime + stime (proc(5), fields 14 and 15)."""
    with open(f"/proc/{pid}/stat", encoding="ascii") as stat:
        fields = stat.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


class Feed:
    """labhub_bench_feed: everything encoded, connected, and waiting for go()."""

    def __init__(self, port, group, messages, form):
        self.process = subprocess.Popen([TOOLS / "labhub_bench_feed", str(port), group, str(NODES), str(METRICS), str(messages),
                                         str(int(time.time() * 1000) - messages), form], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        answer = self.process.stdout.readline().split()
        if not answer or answer[0] != "ready":
            raise RuntimeError("the feed did not start")
        self.bytes = int(answer[1])

    def go(self):
        began = time.time()
        self.process.stdin.write("go\n")
        self.process.stdin.flush()
        return began

    def close(self):
        self.process.stdin.close()
        self.process.wait(LIMIT)


class Turn:
    """How long one taker needed for how many samples, and what it used."""

    def __init__(self, samples, seconds, cpu_seconds):
        self.rate, self.cpu_per_million = samples / seconds, cpu_seconds / samples * 1e6


def child_turn(lab, command, group, messages, form):
    """A taker that says ready, and at its end when that was."""
    taker = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        if taker.stdout.readline().strip() != "ready":
            raise RuntimeError(f"{command[0]} did not start")
        with contextlib.closing(Feed(lab.broker_port, group, messages, form)) as feed:
            began = feed.go()
            ended = json.loads(taker.stdout.readline())
        return Turn(messages * METRICS, ended["end"] - began, ended["cpu_seconds"])
    finally:
        taker.kill()
        taker.wait()


def limit_subscriber(lab, folder):
    command = [TOOLS / "labhub_bench_ingest_limits", "count", str(lab.broker_port), f"spBv1.0/{GROUP}/DDATA/#", str(MESSAGES)]
    return child_turn(lab, command, GROUP, MESSAGES, "sparkplug")


def sqlite(mode, folder):
    done = subprocess.run([TOOLS / "labhub_bench_ingest_limits", mode, folder / "limit.db", str(NODES * METRICS), str(MESSAGES * METRICS)],
                          check=True, capture_output=True, text=True, timeout=LIMIT)
    ended = json.loads(done.stdout)
    return Turn(MESSAGES * METRICS, ended["seconds"], ended["cpu_seconds"])


def limit_sqlite(lab, folder):
    return sqlite("rows", folder)


def peer_sqlite_keyed(lab, folder):
    return sqlite("keyed", folder)


def python(lab, folder, topic, group, form):
    """Debian's protocol buffers for Python do their work in C++."""
    subprocess.run(["protoc", f"--python_out={folder}", "shared/proto/sparkplug_b.proto"], cwd=ROOT, check=True)
    command = ["/usr/bin/env", f"PYTHONPATH={folder}", PYTHON, "-c", PEER, str(lab.broker_port), str(PEER_MESSAGES * METRICS), str(folder / "peer.db"), topic, form]
    return child_turn(lab, command, group, PEER_MESSAGES, form)


def peer_python(lab, folder):
    return python(lab, folder, f"spBv1.0/{GROUP}/DDATA/#", GROUP, "sparkplug")


def peer_python_json(lab, folder):
    return python(lab, folder, "peer/#", "peer", "json")


def samples_taken(lab):
    """Stored or already there: what the coordinator has dealt with."""
    text = lab.request("GET", "/metrics").decode()
    found = dict(re.findall(r"^labhub_samples_(stored|duplicate)_total (\S+)", text, re.MULTILINE))
    return sum(float(value) for value in found.values())


def labhub(lab, folder):
    """The coordinator by itself, from its start with an empty store to its end."""
    shutil.rmtree(lab.folder / "data/telemetry", ignore_errors=True)
    lab.start_coordinator()
    pid = lab.processes["coordinator"].pid
    try:
        with contextlib.closing(Feed(lab.broker_port, GROUP, MESSAGES, "sparkplug")) as feed:
            births = NODES * METRICS
            until = time.monotonic() + LIMIT
            while samples_taken(lab) < births:
                if time.monotonic() > until:
                    raise RuntimeError("the births did not come")
                time.sleep(0.02)
            used = processor_seconds(pid)
            began = feed.go()
            while (taken := samples_taken(lab)) < births + MESSAGES * METRICS:
                if time.monotonic() > until:
                    raise RuntimeError(f"only {taken:.0f} of {births + MESSAGES * METRICS} samples were stored")
                time.sleep(0.03)
            ended = time.time()
        return Turn(MESSAGES * METRICS, ended - began, processor_seconds(pid) - used)
    finally:
        lab.end("coordinator")


TAKERS = {"labhub": labhub, "limit_subscriber": limit_subscriber, "limit_sqlite": limit_sqlite, "peer_sqlite_keyed": peer_sqlite_keyed,
          "peer_python": peer_python, "peer_python_json": peer_python_json}


class BareLab(Lab):
    """A broker that keeps all that is fed until it is taken, and a coordinator without nodes of its own."""

    def _configure(self):
        super()._configure()
        broker = self.folder / "mosquitto.conf"
        broker.write_text(broker.read_text().replace("max_queued_messages 10000", "max_queued_messages 0"))


def figures_of(turns):
    return {"samples_per_s": spread([turn.rate for turn in turns], 0), "cpu_s_per_million": spread([turn.cpu_per_million for turn in turns], 3)}


def measure():
    turns = {name: [] for name in TAKERS}
    with BareLab(nodes=0) as lab:
        lab.end("coordinator")
        for round_number in range(ROUNDS):
            for name, take in TAKERS.items():
                folder = pathlib.Path(lab.folder / f"turn-{round_number}-{name}")
                folder.mkdir()
                turns[name].append(take(lab, folder))
                say(f"round {round_number + 1} of {ROUNDS}: {name}: {turns[name][-1].rate:,.0f} samples/s, {turns[name][-1].cpu_per_million:.2f} CPU s a million")
                shutil.rmtree(folder)
    rate = {name: statistics.median(turn.rate for turn in each) for name, each in turns.items()}
    cpu = {name: statistics.median(turn.cpu_per_million for turn in each) for name, each in turns.items()}
    per_core = 1e6 / cpu["labhub"]
    figures = {"metrics_per_message": METRICS, **{name: figures_of(each) for name, each in turns.items()},
               "samples_per_cpu_second": round(per_core), "vs_python_rate": round(rate["labhub"] / rate["peer_python"], 2),
               "vs_python_json_cpu": round(cpu["peer_python_json"] / cpu["labhub"], 2),
               "vs_subscriber": round(rate["labhub"] / rate["limit_subscriber"], 3), "vs_sqlite": round(rate["labhub"] / rate["limit_sqlite"], 3)}
    return figures, [("samples_per_cpu_second", per_core, ">=", 300_000),
                     ("vs_limit", rate["labhub"] / min(rate["limit_subscriber"], rate["limit_sqlite"]), ">=", 0.8),
                     ("vs_python_cpu", cpu["peer_python"] / cpu["labhub"], ">=", 20)]
