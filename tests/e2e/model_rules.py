"""What must always be true of jobs, leases, processes and vessels, judged from the outside: by the hub's database, read
only; by the simulators' own logs; by /proc and by the host's mounts and cgroups. `Rules` knows what the test was promised
and collects every breach with the seed and the step at which it was seen."""
import collections
import contextlib
import dataclasses
import json
import os
import pathlib
import sqlite3
import time
import zipfile

from lab import FINAL

GRACE_S = 20.0  # from a job's end to the end of its last process, with the coordinator there
SLACK_S = 2.0  # how late a busy machine may let a dead-man be
HEARTBEAT_S = 1.0
ACTIVE = {"preparing", "running", "stopping"}
# docs/architecture.md, "States", and two arrows more: a node that did not take the lease sends a job back to the queue,
# and what is stopped before it ran goes by "stopping" in the record too: a second time if its script was started meanwhile.
ARROWS = {None: {"queued"}, "queued": {"preparing", "stopping"}, "preparing": {"running", "stopping", "queued"}, "running": {"stopping"},
          "stopping": {"stopping"} | FINAL}
MOST_BREACHES = 40


@dataclasses.dataclass
class Known:
    """An experiment as the test knows it. `promised`: the hub said yes to it; else its answer was cut off."""

    id: str
    kind: str
    natural: tuple  # (status, reason) it ends with when nobody interferes
    device: str
    promised: bool = False
    may_be_gone: bool = False  # a clean-up that took it was cut off
    is_gone: bool = False
    is_checked: bool = False
    stop_asked: bool = False
    held: bool = False  # surely
    is_paused: bool = False  # by the events
    run_at_ms: int = 0
    notes: list = dataclasses.field(default_factory=list)  # promised
    faults: set = dataclasses.field(default_factory=set)
    last: str | None = None  # its status by the events
    ends: int = 0


