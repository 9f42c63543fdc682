"""from POST start to the script's first line in the hub, against the bare OCI runtime on the same bundle"""
import json
import pathlib
import shutil
import subprocess
import sys
import time

from lab import Lab

from .inotify import Watch
from .measuring import milliseconds, say

ROUNDS = 30
WARM_UP = 3
FIRST_LINE = "import time\nprint(time.time_ns(), flush=True)\n"
#: Where the runner's own mount namespace has the bundle: the first of these it could use.
WORKPLACES = ("mnt", "media", "srv", "boot", "home", "opt")


class RealBundle:
    """The bundle that the runner made for a job, brought out of the runner's mount namespace while the job runs."""

    def __init__(self, lab, folder):
        self.folder = folder
        job = lab.submit("import time\nprint('here', flush=True)\ntime.sleep(60)\n")
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


def start_in_hub(lab):
    """One start through the hub: what happened when, in nanoseconds since 1970."""
    experiments = lab.folder / "data/experiments"
    with Watch() as watch:
        watch.add(experiments)
        times = {"posted": time.time_ns()}
        job = lab.submit(FIRST_LINE)
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
    hub, bare, unconfined = [], [], []
    with Lab(speed=1, period="1s") as lab:
        bundle_folder = lab.folder / "bare-bundle"
        bundle_folder.mkdir()
        bundle = RealBundle(lab, bundle_folder)
        say(f"the sandbox is made by {bundle.runner['runtime_program']}; {ROUNDS} rounds")
        server = bundle.serve()
        try:
            for number in range(WARM_UP + ROUNDS):
                turns = [lambda: hub.append(start_in_hub(lab)), lambda: bare.append(start_bare(server)), lambda: unconfined.append(start_unconfined())]
                # Each goes first equally often, so that none profits from what another left in the caches.
                for turn in turns[number % 3:] + turns[:number % 3]:
                    turn()
            runtime = bundle.runner.get("started", {}).get("runtime") or bundle.runner["runtime_program"]
        finally:
            server.stdin.close()
            server.wait(30)
    hub, bare, unconfined = hub[WARM_UP:], bare[WARM_UP:], unconfined[WARM_UP:]
    ours, theirs = milliseconds(took(hub, "posted", "arrived")), milliseconds(took(bare, "spawned", "arrived"))
    figures = {"runtime": runtime, "rounds": ROUNDS, "unit": "ms", "hub": ours, "peer_bare_runtime": theirs,
               "limit_interpreter_alone": milliseconds(took(unconfined, "spawned", "arrived")),
               "hub_to_own_timestamp": milliseconds(took(hub, "posted", "printed")),
               "peer_to_own_timestamp": milliseconds(took(bare, "spawned", "printed")), "phases": phases(hub)}
    return figures, [("vs_bare_runtime", ours["p50"] / theirs["p50"], "<=", 1.3)]
