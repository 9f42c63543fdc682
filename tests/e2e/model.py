#!/usr/bin/python3
"""A walk at random through everything that can be asked of a lab and done to it: submissions, stops, holds, pauses of the queue and of
experiments, notes, settings by hand, clean-ups; kills of the coordinator, of runners, scripts, agents and the broker, and freezes that outlast
a lease. What the hub said yes to is a promise; after every few steps it and the rules of model_rules.py are checked.

    tests/e2e/model.py --steps 3000 --seed 5

prints what was done and how the experiments ended, and exits with 1 where a rule was broken. The same seed makes the same
choices as far as the lab answers the same. test_model.py is the short form of it.
"""
import argparse
import collections
import contextlib
import http.client
import json
import os
import pathlib
import random
import shutil
import signal
import socket
import sys
import time

from lab import FINAL, Lab, Refused, wait_for
from model_rules import ACTIVE, Known, Rules

LEASE_TTL_S, DEAD_MAN_S, MANUAL_HOLD_S = 3.0, 2.0, 2.0
MOST_WAITING = 25
CHECK_EVERY_S = 1.0
DRAIN_S = 150
CLEAN_UP = "/api/maintenance/cleanup?max_age_hours=0"
# The first line says that it ran: it must stand in its log once.
HEAD = "import os\nprint('ran', os.environ['EXPERIMENT_ID'], flush=True)\n"
FREE = ("completed", "")
KINDS = {
    "trivial": (HEAD, {}, FREE, 8),
    "exits": (HEAD + "raise SystemExit(3)\n", {}, ("failed", "exit_status"), 2),
    "crashes": (HEAD + "os.kill(os.getpid(), 11)\n", {}, ("failed", "signal"), 2),
    "sleeps": (HEAD + "import time\ntime.sleep(600)\n", {"time_limit": "6s"}, ("timed_out", "time_limit"), 3),
    "drives": (HEAD + "import labhub, time\nuntil = time.time() + 3\nwhile time.time() < until:\n    try:\n"
               "        labhub.vessel().set(stirrer=20 + int(time.time()) % 50, peltier=30, led=True)\n    except Exception as failure:\n"
               "        print(failure, flush=True)\n    time.sleep(0.3)\n", {"time_limit": "20s"}, FREE, 6),
    "leaves it on": (HEAD + "import labhub\ntry:\n    labhub.vessel().set(stirrer=60)\nexcept Exception as failure:\n    print(failure)\n", {"time_limit": "20s"}, FREE, 3),
    "devours": (HEAD + "hoard = []\nwhile True: hoard.append(bytearray(b'x' * (1 << 20)))\n", {"memory": "64m", "time_limit": "30s"}, ("failed", "out_of_memory"), 2),
    "forks twice": (HEAD + "import time\nif os.fork() == 0:\n    os.setsid()\n    if os.fork() == 0: time.sleep(600)\n    os._exit(0)\nos.wait()\n", {"time_limit": "20s"}, FREE, 3),
    "is stubborn": (HEAD + "import signal, time\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\nwhile True: time.sleep(1)\n", {"time_limit": "1s"}, ("timed_out", "time_limit"), 2),
}
STEPS = {"submit": 34, "stop": 11, "stop_twice": 4, "delete": 3, "hold": 5, "release": 6, "pause": 1.5, "resume": 3, "freeze": 9, "thaw": 7, "note": 5, "clean_up": 1, "set_by_hand": 5, "look": 10,
         "wait": 8, "kill_coordinator": 1.2, "kill_amid_request": 2, "kill_runner": 3, "kill_script": 3, "kill_agent": 1.2, "kill_broker": 0.6, "freeze_agent": 0.8,
         "freeze_coordinator": 0.4}