class Rules:
    def __init__(self, lab, prefix, seed, lease_ttl, dead_man, manual_hold):
        self.lab, self.prefix, self.seed = lab, prefix, seed
        self.lease_ttl, self.dead_man, self.manual_hold = lease_ttl, dead_man, manual_hold
        self.known, self.breaches, self.seen = {}, [], set()
        self.step, self.last_event = 0, 0
        self.paused = None  # (from, to) in ms within which nothing may start; to: None while it lasts
        self.manual = collections.defaultdict(list)  # device → (from, to) s: somebody may have set it by hand
        self.down = collections.defaultdict(list)  # program → [from, to] s
        self.lingering = {}  # (pid, start) → since when it is one too many
        self.cgroups, self.endings = set(), collections.Counter()
        self.safe_pauses = []  # [job, from, to] s within which its vessel is promised to be safe
        self.wires, self.unsafe_count = {}, 0  # how far the simulators' logs are read

    def breach(self, key, text):
        """Once for each key."""
        if key not in self.seen and len(self.breaches) < MOST_BREACHES:
            self.seen.add(key)
            self.breaches.append(f"seed {self.seed} step {self.step}: {text}")

    # --- the database ------------------------------------------------------------------------------------------------

    def look(self):
        with contextlib.closing(sqlite3.connect(f"file:{self.lab.folder}/data/labhub.db?mode=ro", uri=True, timeout=20)) as database:
            database.row_factory = sqlite3.Row
            database.execute("BEGIN")
            jobs = {row["id"]: dict(row) for row in database.execute("SELECT id, status, reason, message, device, lease_id, exit_code, signal, started_ms, ended_ms FROM jobs")}
            leases = [dict(row) for row in database.execute("SELECT id, device, holder, granted_ms, ended_ms FROM leases")]
            events = [dict(row) for row in database.execute("SELECT number, job_id, time_ms, kind, message FROM job_events WHERE number > ? ORDER BY number", (self.last_event,))]
        self.check_leases(jobs, leases)
        for event in events:
            self.last_event = event["number"]
            self.check_event(event)
        self.check_jobs(jobs)
        self.check_processes(jobs)
        self.check_vessels(leases)
        return jobs, leases

    def check_leases(self, jobs, leases):
        opened = [lease for lease in leases if lease["ended_ms"] is None]
        for device, count in collections.Counter(lease["device"] for lease in opened).items():
            if count > 1:
                self.breach(("leases", device), f"{device} has {count} open leases")
        for lease in opened:
            job = jobs.get(lease["holder"].removeprefix("job:"))
            if not job or job["lease_id"] != lease["id"] or job["status"] not in ACTIVE:
                self.breach(("lease", lease["id"]), f"the open lease {lease} has no active job: {job}")
        running = collections.Counter(job["device"] for job in jobs.values() if job["status"] in ("preparing", "running"))
        for device, count in running.items():
            if count > 1:
                self.breach(("running", device), f"{count} jobs hold {device} at one time")

    def check_event(self, event):
        job, kind = self.known.get(event["job_id"]), event["kind"]
        if job is None:
            self.breach(("unknown", event["job_id"]), f"an event of a job nobody asked for: {event}")
            return
        if kind in ("kept", "results_removed"):
            return
        if kind == "note":
            job.notes = [text for text in job.notes if text != event["message"]]
            return
        if kind in ("labelled", "restarted", "alarm", "command_refused"):
            return
        if kind in ("held", "released"):
            if job.last != "queued":
                self.breach((kind, job.id), f"{job.id} was {kind} while {job.last}")
            return
        if kind in ("paused", "resumed"):
            if job.last != "running" or (kind == "resumed" and not job.is_paused):
                self.breach((kind, job.id), f"{job.id} was {kind} while {job.last}, paused: {job.is_paused}")
            job.is_paused = kind == "paused"
            return
        if kind not in ARROWS.get(job.last, set()):
            self.breach(("arrow", job.id), f"{job.id} went from {job.last} to {kind}: {event}")
        job.last = kind
        job.ends += kind in FINAL
        if job.ends > 1:
            self.breach(("ends", job.id), f"{job.id} ended {job.ends} times")
        if kind == "preparing":
            self.check_start(job, event)

    def check_start(self, job, event):
        if job.held:
            self.breach(("held", job.id), f"{job.id} was started while it was held: {event}")
        if event["time_ms"] < job.run_at_ms:
            self.breach(("early", job.id), f"{job.id} was started {job.run_at_ms - event['time_ms']} ms before its time")
        if self.paused and self.paused[0] < event["time_ms"] and (self.paused[1] is None or event["time_ms"] < self.paused[1]):
            self.breach(("paused", job.id), f"{job.id} was started while the queue was paused: {event} {self.paused}")

    def check_jobs(self, jobs):
        for id in jobs.keys() - self.known.keys():
            self.breach(("unasked", id), f"a job nobody asked for: {jobs[id]}")
        for job in self.known.values():
            row = jobs.get(job.id)
            if row is None:
                if job.promised and not job.is_gone and not job.may_be_gone:
                    self.breach(("lost", job.id), f"{job.id} was promised and is not there; last seen {job.last}")
                continue
            if job.is_gone:
                self.breach(("undead", job.id), f"{job.id} was cleaned up and is there")
            job.promised = True  # it is stored: from now on it must stay
            if row["status"] in FINAL and not job.is_checked:
                job.is_checked = True
                self.check_end(job, row)

    # --- ends --------------------------------------------------------------------------------------------------------

    def check_end(self, job, row):
        end = (row["status"], row["reason"])
        self.endings[end] += 1
        if end not in self.allowed_ends(job, row):
            self.breach(("end", job.id), f"{job.kind} {job.id} ended so, faults {sorted(job.faults)}, stop asked {job.stop_asked}: {row}")
        if row["status"] != job.last:
            self.breach(("record", job.id), f"{job.id} is {row['status']}, its record says {job.last}")
        if row["ended_ms"] is None or not (row["status"] == "completed" or row["reason"] and row["message"]):
            self.breach(("reason", job.id), f"{job.id} ended without a reason or time: {row}")
        if row["status"] == "completed" and row["exit_code"] != 0:
            self.breach(("exit", job.id), f"{job.id} completed without exit status 0: {row}")
        self.check_result(job, row)

    def allowed_ends(self, job, row):
        ends = {job.natural}
        if job.stop_asked:
            ends.add(("stopped", "user"))
        if job.faults & {"agent", "broker", "coordinator"}:
            ends |= {("failed", "node_lost"), ("failed", "lease_lost")}
        if job.faults & {"runner", "coordinator"}:
            ends.add(("failed", "runner_lost"))
        if "coordinator" in job.faults and row["started_ms"] is None:
            ends.add(("failed", "sandbox_failed"))
        if job.faults & {"script", "runner"}:
            ends.add(("failed", "signal"))
        if row["started_ms"] and row["ended_ms"] and job.kind != "trivial" and row["ended_ms"] - row["started_ms"] >= 1000:
            ends.add(("timed_out", "time_limit"))
        return ends

    def check_result(self, job, row):
        folder = self.lab.job_folder(job.id)
        if job.may_be_gone and not (folder / "results.zip").exists():
            return
        try:
            with zipfile.ZipFile(folder / "results.zip") as archive:
                broken, names = archive.testzip(), set(archive.namelist())
                told = json.loads(archive.read("experiment.json"))
                printed = archive.read("stdout.txt").decode(errors="replace") if "stdout.txt" in names else ""
        except (OSError, ValueError, KeyError, zipfile.BadZipFile) as failure:
            self.breach(("zip", job.id), f"the result of {job.id} is not whole: {failure!r} {row}")
            return
        runs = printed.splitlines().count(f"ran {job.id}")
        if broken or told["status"] != row["status"]:
            self.breach(("zip", job.id), f"the result of {job.id} says otherwise: {broken} {told['status']} {row}")
        if runs > 1 or (row["status"] == "completed" and runs != 1):
            self.breach(("runs", job.id), f"{job.id} ran {runs} times: {row}")
        with contextlib.suppress(OSError, ValueError, KeyError):
            if cgroup := json.loads((folder / "runner.json").read_text())["cgroup"]:  # empty: it died before it had one
                self.cgroups.add(cgroup)

    # --- processes ---------------------------------------------------------------------------------------------------

    def processes(self):
        """(pid, start time, job or None, is a runner) of all of this lab's runners and scripts."""
        folder = str(self.lab.folder).encode()
        for entry in pathlib.Path("/proc").iterdir():
            if not entry.name.isdigit():
                continue
            with contextlib.suppress(OSError, IndexError):
                command = (entry / "cmdline").read_bytes().split(b"\0")
                start = (entry / "stat").read_bytes().rsplit(b")", 1)[1].split()[19]
                if b"labhub-runner" in command[0] and len(command) > 2 and folder in command[2]:
                    target = pathlib.Path(command[2].decode())
                    yield int(entry.name), start, None if target.parent.name == ".ready" else target.name, True
                elif command[0]:
                    for variable in (entry / "environ").read_bytes().split(b"\0"):
                        if variable.startswith(f"EXPERIMENT_ID={self.prefix}".encode()):
                            yield int(entry.name), start, variable.split(b"=", 1)[1].decode(), False

    def surplus(self, jobs):
        return [(pid, start, job) for pid, start, job, _ in self.processes() if job is not None and (job not in jobs or jobs[job]["status"] not in ACTIVE)]

    def check_processes(self, jobs):
        now = time.monotonic()
        if self.is_down("coordinator"):
            self.lingering.clear()  # a runner waits for its coordinator, as it should
            return
        found = self.surplus(jobs)
        self.lingering = {key[:2]: self.lingering.get(key[:2], now) for key in found}
        for pid, start, job in found:
            if now - self.lingering[pid, start] > GRACE_S:
                with contextlib.suppress(OSError):
                    command = pathlib.Path(f"/proc/{pid}/cmdline").read_bytes()
                    self.breach(("process", pid, start), f"process {pid} lives without a job: {job} {jobs.get(job)} {command}")

    # --- vessels -----------------------------------------------------------------------------------------------------

    def fell(self, program):
        self.down[program].append([time.time(), None])

    def rose(self, program):
        if self.is_down(program):
            self.down[program][-1][1] = time.time()

    def may_go_on(self, job):
        for promise in self.safe_pauses:
            if promise[0] is job:
                promise[2] = promise[2] or time.time()

    def is_down(self, program):
        return bool(self.down[program]) and self.down[program][-1][1] is None

    def check_vessels(self, leases):
        for node in self.lab.names:
            device = f"{node}/vessel"
            late = self.dead_man + HEARTBEAT_S + SLACK_S
            allowed = [(lease["granted_ms"] / 1000 - 0.1, (lease["ended_ms"] / 1000 if lease["ended_ms"] else time.time()) + late)
                       for lease in leases if lease["device"] == device]
            by_hand = [(since, until + self.manual_hold + late) for since, until in self.manual[device]]
            promised = list(self.promised_safe(device, leases))
            for since, until in self.newly_unsafe(node):
                for a, b in promised:
                    self.check_apart(device, since, until, a, b, "its experiment was paused with its vessel safe", [])
                for a, b in without(since, until, allowed + by_hand):
                    self.breach(("unsafe", device, a), f"{device} was not safe without a lease, {a:.3f} to {b:.3f}")
                for a, b in self.down[f"agent {node}"]:
                    self.check_apart(device, since, until, a + late, b, "its agent was away", [])
                for a, b in self.down["coordinator"]:
                    self.check_apart(device, since, until, a + self.lease_ttl + late, b, "the coordinator was away", by_hand)

    def promised_safe(self, device, leases):
        """Until the experiment may go on, or its lease is over and the next one may have the device."""
        ends = {lease.get("holder"): lease["ended_ms"] / 1000 for lease in leases if lease["ended_ms"]}
        for job, since, until in self.safe_pauses:
            end = ends.get(f"job:{job.id}")
            if job.device == device:
                yield since, min(until or time.time(), end or time.time())

    def check_apart(self, device, since, until, a, b, why, but):
        a, b = max(a, since), min(b or time.time(), until)
        for x, y in without(a, b, but) if b > a else []:
            self.breach(("unsafe", device, x), f"{device} was not safe from {x:.3f} to {y:.3f} while {why}")

    def newly_unsafe(self, node):
        """From when to when an output was away from its safe value, by the simulator; each once when it is over, and what
        isn't over yet."""
        wire = self.wires.setdefault(node, {"offset": 0, "away": set(), "since": None})
        with open(self.lab.folder / node / "events.jsonl", "rb") as log:
            log.seek(wire["offset"])
            lines = log.read().splitlines(keepends=True)
        for line in lines:
            if not line.endswith(b"\n"):
                break  # being written
            wire["offset"] += len(line)
            event = json.loads(line)
            if event["event"] != "output":
                continue
            at, is_away = event["utc_ms"] / 1000, bool(event["value"]) and event["value"] != "#000000"
            (wire["away"].add if is_away else wire["away"].discard)(event["metric"])
            if wire["away"]:
                wire["since"] = wire["since"] or at
            elif wire["since"]:
                yield wire["since"], at
                wire["since"] = None
                self.unsafe_count += 1
        if wire["since"]:
            yield wire["since"], time.time()

    # --- what is left ------------------------------------------------------------------------------------------------

    def note_sandboxes(self):
        for entry in (self.lab.folder / "data/experiments/.ready").glob("*"):
            self.cgroups.add(f"/labhub/{entry.name}")

    def cgroups_left(self):
        """A runner that is killed between its script's end and its own leaves its cgroups: empty, so they are counted, and
        only processes in them break a rule."""
        of_version_2 = [pathlib.Path(f"/sys/fs/cgroup{name}") for name in self.cgroups]
        return [path for path in [*of_version_2, *(path for name in self.cgroups for path in pathlib.Path("/sys/fs/cgroup").glob(f"*{name}"))] if path.is_dir()]

    def check_leftovers(self):
        """After the end of the coordinator."""
        folder = str(self.lab.folder)
        left = {"processes": list(self.processes()),
                "mounts": [line for line in pathlib.Path("/proc/self/mounts").read_text().splitlines() if folder in line],
                "loop devices": [str(f) for f in pathlib.Path("/sys/block").glob("loop*/loop/backing_file") if folder in read(f)],
                "processes in cgroups": [str(path) for path in self.cgroups_left() if read(path / "cgroup.procs")],
                "folders": [str(entry) for entry in (self.lab.folder / "data/experiments/.ready").glob("*")]}
        for what, names in left.items():
            if names:
                self.breach(("left", what), f"{what} are left: {names[:10]}")


def without(since, until, allowed):
    """The parts of an interval that none of the allowed ones covers."""
    for a, b in sorted(allowed):
        if a > until:
            break
        if a > since:
            yield since, min(a, until)
        since = max(since, b)
        if since >= until:
            return
    if since < until:
        yield since, until


def read(path):
    try:
        return path.read_text()
    except OSError:
        return ""
