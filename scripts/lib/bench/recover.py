"""the coordinator killed and started again under fifty running experiments: how soon all are followed, and what failed"""
import json
import time

from lab import Lab, wait_for

from .measuring import say, spread

JOBS = 50
ROUNDS = 3
CALLER = """
import json, time
import labhub
vessel = labhub.vessel()
print("here", flush=True)
failed, calls, longest = 0, [], 0.0
end = time.time() + 600
while time.time() < end:
    began = time.time()
    try:
        vessel.read()
    except Exception as error:
        failed += 1
        print(json.dumps({"failed": str(error)}), flush=True)
    now = time.time()
    if now - began > 0.2:
        print(json.dumps({"waited_from": began, "until": now}), flush=True)
    time.sleep(0.1)
"""


class CrowdedLab(Lab):
    def __init__(self):
        super().__init__(nodes=JOBS, speed=1, period="1s", lease_ttl="30s", node_lost_after="30s", dead_man="30s")

    def _configure(self):
        super()._configure()
        config = self.folder / "coordinator.toml"
        config.write_text(config.read_text().replace("[jobs]\n", f"[jobs]\nmax_running = {JOBS}\n"))


def lines(lab, job):
    """What the script has printed of its calls."""
    found = []
    for line in (lab.job_folder(job) / "stdout.txt").read_text().splitlines():
        if line.startswith("{"):
            found.append(json.loads(line))
    return found


def restart(lab, jobs):
    """kill -9 and another at once. Seconds from its start until the last script had an answer again."""
    before = {job: len(lines(lab, job)) for job in jobs}
    lab.kill("coordinator")
    began = time.time()
    lab.start_coordinator()
    wait_for("the hub", lab.answers, 30)
    answers = time.time() - began
    # A script that was between two calls may have waited too little to say so; every one calls within 0.1 s.
    time.sleep(5)
    untils = [each["until"] for job in jobs for each in lines(lab, job)[before[job]:] if "until" in each]
    failed = [each["failed"] for job in jobs for each in lines(lab, job)[before[job]:] if "failed" in each]
    states = {each["experiment_id"]: each["status"] for each in lab.request("GET", "/api/experiments")["experiments"]}
    return {"answers_s": answers, "followed_s": max(untils) - began if untils else answers, "waited": len(untils), "failed": failed,
            "running": sum(states[job] == "running" for job in jobs)}


def measure():
    rounds = []
    with CrowdedLab() as lab:
        say(f"starting {JOBS} experiments")
        jobs = [lab.submit(CALLER, device=f"{name}/vessel", memory="128m") for name in lab.names]
        for job in jobs:
            lab.wait_log(job, "here", 120)
        time.sleep(3)
        for number in range(ROUNDS):
            rounds.append(restart(lab, jobs))
            say(f"round {number + 1} of {ROUNDS}: followed again after {rounds[-1]['followed_s']:.2f} s, {len(rounds[-1]['failed'])} calls failed")
        for job in jobs:
            lab.request("POST", f"/api/experiments/{job}/stop")
        for job in jobs:
            lab.wait_end(job, 120)
    failures = [failure for each in rounds for failure in each["failed"]]
    figures = {"jobs": JOBS, "answers_s": spread([each["answers_s"] for each in rounds]), "followed_s": spread([each["followed_s"] for each in rounds]),
               "scripts_that_waited": [each["waited"] for each in rounds], "still_running": [each["running"] for each in rounds], "failures": failures[:5]}
    return figures, [("followed_s", figures["followed_s"]["p50"], "<=", 1), ("failed_calls", len(failures), "<=", 0)]
