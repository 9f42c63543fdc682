"""a thousand simulated nodes on one coordinator and one broker, a restart of the broker, then five thousand"""
import http.client
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import threading
import time

from lab import BIN, Lab, wait_for

from .measuring import say

METRICS, RATE = 10, 1
SECONDS = 120
MANY, MANY_SECONDS = 5_000, 60
#: Of the same 1,000 as strangers, whose readings are stored and of whom nothing else is known.
STRANGERS_SECONDS = 30
#: Of the coordinator with its nodes enrolled and none of them there.
ALONE_SECONDS = 15
#: Announced by every simulated node, and enrolled.
HOST_KEY = "SHA256:" + "A" * 43
#: Whose readings a client follows.
FOLLOWED = "fleet-0000*/vessel"
#: So many nodes share a process: each takes four descriptors.
NODES_A_PROCESS = 2_500
TICKS = os.sysconf("SC_CLK_TCK")
CHECK = BIN.parent / "tests/labhub_ledger_check"


class CrowdedLab(Lab):
    """A broker as `labhub-coordinator broker-config` sets it up, and a coordinator at which `enrolled` simulated nodes are
    enrolled, with alarms on each. They serve no SSH: where it would be, nobody listens."""

    def __init__(self, enrolled):
        self.enrolled = enrolled
        super().__init__(nodes=0)

    def _configure(self):
        super()._configure()
        config = self.folder / "coordinator.toml"
        (self.folder / "nodes.toml").write_text("".join(f'[[node]]\nid = "fleet-{number:05}"\nssh = "127.0.0.1:1"\nhost_key = "{HOST_KEY}"\n'
                                                        for number in range(1, self.enrolled + 1)))
        with config.open("a") as out:
            out.write('[[alarms.rule]]\nid = "too-hot"\nmetric = "temperature_01"\nhigh = 90\nhysteresis = 1\ndelay = "5s"\n'
                      '[[alarms.rule]]\nid = "acid"\nmetric = "ph_02"\nlow = 1\nhigh = 13\ndelay = "5s"\n')
        subprocess.run([BIN / "labhub-coordinator", "broker-config", "--config", config, "--open", "--listen", f"127.0.0.1:{self.broker_port}",
                        "--output", self.folder / "broker"], check=True, stdout=subprocess.DEVNULL)
        shutil.copy(self.folder / "broker/labhub.conf", self.folder / "mosquitto.conf")

    def wait_until_online(self):
        wait_for("the coordinator at its broker", lambda: self.metrics().get("labhub_broker_connected") == 1, 30)

    def start_broker(self):
        return self.start("broker", "mosquitto", "-c", self.folder / "mosquitto.conf")

    def metrics(self):
        """Every sample of /metrics, by its name with labels."""
        lines = self.request("GET", "/metrics").decode().splitlines()
        return {name: float(value) for name, _, value in (line.rpartition(" ") for line in lines if line and not line.startswith("#"))}


class Crowd:
    """One or more labhub-agent --simulate-fleet, as one fleet."""

    def __init__(self, lab, nodes, ramp):
        self.lab, self.nodes, self.parts = lab, nodes, []
        for first in range(1, nodes + 1, NODES_A_PROCESS):
            count = min(NODES_A_PROCESS, nodes - first + 1)
            ledger, progress = lab.folder / f"ledger-{first}", lab.folder / f"fleet-{first}.jsonl"
            with progress.open("wb") as out:
                process = subprocess.Popen([BIN / "labhub-agent", "--log-level", "error", "--simulate-fleet", str(count), "--first", str(first),
                                            "--metrics", str(METRICS), "--rate", str(RATE), "--broker-port", str(lab.broker_port), "--host-key", HOST_KEY,
                                            "--ramp", f"{ramp}s", "--drain", "150s", "--ledger", ledger], stdout=out, start_new_session=True)
            self.parts.append((process, ledger, progress))

    def pids(self):
        return [process.pid for process, _, _ in self.parts]

    def now(self):
        """The sum of what the parts said last."""
        total = {"connected": 0, "produced": 0, "unacknowledged": 0, "dropped": 0}
        for _, _, progress in self.parts:
            lines = progress.read_bytes().splitlines()
            whole = [line for line in lines[-2:] if line.endswith(b"}")]
            if whole:
                last = json.loads(whole[-1])
                total = {name: value + last[name] for name, value in total.items()}
        return total

    def stop(self):
        """Samples no more, waits for what is not acknowledged, and leaves. Whether all of it was."""
        for process, _, _ in self.parts:
            process.send_signal(signal.SIGTERM)
        return all([process.wait(240) == 0 for process, _, _ in self.parts])

    def kill(self):
        for process, _, _ in self.parts:
            process.kill()
            process.wait()

    def check(self):
        """What the ledger check says of all parts together."""
        whole = self.lab.folder / "ledger"
        with whole.open("wb") as out:
            for _, ledger, _ in self.parts:
                out.write(ledger.read_bytes())
        done = subprocess.run([CHECK, whole, self.lab.folder / "data/telemetry"], capture_output=True, text=True, timeout=600)
        if done.returncode > 1:
            raise RuntimeError(done.stderr)
        if done.returncode == 1:
            say(done.stderr.strip())
        return json.loads(done.stdout)