class Walk:
    """`with Walk(seed) as walk: walk.go(steps, seconds); walk.drain()`; then walk.rules.breaches says what was broken."""

    def __init__(self, seed, nodes=4, pace=0.1, log=lambda line: None):
        self.lab = Lab(nodes=nodes, lease_ttl=f"{LEASE_TTL_S:g}s", dead_man=f"{DEAD_MAN_S:g}s", node_lost_after="2s")
        self.seed, self.pace, self.log, self.chance = seed, pace, log, random.Random(seed)
        self.prefix = f"model-{os.getpid()}-{seed}-"
        self.rules = Rules(self.lab, self.prefix, seed, LEASE_TTL_S, DEAD_MAN_S, MANUAL_HOLD_S)
        self.done, self.answers, self.thaws, self.jobs = collections.Counter(), collections.Counter(), [], {}
        self.was_checked, self.submissions = 0.0, 0

    def __enter__(self):
        configure = self.lab._configure
        def with_manual_hold():
            configure()
            for name in self.lab.names:
                with open(self.lab.folder / name / "agent.toml", "a") as settings:
                    settings.write(f'[safety]\nmanual_hold = "{MANUAL_HOLD_S:g}s"\n')
        self.lab._configure = with_manual_hold
        self.lab.__enter__()
        return self

    def __exit__(self, *_):
        for _, name in self.thaws:
            if name in self.lab.processes:
                self.lab.processes[name].send_signal(signal.SIGCONT)
        self.lab.__exit__()

    # --- walking -----------------------------------------------------------------------------------------------------

    def go(self, steps, seconds):
        until = time.monotonic() + seconds
        for self.rules.step in range(1, steps + 1):
            if time.monotonic() > until or len(self.rules.breaches) > 20:
                break
            if self.rules.step % 250 == 0:
                self.log(f"step {self.rules.step}: {len(self.rules.known)} experiments, {sum(self.rules.endings.values())} ended, {len(self.rules.breaches)} rules broken")
            self.mend()
            name = self.choose()
            self.done[name] += 1
            getattr(self, name)()
            if time.monotonic() - self.was_checked > CHECK_EVERY_S:
                self.check()
            time.sleep(min(1.0, self.chance.expovariate(1 / self.pace)))
        return self.rules.step

    def choose(self):
        if self.chance.random() < 0.5 and self.rules.paused and self.rules.paused[1] is None:
            return "resume"
        name = self.chance.choices(list(STEPS), list(STEPS.values()))[0]
        if name == "submit" and sum(1 for job in self.open_jobs() if job.last in (None, "queued")) > MOST_WAITING:
            return "stop"
        return name

    def mend(self):
        """Wakes what was frozen for long enough, and now and then starts what was killed."""
        now = time.monotonic()
        for entry in [entry for entry in self.thaws if entry[0] <= now]:
            self.thaws.remove(entry)
            if entry[1] in self.lab.processes:
                self.lab.processes[entry[1]].send_signal(signal.SIGCONT)
                self.rules.rose(entry[1])
        for name in ["coordinator", "broker", *(f"agent {node}" for node in self.lab.names)]:
            if name not in self.lab.processes and self.chance.random() < (0.5 if name == "coordinator" else 0.25):
                self.start(name)

    def start(self, name):
        self.done["restart " + name.split()[0]] += 1
        if name == "broker":
            self.lab.start("broker", "mosquitto", "-c", self.lab.folder / "mosquitto.conf")
        elif name == "coordinator":
            self.lab.start_coordinator()
        else:
            self.lab.start_agent(name.split()[1])
        self.rules.rose(name)

    def check(self):
        self.was_checked = time.monotonic()
        self.rules.note_sandboxes()
        jobs, _ = self.rules.look()
        self.jobs = jobs
        if "coordinator" in self.lab.processes:
            self.check_api()

    def check_api(self):
        sure, listed = self.ask("GET", "/api/experiments")
        if sure != "yes":
            return
        there = {entry["experiment_id"]: entry for entry in listed["experiments"]}
        for job in self.rules.known.values():
            row, shown = self.jobs.get(job.id), there.get(job.id)
            if row and row["status"] in FINAL and shown and shown["status"] != row["status"]:
                self.rules.breach(("shown", job.id), f"{job.id} is shown as {shown['status']} and stored as {row['status']}")
            if job.promised and not shown and not job.is_gone and not job.may_be_gone:
                self.rules.breach(("hidden", job.id), f"{job.id} was promised and is not listed")
        sure, listed = self.ask("GET", "/api/devices")
        holders = [device["lease"]["holder"] for device in listed["devices"] if device["lease"]] if sure == "yes" else []
        if len(set(holders)) != len(holders):
            self.rules.breach(("holders", tuple(holders)), f"one job holds two devices: {holders}")

    # --- asking ------------------------------------------------------------------------------------------------------

    def ask(self, verb, path, body=None):
        """("yes", answer), ("no", why), or ("perhaps", why) where the answer didn't come."""
        try:
            outcome = "yes", self.lab.request(verb, path, body)
        except Refused as refused:
            outcome = ("no" if refused.status < 500 else "perhaps"), refused
        except (OSError, http.client.HTTPException, ValueError) as failure:
            outcome = "perhaps", failure
        self.answers[outcome[0]] += 1
        if outcome[0] == "no" and outcome[1].status not in (404, 409, 429):
            self.rules.breach(("refused", path), f"{verb} {path} {body}: {outcome[1]}")
        return outcome

    def open_jobs(self):
        return [job for job in self.rules.known.values() if not job.is_checked and not job.is_gone]

    def any_job(self):
        """One that hasn't ended, mostly."""
        some = self.open_jobs() if self.chance.random() < 0.9 else list(self.rules.known.values())
        return self.chance.choice(some) if some else None

    def submission(self):
        kind = self.chance.choices(list(KINDS), [entry[3] for entry in KINDS.values()])[0]
        script, config, natural, _ = KINDS[kind]
        device = f"{self.chance.choice(self.lab.names)}/vessel"
        self.submissions += 1
        job = Known(f"{self.prefix}{self.submissions}", kind, natural, device)
        config = {**config, "device": device, "priority": self.chance.choice([0, 0, 0, 5, -5])}
        if self.chance.random() < 0.1:
            config["hold"] = job.held = True
        elif self.chance.random() < 0.1:
            config["run_at"] = job.run_at_ms = int(time.time() * 1000) + self.chance.randrange(2000)
        elif self.chance.random() < 0.1:
            config["queue"] = False
        self.rules.known[job.id] = job
        return job, {"script_content": script, "experiment_id": job.id, "config": config}

    # --- what a person does ------------------------------------------------------------------------------------------

    def submit(self):
        job, body = self.submission()
        sure, why = self.ask("POST", "/api/experiments/start", body)
        job.promised = sure == "yes"
        if sure == "no" or isinstance(why, ConnectionRefusedError):
            del self.rules.known[job.id]
            if sure == "no" and body["config"].get("queue") is not False:
                self.rules.breach(("submit", job.id), f"a submission was refused: {why}")

    def stop(self, verb="POST", tail="/stop"):
        if job := self.any_job():
            job.stop_asked = True
            self.ask(verb, f"/api/experiments/{job.id}{tail}")
            return job
        return None

    def stop_twice(self):
        if job := self.stop():
            self.ask("POST", f"/api/experiments/{job.id}/stop")

    def delete(self):
        self.stop("DELETE", "")

    def hold(self):
        if job := self.any_job():
            if self.ask("POST", f"/api/experiments/{job.id}/hold", {})[0] == "yes":
                self.rules.look()  # what it did before
                job.held = True

    def release(self):
        held = [job for job in self.open_jobs() if job.held]
        if job := self.chance.choice(held) if held else self.any_job():
            job.held = False
            self.ask("POST", f"/api/experiments/{job.id}/release", {})

    def pause(self):
        if self.ask("POST", "/api/queue/pause", {"reason": "walk"})[0] == "yes":
            self.rules.look()
            self.rules.paused = [time.time() * 1000, None]

    def resume(self):
        if self.rules.paused and self.rules.paused[1] is None:
            self.rules.paused[1] = time.time() * 1000
        self.ask("POST", "/api/queue/resume")

    def freeze(self):
        """Pauses an experiment; one with its vessel safe must leave that alone from the answer on."""
        running = [job for job in self.open_jobs() if job.last == "running"]
        if job := self.chance.choice(running) if running else self.any_job():
            actuators = self.chance.choice(["hold", "safe"])
            if self.ask("POST", f"/api/experiments/{job.id}/pause", {"actuators": actuators})[0] == "yes" and actuators == "safe":
                self.rules.safe_pauses.append([job, time.time(), None])

    def thaw(self, job=None):
        paused = [job for job in self.open_jobs() if job.is_paused]
        if job := job or (self.chance.choice(paused) if paused else self.any_job()):
            self.rules.may_go_on(job)
            self.ask("POST", f"/api/experiments/{job.id}/resume")

    def note(self):
        if job := self.any_job():
            text = f"note at step {self.rules.step}"
            job.notes += [text] if self.ask("POST", f"/api/experiments/{job.id}/notes", {"text": text})[0] == "yes" else []

    def clean_up(self):
        self.check()
        old = [job for job in self.rules.known.values() if job.is_checked and not job.is_gone]
        for job in self.rules.known.values():
            job.may_be_gone = True  # what ends meanwhile may go too
        is_sure = self.ask("POST", CLEAN_UP)[0] == "yes"
        for job in old if is_sure else []:
            job.is_gone = True
        self.was_cleaned(is_sure)

    def was_cleaned(self, is_sure):
        """Of what is not surely gone, only that may be which had ended."""
        self.jobs = self.rules.look()[0]
        for job in self.rules.known.values():
            job.may_be_gone = not job.is_gone and job.ends > 0 and (not is_sure or job.id not in self.jobs)

    def set_by_hand(self):
        device, since = f"{self.chance.choice(self.lab.names)}/vessel", time.time()
        self.ask("POST", f"/api/devices/{device}/set", {"values": {"stirrer": self.chance.randrange(100)}})
        self.rules.manual[device].append((since, time.time()))

    def look(self):
        job = self.any_job()
        self.ask("GET", self.chance.choice(["/api/queue", "/api/devices", *([f"/api/experiments/{job.id}/{what}" for what in ("status", "logs", "events")] if job else [])]))

    def wait(self):
        time.sleep(self.chance.uniform(0.05, 0.5))

    # --- what goes wrong ---------------------------------------------------------------------------------------------

    def strike(self, fault, node=None):
        for job in self.open_jobs():
            if node is None or job.device == f"{node}/vessel":
                job.faults.add(fault)

    def fell(self, name, fault, node=None):
        self.lab.kill(name)
        self.rules.fell(name)
        self.strike(fault, node)
        if name == "coordinator":
            self.rules.look()
            self.forget_unborn()

    def forget_unborn(self):
        """What was asked for and isn't stored when the coordinator is dead has never been."""
        for id in [job.id for job in self.rules.known.values() if not job.promised and job.last is None]:
            del self.rules.known[id]
            self.done["submissions that were cut off in time"] += 1

    def kill_coordinator(self):
        if "coordinator" in self.lab.processes:
            self.fell("coordinator", "coordinator")

    def kill_amid_request(self):
        """kill -9 of the coordinator right after it was asked for something: it may have done it or not."""
        if "coordinator" not in self.lab.processes:
            return
        job = self.any_job()
        what = self.chance.choice(["start", "start", "start", *(["stop", "release", "notes", "freeze", "freeze", "thaw"] if job else []), "pause", "resume", "clean up"])
        self.done[f"kill amid {what}"] += 1
        path, body = f"/api/experiments/{job.id if job else ''}/{what}", {}
        if what == "start":
            body = self.submission()[1]
            path = "/api/experiments/start"
        elif what == "stop":
            job.stop_asked = True
        elif what == "release":
            job.held = False
        elif what == "notes":
            body = {"text": "cut"}
        elif what == "freeze":
            path, body = f"/api/experiments/{job.id}/pause", {"actuators": self.chance.choice(["hold", "safe"])}
        elif what == "thaw":
            self.rules.may_go_on(job)
            path = f"/api/experiments/{job.id}/resume"
        elif what == "clean up":
            self.check()
            path = CLEAN_UP
            for known in self.rules.known.values():
                known.may_be_gone = True
        else:
            path, body = f"/api/queue/{what}", {"reason": "cut"}
            if self.rules.paused and what == "resume":
                self.rules.paused[1] = self.rules.paused[1] or time.time() * 1000
        data = json.dumps(body).encode()
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.lab.port), timeout=5) as line:
            line.sendall(f"POST {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {self.lab.token}\r\nContent-Length: {len(data)}\r\n\r\n".encode() + data)
            time.sleep(self.chance.uniform(0, 0.06))
        self.fell("coordinator", "coordinator")
        if what == "clean up":
            self.was_cleaned(False)

    def kill_process(self, is_runner, fault):
        found = [process for process in self.rules.processes() if process[3] == is_runner]
        if not found:
            return
        pid, start, job, _ = self.chance.choice(sorted(found))
        with contextlib.suppress(OSError):
            handle = os.pidfd_open(pid)
            with contextlib.closing(os.fdopen(handle)):
                if pathlib.Path(f"/proc/{pid}/stat").read_bytes().rsplit(b")", 1)[1].split()[19] == start:
                    for struck in [self.rules.known[job]] if job in self.rules.known else self.open_jobs():
                        struck.faults.add(fault)
                    signal.pidfd_send_signal(handle, signal.SIGKILL)

    def kill_runner(self):
        self.kill_process(True, "runner")

    def kill_script(self):
        self.kill_process(False, "script")

    def kill_agent(self):
        node = self.chance.choice(self.lab.names)
        if f"agent {node}" in self.lab.processes:
            self.thaws = [entry for entry in self.thaws if entry[1] != f"agent {node}"]
            self.rules.rose(f"agent {node}")
            self.fell(f"agent {node}", "agent", node)

    def kill_broker(self):
        if "broker" in self.lab.processes:
            self.fell("broker", "broker")

    def freeze_agent(self):
        node = self.chance.choice(self.lab.names)
        name = f"agent {node}"
        if name in self.lab.processes and not self.rules.is_down(name):
            self.lab.processes[name].send_signal(signal.SIGSTOP)
            self.rules.fell(name)
            self.strike("agent", node)
            self.thaws.append((time.monotonic() + self.chance.uniform(1, LEASE_TTL_S + 5), name))

    def freeze_coordinator(self):
        """For longer than its leases live; it is asked for something meanwhile."""
        if "coordinator" not in self.lab.processes:
            return
        coordinator = self.lab.processes["coordinator"]
        coordinator.send_signal(signal.SIGSTOP)
        self.rules.fell("coordinator")
        self.strike("coordinator")
        time.sleep(LEASE_TTL_S + DEAD_MAN_S + self.chance.uniform(-2, 1.5))
        self.rules.rose("coordinator")
        coordinator.send_signal(signal.SIGCONT)
        self.submit()

    # --- the end -----------------------------------------------------------------------------------------------------

    def drain(self):
        """Everything runs again, everything that waits may start, half of it is stopped; then all is counted."""
        for _, name in self.thaws:
            self.lab.processes[name].send_signal(signal.SIGCONT)
            self.rules.rose(name)
        self.thaws = []
        for name in ["broker", *(f"agent {node}" for node in self.lab.names), "coordinator"]:
            if name not in self.lab.processes:
                self.start(name)
        self.lab.wait_until_online()
        self.resume()
        for job in self.open_jobs():
            job.held = False
            self.ask("POST", f"/api/experiments/{job.id}/release", {})
            is_stopped = self.chance.random() < 0.5
            if not is_stopped:
                self.thaw(job)
            if is_stopped:
                job.stop_asked = True
                self.ask("POST", f"/api/experiments/{job.id}/stop")
        try:
            wait_for("the end of every experiment", self.is_drained, DRAIN_S)
        except AssertionError:
            left = [row for row in self.jobs.values() if row["status"] not in FINAL]
            self.rules.breach("drain", f"not ended {DRAIN_S} s after the walk: {left[:5]}, processes {self.rules.surplus(self.jobs)[:5]}")
        self.check_drained()
        self.lab.end("coordinator")
        with contextlib.suppress(AssertionError):
            wait_for("the end of the sandbox that waited", lambda: not list(self.rules.processes()), 10)
        self.rules.check_leftovers()

    def is_drained(self):
        time.sleep(0.2)
        self.check()
        return not any(row["status"] in ACTIVE | {"queued"} for row in self.jobs.values()) and not self.rules.surplus(self.jobs)

    def check_drained(self):
        jobs, leases = self.rules.look()
        for lease in [lease for lease in leases if lease["ended_ms"] is None]:
            self.rules.breach(("left", lease["id"]), f"a lease is left: {lease}")
        for job in self.rules.known.values():
            if job.ends != 1 and (job.promised or job.last):
                self.rules.breach(("ends", job.id), f"{job.id} ended {job.ends} times: {jobs.get(job.id)}")
            if job.notes:
                self.rules.breach(("notes", job.id), f"notes of {job.id} that were promised are not there: {job.notes}")
        for node in self.lab.names:
            with contextlib.suppress(AssertionError):
                wait_for("the vessel safe", lambda: self.lab.is_safe(node), MANUAL_HOLD_S + DEAD_MAN_S + 5)
            if not self.lab.is_safe(node):
                self.rules.breach(("end", node), f"{node}/vessel is not safe at the end: {self.lab.outputs(node)}")
        again = self.lab.submit("print('ok')\n", experiment_id=f"{self.prefix}last", device=f"{self.lab.names[0]}/vessel")
        self.rules.known[again] = Known(again, "trivial", FREE, f"{self.lab.names[0]}/vessel", True)
        if self.lab.wait_end(again)["status"] != "completed":
            self.rules.breach("again", "an experiment after the walk did not complete")

    def summary(self):
        ended = sum(job.ends for job in self.rules.known.values())
        return {"seed": self.seed, "steps": self.rules.step, "done": dict(sorted(self.done.items())), "answers": dict(self.answers), "experiments": len(self.rules.known),
                "ended": ended, "empty_cgroups_left": len({path.name for path in self.rules.cgroups_left()}), "unsafe_spells": self.rules.unsafe_count, "endings": {" ".join(end).strip(): count for end, count in sorted(self.rules.endings.items())}, "breaches": self.rules.breaches}


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--steps", type=int, default=3000)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 30))
    parser.add_argument("--seconds", type=float, default=3600, help="the walk ends after this, whatever --steps says")
    parser.add_argument("--nodes", type=int, default=4)
    parser.add_argument("--pace", type=float, default=0.05, help="seconds between steps, on average")
    parser.add_argument("--keep", type=pathlib.Path, help="where the programs' logs and the database go when a rule was broken")
    given = parser.parse_args()
    print(f"seed {given.seed}", flush=True)
    with Walk(given.seed, given.nodes, given.pace, lambda line: print(line, flush=True)) as walk:
        began = time.monotonic()
        try:
            walk.go(given.steps, given.seconds)
            walked = time.monotonic() - began
            walk.drain()
        finally:
            if given.keep:
                given.keep.mkdir(parents=True, exist_ok=True)
                for path in [*walk.lab.folder.glob("*.log"), *walk.lab.folder.glob("data/labhub.db*")]:
                    shutil.copy(path, given.keep)
    print(json.dumps({**walk.summary(), "seconds": round(walked)}, indent=2))
    return 1 if walk.rules.breaches else 0


if __name__ == "__main__":
    sys.exit(main())
