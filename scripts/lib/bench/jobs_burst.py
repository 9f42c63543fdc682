"""a thousand trivial experiments handed in at once, eight at a time, against xargs -P8 of the bare OCI runtime"""
import concurrent.futures
import subprocess
import time

from lab import FINAL, Lab, wait_for

from .bundle import RealBundle
from .measuring import say, spread

JOBS, AT_ONCE = 1_000, 8
ROUNDS = 2
SUBMITTERS = 8
TRIVIAL = "print('done')\n"
LIMIT = 600  # seconds for a round


class BurstLab(Lab):
    """Eight vessels, and as many sandboxes at one time."""

    def __init__(self):
        super().__init__(nodes=AT_ONCE, speed=1, period="1s", lease_ttl="30s", node_lost_after="30s", dead_man="30s")

    def _configure(self):
        super()._configure()
        config = self.folder / "coordinator.toml"
        config.write_text(config.read_text().replace("[jobs]\n", f"[jobs]\nmax_running = {AT_ONCE}\n"))


def burst(lab):
    """All handed in as quickly as the hub takes them. Returns seconds until all were taken, and until all had ended."""
    devices = [f"{name}/vessel" for name in lab.names]
    began = time.monotonic()
    with concurrent.futures.ThreadPoolExecutor(SUBMITTERS) as submitters:
        jobs = set(submitters.map(lambda number: lab.submit(TRIVIAL, device=devices[number % AT_ONCE]), range(JOBS)))
    taken = time.monotonic() - began
    states = {}

    def all_ended():
        listed = lab.request("GET", "/api/experiments")["experiments"]
        states.update((each["experiment_id"], each["status"]) for each in listed if each["experiment_id"] in jobs)
        return len(states) == JOBS and all(state in FINAL for state in states.values())

    wait_for("all experiments", all_ended, LIMIT)
    took = time.monotonic() - began
    completed = sum(state == "completed" for state in states.values())
    # So that the next round's list isn't longer than this one's.
    lab.request("POST", "/api/maintenance/cleanup?max_age_hours=0", {})
    return {"jobs_per_s": JOBS / took, "taken_s": taken, "not_completed": JOBS - completed, "lost": JOBS - len(states)}


def by_xargs(bundle, slots):
    """The same number of the bare runtime's runs of the same bundle by a shell loop."""
    one = (f'"{bundle.runtime}" --root "{bundle.folder}/state" run --bundle "{bundle.folder}/slot-$SLOT" "labhub-burst-$1" 2>&1 < "{bundle.folder}/empty" | cat > /dev/null')
    loop = f"seq {JOBS} | xargs -P{slots} -n1 --process-slot-var=SLOT sh -c '{one}' one"
    # Not /dev/null: crun gives a container's user its standard streams, which would be the host's device.
    (bundle.folder / "empty").touch()
    began = time.monotonic()
    subprocess.run(bundle.in_own_mounts("exec", "sh", "-c", loop), check=True, timeout=LIMIT)
    return JOBS / (time.monotonic() - began)


def measure():
    hub, shell = [], []
    with BurstLab() as lab:
        folder = lab.folder / "bare-bundle"
        folder.mkdir()
        bundle = RealBundle(lab, folder, TRIVIAL)
        bundle.copies(AT_ONCE)
        turns = [lambda: hub.append(burst(lab)), lambda: shell.append(by_xargs(bundle, AT_ONCE))]
        for number in range(ROUNDS):
            for turn in turns if number % 2 == 0 else reversed(turns):
                turn()
            say(f"round {number + 1} of {ROUNDS}: {hub[-1]['jobs_per_s']:.1f} experiments/s, {shell[-1]:.1f} bare runs/s")
    rates = [each["jobs_per_s"] for each in hub]
    figures = {"jobs": JOBS, "at_once": AT_ONCE, "runtime": bundle.runtime, "hub_jobs_per_s": spread(rates), "peer_xargs_per_s": spread(shell),
               "taken_s": spread([each["taken_s"] for each in hub]), "not_completed": sum(each["not_completed"] for each in hub)}
    return figures, [("lost", sum(each["lost"] for each in hub), "<=", 0), ("not_completed", figures["not_completed"], "<=", 0),
                     ("vs_xargs", max(rates) / max(shell), ">=", 0.7)]