class Follower:
    """A client of the live stream that takes what it gets and counts it."""

    def __init__(self, lab):
        self.events = {}
        self._connection = http.client.HTTPConnection("127.0.0.1", lab.port, timeout=60)
        self._connection.request("GET", f"/api/telemetry/stream?device={FOLLOWED}", headers={"Authorization": f"Bearer {lab.token}"})
        self._reply = self._connection.getresponse()
        threading.Thread(target=self._follow, daemon=True).start()

    def _follow(self):
        try:
            for line in self._reply:
                if line.startswith(b"event: "):
                    name = line[7:].strip().decode()
                    self.events[name] = self.events.get(name, 0) + 1
        except (OSError, http.client.HTTPException, ValueError, AttributeError):
            return  # the coordinator's end, which is the stream's


def processor_seconds(pid):
    """utime + stime (proc(5), fields 14 and 15)."""
    with open(f"/proc/{pid}/stat", encoding="ascii") as stat:
        fields = stat.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def resident_mib(pid, which):
    text = pathlib.Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    return int(re.search(rf"^{which}:\s+(\d+)", text, re.MULTILINE).group(1)) / 1024


def stored_p99(before, after):
    """Milliseconds within which 99 of 100 live readings were on disk: the upper bound of their bucket. None: none came."""
    counts = []
    for name, value in after.items():
        found = re.fullmatch(r'labhub_sample_stored_seconds_bucket\{le="(.+)"\}', name)
        if found:
            counts.append((float(found.group(1)), value - before.get(name, 0)))
    counts.sort()
    total = counts[-1][1]
    return next((limit * 1000 for limit, below in counts if below >= 0.99 * total), None) if total else None


def steady(lab, crowd, seconds):
    """A window of undisturbed running."""
    groups = {"coordinator": [lab.processes["coordinator"].pid], "broker": [lab.processes["broker"].pid], "fleet": crowd.pids()}
    used = {name: sum(map(processor_seconds, pids)) for name, pids in groups.items()}
    before, produced, began = lab.metrics(), crowd.now()["produced"], time.monotonic()
    time.sleep(seconds)
    took = time.monotonic() - began
    cores = {f"{name}_cores": round((sum(map(processor_seconds, pids)) - used[name]) / took, 3) for name, pids in groups.items()}
    after, coordinator = lab.metrics(), groups["coordinator"][0]
    stored = after["labhub_samples_stored_total"] - before["labhub_samples_stored_total"]
    return {"seconds": round(took, 1), **cores, "coordinator_rss_mib": round(resident_mib(coordinator, "VmRSS"), 1),
            "coordinator_peak_mib": round(resident_mib(coordinator, "VmHWM"), 1), "broker_rss_mib": round(resident_mib(groups["broker"][0], "VmRSS"), 1),
            "stored_per_s": round(stored / took), "produced_per_s": round((crowd.now()["produced"] - produced) / took),
            "stored_p99_ms": stored_p99(before, after), "connected": crowd.now()["connected"], "unacknowledged_rows": crowd.now()["unacknowledged"]}


