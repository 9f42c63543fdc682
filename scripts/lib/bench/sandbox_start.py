"""from POST start to the script's first line in the hub, against the bare OCI runtime on the same bundle"""
import json
import os
import pathlib
import shutil
import subprocess
import sys
import time

from lab import Lab, wait_for

from .inotify import Watch
from .measuring import milliseconds, say

ROUNDS = 30
WARM_UP = 3
FIRST_LINE = "import time\nprint(time.time_ns(), flush=True)\n"
#: Not the default, so that no sandbox made in advance fits.
OTHER_LIMITS = {"output_limit": "1000m"}
#: After a sandbox has been made in advance: what was begun with it is over then.
SETTLE = 0.2
#: Where the runner's own mount namespace has the bundle: the first of these it could use.
WORKPLACES = ("mnt", "media", "srv", "boot", "home", "opt")


class RealBundle:
    """The bundle that the runner made for a job, brought out of the runner's mount namespace while the job runs."""

    def __init__(self, lab, folder):
        self.folder = folder
        job = lab.submit("import time\nprint('here', flush=True)\ntime.sleep(60)\n", **OTHER_LIMITS)
        lab.wait_log(job, "here")
        self.runner = json.loads((lab.job_folder(job) / "runner.json").read_text())
        inside = pathlib.Path(f"/proc/{self.runner['pid']}/root")
        workplace = next(inside / name for name in WORKPLACES if (inside / name / "bundle/config.json").exists())
        python_path = json.loads((lab.job_folder(job) / "job.json").read_text())["python_path"]
        shutil.copytree(workplace / "bundle/rootfs", folder / "rootfs", symlinks=True)
        shutil.copy(workplace / "init", folder / "init")
        (folder / "script.py").write_text(FIRST_LINE)
        config = json.loads((workplace / "bundle/config.json").read_text())
        self._repoint(config, python_path)
        (folder / "config.json").write_text(json.dumps(config))
        lab.request("POST", f"/api/experiments/{job}/stop")
        lab.wait_end(job)

    def _repoint(self, config, python_path):
        """Only what lies in the runner's namespaces gets another place; the network namespace is made by the runtime."""
        output = self.folder / "output"
        output.mkdir()
        places = {"/run/labhub/init": self.folder / "init", "/app/user_script.py": self.folder / "script.py",
                  "/opt/labhub/python": python_path, "/app/output": output}
        for mount in config["mounts"]:
            if mount["destination"] in places:
                mount["source"] = str(places[mount["destination"]])
        for namespace in config["linux"]["namespaces"]:
            if namespace["type"] == "network":
                namespace.pop("path", None)
        user = config["process"]["user"]["uid"]
        for mapping in config["linux"].get("uidMappings", []):
            if mapping["containerID"] == user:
                user = mapping["hostID"]
        shutil.chown(output, user, user)

    def serve(self):
        """bare_runtime.py over this bundle, as a process that runs it at each line."""
        program = pathlib.Path(__file__).with_name("bare_runtime.py")
        hidden = "yes" if self.runner.get("hide_unified") else "no"
        return subprocess.Popen(["unshare", "--mount", "--propagation", "private", sys.executable, program, self.runner["runtime_program"],
                                 self.folder / "state", self.folder, hidden], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


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


def measure():
    hub, made_anew, bare, unconfined = [], [], [], []
    with Lab(speed=1, period="1s") as lab:
        bundle_folder = lab.folder / "bare-bundle"
        bundle_folder.mkdir()
        bundle = RealBundle(lab, bundle_folder)
        say(f"the sandbox is made by {bundle.runner['runtime_program']}; {ROUNDS} rounds")
        server = bundle.serve()
        try:
            for number in range(WARM_UP + ROUNDS):
                turns = [lambda: hub.append(start_in_hub(lab)), lambda: made_anew.append(start_in_hub(lab, **OTHER_LIMITS)),
                         lambda: bare.append(start_bare(server)), lambda: unconfined.append(start_unconfined())]
                first = number % len(turns)
                # Each goes first equally often, so that none profits from what another left in the caches.
                for turn in turns[first:] + turns[:first]:
                    wait_until_quiet(lab)
                    turn()
            runtime = bundle.runner.get("started", {}).get("runtime") or bundle.runner["runtime_program"]
        finally:
            server.stdin.close()
            server.wait(30)
    hub, made_anew, bare, unconfined = (runs[WARM_UP:] for runs in (hub, made_anew, bare, unconfined))
    ours, anew = (milliseconds(took(runs, "posted", "arrived")) for runs in (hub, made_anew))
    theirs = milliseconds(took(bare, "spawned", "arrived"))
    figures = {"runtime": runtime, "rounds": ROUNDS, "unit": "ms", "hub": ours, "hub_none_ready": anew, "peer_bare_runtime": theirs,
               "limit_interpreter_alone": milliseconds(took(unconfined, "spawned", "arrived")),
               "hub_to_own_timestamp": milliseconds(took(hub, "posted", "printed")),
               "peer_to_own_timestamp": milliseconds(took(bare, "spawned", "printed")), "phases": phases(hub),
               "none_ready_vs_bare_runtime": round(anew["p50"] / theirs["p50"], 2), "phases_none_ready": phases(made_anew)}
    return figures, [("vs_bare_runtime", ours["p50"] / theirs["p50"], "<=", 1.2)]
