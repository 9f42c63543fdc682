"""from POST start to the script's first line in the hub, against the bare OCI runtime, podman and docker on the same root"""
import json
import os
import pathlib
import subprocess
import time

from lab import Lab, wait_for

from . import container_peers
from .bundle import OTHER_LIMITS, RealBundle
from .inotify import Watch
from .measuring import milliseconds, say

ROUNDS = 30
WARM_UP = 3
FIRST_LINE = "import time\nprint(time.time_ns(), flush=True)\n"
#: After a sandbox has been made in advance: what was begun with it is over then.
SETTLE = 0.2


def command_line(pid):
    try:
        return pathlib.Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except OSError:
        return []


def has_ready_sandbox(lab):
    """Whether a runner of this lab waits for a job, its container standing."""
    for process in pathlib.Path("/proc").glob("[0-9]*"):
        if command_line(process.name)[:1] != [b"/run/labhub/init"]:
            continue
        try:
            parent = (process / "stat").read_text().rpartition(")")[2].split()[1]
        except OSError:
            continue
        runner = command_line(parent)
        if runner[1:2] == [b"wait"] and os.fsencode(lab.folder) in runner[2] and b"/.ready/" in runner[2]:
            return True
    return False


def wait_until_quiet(lab):
    """The hub prepares for the next job a moment after one has started: that must fall into nobody's turn."""
    wait_for("a sandbox made in advance", lambda: has_ready_sandbox(lab))
    time.sleep(SETTLE)


def start_in_hub(lab, **config):
    """One start through the hub: what happened when, in nanoseconds since 1970."""
    experiments = lab.folder / "data/experiments"
    with Watch() as watch:
        watch.add(experiments)
        times = {"posted": time.time_ns()}
        job = lab.submit(FIRST_LINE, **config)
        times["answered"] = time.time_ns()
        folder = lab.job_folder(job)
        for now, name in watch.events(30):
            if name == job:
                times["folder"] = now
                watch.add(folder)
            if name == "runner.lock":
                times.setdefault("runner", now)
            if name == "stdout.txt":
                times.setdefault("prepared", now)
                if (folder / name).stat().st_size:
                    times["arrived"] = now
                    break
    times["printed"] = int((folder / "stdout.txt").read_text().split()[0])
    ended = lab.wait_end(job)
    if ended["status"] != "completed":
        raise RuntimeError(f"experiment {job} is {ended['status']}: {ended}")
    return times


def start_bare(bare):
    bare.stdin.write("run\n")
    bare.stdin.flush()
    line = bare.stdout.readline()
    if not line:
        raise RuntimeError("the bare runtime could not run the bundle")
    return json.loads(line)


def start_unconfined():
    """The same script by the same interpreter, with no sandbox at all: what no sandbox can be quicker than."""
    spawned = time.time_ns()
    printed = subprocess.run(["/usr/bin/python3", "-c", FIRST_LINE], check=True, capture_output=True, text=True).stdout
    return {"spawned": spawned, "arrived": time.time_ns(), "printed": int(printed)}


def took(runs, begin, end):
    return [run[end] - run[begin] for run in runs if begin in run and end in run]


def phases(hub):
    """Where the time goes, as far as files show it from outside."""
    steps = {"hub_answers": ("posted", "answered"), "lease_and_folder": ("posted", "folder"), "runner_begins": ("folder", "runner"),
             "sandbox_prepared": ("runner", "prepared"), "runtime_and_interpreter": ("prepared", "printed"), "line_to_hub": ("printed", "arrived")}
    measured = {name: took(hub, *ends) for name, ends in steps.items()}
    return {name: milliseconds(values) for name, values in measured.items() if values}


def take_turns(turns, rounds):
    """Each goes first equally often, so that none profits from what another left in the caches."""
    for number in range(rounds):
        first = number % len(turns)
        for turn in turns[first:] + turns[:first]:
            turn()


def measure():
    hub, made_anew, bare, unconfined, podman, docker = runs = [[] for _ in range(6)]
    with Lab(speed=1, period="1s") as lab:
        bundle_folder = lab.folder / "bare-bundle"
        bundle_folder.mkdir()
        bundle = RealBundle(lab, bundle_folder, FIRST_LINE)
        say(f"the sandbox is made by {bundle.runtime}; {ROUNDS} rounds")
        server = bundle.serve()
        by_podman = container_peers.podman_command(bundle)
        try:
            with container_peers.docker_command(bundle, lab.folder / "docker") as by_docker:
                starts = [(hub, lambda: start_in_hub(lab)), (made_anew, lambda: start_in_hub(lab, **OTHER_LIMITS)), (bare, lambda: start_bare(server)),
                          (unconfined, start_unconfined), (podman, lambda: container_peers.start(by_podman))]
                if by_docker:
                    starts.append((docker, lambda: container_peers.start(by_docker)))

                def turn(into, start):
                    wait_until_quiet(lab)
                    into.append(start())
                take_turns([lambda each=each: turn(*each) for each in starts], WARM_UP + ROUNDS)
            runtime = bundle.runner.get("started", {}).get("runtime") or bundle.runtime
        finally:
            server.stdin.close()
            server.wait(30)
    for each in runs:
        del each[:WARM_UP]
    ours, anew = (milliseconds(took(each, "posted", "arrived")) for each in (hub, made_anew))
    theirs, podmans = (milliseconds(took(each, "spawned", "arrived")) for each in (bare, podman))
    figures = {"runtime": runtime, "rounds": ROUNDS, "unit": "ms", "hub": ours, "hub_none_ready": anew, "peer_bare_runtime": theirs,
               "peer_podman": podmans,
               "limit_interpreter_alone": milliseconds(took(unconfined, "spawned", "arrived")),
               "hub_to_own_timestamp": milliseconds(took(hub, "posted", "printed")),
               "peer_to_own_timestamp": milliseconds(took(bare, "spawned", "printed")), "phases": phases(hub),
               "none_ready_vs_bare_runtime": round(anew["p50"] / theirs["p50"], 2), "phases_none_ready": phases(made_anew)}
    if docker:
        figures["peer_docker"] = milliseconds(took(docker, "spawned", "arrived"))
        figures["vs_docker"] = round(figures["peer_docker"]["p50"] / ours["p50"], 2)
    return figures, [("vs_bare_runtime", ours["p50"] / theirs["p50"], "<=", 1.2), ("vs_podman", podmans["p50"] / ours["p50"], ">=", 3)]