def restart_broker(lab, crowd):
    """kill -9, and another at once. From then until all are born again, and until all that was missed is stored."""
    usual = crowd.nodes * RATE  # of a second: that long an acknowledgement may take
    began = time.monotonic()
    lab.kill("broker")
    lab.start_broker()
    wait_for("the fleet's loss of the broker", lambda: crowd.now()["connected"] < crowd.nodes, 30)
    wait_for("a birth of every node", lambda: crowd.now()["connected"] == crowd.nodes, 120)
    born = time.monotonic() - began
    wait_for("what was missed", lambda: crowd.now()["unacknowledged"] <= usual, 120)
    return {"born_again_s": round(born, 2), "caught_up_s": round(time.monotonic() - began, 2)}


def without_nodes(lab, seconds):
    """Processors the coordinator takes to try, in vain, the SSH servers of all that are enrolled."""
    pid = lab.processes["coordinator"].pid
    time.sleep(5)  # the pauses between two tries have become as long as they will
    used, began = processor_seconds(pid), time.monotonic()
    time.sleep(seconds)
    return round((processor_seconds(pid) - used) / (time.monotonic() - began), 3)


def run(nodes, seconds, ramp, enrolled=True, disturb=False):
    with CrowdedLab(nodes if enrolled else 0) as lab:
        alone = without_nodes(lab, ALONE_SECONDS) if disturb else None
        follower = Follower(lab)
        crowd = Crowd(lab, nodes, ramp)
        try:
            say(f"{nodes} nodes of {METRICS} metrics at {RATE} Hz: connecting")
            began = time.monotonic()
            wait_for("a birth of every node", lambda: crowd.now()["connected"] == nodes, 180)
            connected = time.monotonic() - began
            time.sleep(2)
            say(f"{seconds} s undisturbed")
            figures = {"nodes": nodes, "connected_s": round(connected, 2), **steady(lab, crowd, seconds)}
            metrics = lab.metrics()
            figures |= {"online": metrics['labhub_nodes{state="online"}'], "alarm_rules": metrics["labhub_alarm_rules"], "followed_events": dict(follower.events)}
            if alone is not None:
                figures["refused_ssh_cores"] = alone
            if disturb:
                say("restarting the broker")
                figures |= {"restart": restart_broker(lab, crowd)}
            say("the end: waiting for what is not acknowledged")
            figures["all_acknowledged"] = crowd.stop()
            events = {name: value for name, value in lab.metrics().items() if name.startswith("labhub_ingest_events_total") and value}
            lab.end("coordinator")
            return {**figures, "ledger": crowd.check(), "ingest_events": events}
        finally:
            crowd.kill()


def bend(few, many):
    """What limits the larger fleet, in a sentence, from the figures."""
    busiest = max(("coordinator", "broker", "fleet"), key=lambda name: many[f"{name}_cores"])
    total = sum(many[f"{name}_cores"] for name in ("coordinator", "broker", "fleet"))
    kept_up = many["stored_per_s"] >= 0.98 * MANY * METRICS * RATE
    return (f"{'kept up' if kept_up else 'did not keep up'}: {many['stored_per_s']} of {MANY * METRICS * RATE} readings/s stored, p99 {many['stored_p99_ms']} ms; "
            f"{total:.2f} of {os.cpu_count()} processors busy, most of it the {busiest} ({many[busiest + '_cores']:.2f})")


def measure():
    few = run(1_000, SECONDS, 5, disturb=True)
    strangers = run(1_000, STRANGERS_SECONDS, 5, enrolled=False)
    many = run(MANY, MANY_SECONDS, 25)
    lost = few["ledger"]["missing"] + few["ledger"]["different"]
    figures = {"metrics": METRICS, "rate_hz": RATE, "fleet_1000": few, "strangers_1000": strangers, "fleet_5000": many, "bend": bend(few, many)}
    return figures, [("lost", lost, "<=", 0), ("cpu_cores", few["coordinator_cores"], "<=", 0.5),
                     ("memory_mib", few["coordinator_peak_mib"], "<=", 150), ("stored_p99_ms", few["stored_p99_ms"], "<=", 500),
                     ("restart_s", max(few["restart"].values()), "<=", 15)]
