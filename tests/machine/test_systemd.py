"""The hub as a machine's services: the coordinator without rights, runners as units that systemd starts as root, and what
polkit and root's rules leave to whoever has the coordinator's user."""
import io
import json
import unittest
import zipfile

import hub
import machine
from machine import Refused, wait_for

WHY_NOT = machine.why_not_here()
JOBS = "/var/lib/labhub/experiments"
SANDBOXES = "/var/lib/labhub-sandboxes"
HELLO = "import os, pathlib\nprint('hello', os.getuid())\npathlib.Path('/app/output/kept.txt').write_text('kept')\n"
LONG = """import time, pathlib, labhub
pathlib.Path('/app/output/begun.txt').write_text('begun')
vessel = labhub.vessel()
print('begun', flush=True)
for turn in range(600):
    time.sleep(0.1)
    vessel.read()
    if pathlib.Path('/app/output/end').exists(): break
print('over', flush=True)
"""
# What job.json needs, written by somebody who has the coordinator's user and none of its manners.
SPEC = {"job_id": "", "secret": "x", "socket": "/var/lib/labhub/run/jobs.sock", "argv": ["/usr/bin/python3", "-u", "/app/user_script.py"],
        "environment": {}, "python_path": "/usr/share/labhub/python", "runtime": "auto", "api_port": 8000, "cache_folder": "", "root": "",
        "limits": {"memory_bytes": 64 << 20, "cpus": 1.0, "pids": 64, "time_limit_ms": 60000, "grace_ms": 100, "output_bytes": 1 << 20,
                   "output_files": 100, "log_bytes": 1 << 20, "tmp_bytes": 1 << 20}}


@unittest.skipIf(WHY_NOT, WHY_NOT)
class SystemdHub(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.hub = cls.enterClassContext(hub.Hub())

    def sandboxes(self):
        return self.hub.shell(f"ls {SANDBOXES} 2>/dev/null || true").split()

    def runner_of(self, job):
        return int(self.hub.properties(f"labhub-job@{job}.service", "MainPID")["MainPID"])

    def active_state(self, unit):
        return self.hub.properties(unit, "ActiveState")["ActiveState"]

    def start_long(self):
        job = self.hub.submit(LONG)
        self.addCleanup(self.stop, job)
        self.hub.wait_status(job, "running")
        self.hub.wait_for_output(job, "begun")
        return job

    def stop(self, job):
        """Whatever a failed test left: the device is wanted by the next."""
        try:
            self.hub.request("POST", f"/api/experiments/{job}/stop")
        except Refused:
            pass
        self.hub.wait_status(job, *hub.FINAL)

    # --- what it is for ----------------------------------------------------------------------------------------------

    def test_coordinator_has_no_rights(self):
        pid = self.hub.properties("labhub-coordinator.service", "MainPID")["MainPID"]
        status = dict(line.split(":\t", 1) for line in self.hub.run("cat", f"/proc/{pid}/status").stdout.splitlines() if ":\t" in line)
        user = self.hub.run("id", "-u", "labhub").stdout.strip()
        self.assertEqual(status["Uid"].split(), [user] * 4)
        self.assertEqual(int(status["CapEff"], 16) | int(status["CapBnd"], 16), 0)
        self.assertTrue(self.hub.request("GET", "/health")["launcher"].startswith("systemd: "))

    def test_experiment_runs_in_a_unit_of_its_own_and_its_results_are_the_coordinators(self):
        job = self.start_long()
        unit = f"labhub-job@{job}.service"
        self.assertEqual(self.active_state(unit), "active")
        self.assertEqual(self.hub.run("stat", "-c", "%u", f"/proc/{self.runner_of(job)}").stdout.strip(), "0")
        script = self.hub.run("pgrep", "-f", "app/user_script.py").stdout.split()
        self.assertGreaterEqual(int(self.hub.run("stat", "-c", "%u", f"/proc/{script[-1]}").stdout), 1_900_000_000)
        self.hub.request("POST", f"/api/experiments/{job}/stop")
        self.hub.wait_status(job, "stopped")
        job = self.hub.submit(HELLO)
        self.hub.wait_status(job, "completed")
        archive = zipfile.ZipFile(io.BytesIO(self.hub.request("GET", f"/api/experiments/{job}/download")))
        names = {name.split("/", 1)[-1] if name.startswith(job) else name for name in archive.namelist()}
        self.assertLessEqual({"output/kept.txt", "stdout.txt", "telemetry.csv", "experiment.json"}, names)
        self.assertEqual(self.hub.shell(f"find {JOBS}/{job} ! -user labhub").split(), [], "the coordinator could not delete these")
        wait_for("nothing left of the sandbox", lambda: job not in self.sandboxes())
        wait_for("nothing left of the unit", lambda: self.active_state(f"labhub-job@{job}.service") == "inactive")

    def test_scripts_are_checked_without_root(self):
        with self.assertRaises(Refused) as refused:
            self.hub.submit("import nonsense_module\n")
        self.assertIn("nonsense_module", refused.exception.message)
        with self.assertRaises(Refused) as refused:
            self.hub.submit("print('no end\n")
        self.assertIn("line 1", refused.exception.message)

    def test_experiment_outlives_a_restart_of_the_coordinator(self):
        job = self.start_long()
        runner = self.runner_of(job)
        self.hub.run("systemctl", "restart", "labhub-coordinator.service")
        wait_for("the hub's return", self.hub.is_healthy)
        self.assertEqual(self.hub.experiment(job)["status"], "running")
        self.assertEqual(self.runner_of(job), runner, "it is the same runner")
        self.hub.request("POST", f"/api/experiments/{job}/stop")
        ended = self.hub.wait_status(job, "stopped")
        self.assertNotIn("Traceback", self.hub.run("cat", f"{JOBS}/{job}/stderr.txt").stdout, "its calls went on being answered")
        self.assertEqual(ended["status"], "stopped")

    def test_killed_runner_is_collected(self):
        job = self.start_long()
        self.hub.run("kill", "-9", str(self.runner_of(job)))
        ended = self.hub.wait_status(job, "failed")
        self.assertEqual(ended["reason"], "runner_lost")
        self.assertEqual(self.hub.run("cat", f"{JOBS}/{job}/output/begun.txt").stdout, "begun")
        self.assertEqual(self.hub.shell(f"find {JOBS}/{job} ! -user labhub").split(), [])
        wait_for("nothing left of the sandbox", lambda: job not in self.sandboxes())
        wait_for("no script left", lambda: not self.hub.run("pgrep", "-f", "app/user_script.py", check=False).stdout)
        wait_for("no failed unit left", lambda: "labhub" not in self.hub.run("systemctl", "--failed", "--no-pager").stdout)

    def test_unit_that_is_stopped_ends_its_experiment(self):
        job = self.start_long()
        self.hub.run("systemctl", "stop", f"labhub-job@{job}.service", limit=100)
        self.assertIn("runner_stopped", self.hub.run("cat", f"{JOBS}/{job}/runner.json").stdout)
        self.assertEqual(self.hub.wait_status(job, "failed", "stopped")["reason"], "runner_stopped")

    def test_failure_to_start_says_what_is_wrong(self):
        self.hub.run("install", "-d", "/run/systemd/system/labhub-job@.service.d")
        self.hub.shell("printf '[Service]\\nExecStart=\\nExecStart=/usr/bin/false\\n' > /run/systemd/system/labhub-job@.service.d/broken.conf; systemctl daemon-reload")
        try:
            job = self.hub.submit(HELLO)
            ended = self.hub.wait_status(job, "failed")
        finally:
            self.hub.shell("rm -r /run/systemd/system/labhub-job@.service.d; systemctl daemon-reload")
        self.assertEqual(ended["reason"], "sandbox_failed")
        self.assertIn(f"labhub-job@{job}.service failed: its result is 'exit-code', status 1", ended["message"])
        self.assertNotIn("labhub-job", self.hub.run("systemctl", "--failed", "--no-pager").stdout, "it is forgotten")

    # --- what whoever has the coordinator's user can't do --------------------------------------------------------------

    def ask_systemd(self, method, *arguments, user="labhub"):
        return self.hub.run("busctl", "call", "org.freedesktop.systemd1", "/org/freedesktop/systemd1", "org.freedesktop.systemd1.Manager", method,
                            *arguments, user=user, check=False)

    def test_polkit_lets_it_start_and_stop_its_own_units_and_nothing_else(self):
        allowed = self.ask_systemd("ResetFailedUnit", "s", "labhub-job@nothing.service")
        self.assertNotIn("Access denied", allowed.stderr)
        self.assertNotIn("authentication", allowed.stderr)
        refused = [
            ("StartUnit", "ss", "broker.service", "replace"), ("StopUnit", "ss", "labhub-coordinator.service", "replace"),
            ("StartUnit", "ss", "reboot.target", "replace"), ("RestartUnit", "ss", "labhub-job@x.service", "replace"),
            ("StartUnit", "ss", "labhub-job@x.timer", "replace"), ("StartUnit", "ss", "xlabhub-job@x.service", "replace"),
            ("StartUnit", "ss", "labhub-jobs@x.service", "replace"),
            ("KillUnit", "ssi", "labhub-coordinator.service", "all", "9"), ("Reload",), ("Reboot",), ("Exit",),
            ("SetUnitProperties", "sba(sv)", "labhub-job@x.service", "true", "1", "MemoryMax", "t", "1000000"),
            ("StartTransientUnit", "ssa(sv)a(sa(sv))", "labhub-job@x.service", "replace", "1", "ExecStart", "a(sasb)", "1", "/bin/sh", "1", "sh", "false", "0"),
            ("EnableUnitFiles", "asbb", "1", "broker.service", "true", "true"), ("SetEnvironment", "as", "1", "LD_PRELOAD=/tmp/x.so"),
        ]
        for call in refused:
            with self.subTest(call):
                answer = self.ask_systemd(*call)
                self.assertNotEqual(answer.returncode, 0, answer.stdout)
                self.assertRegex(answer.stderr, "denied|authentication required|authorization")
        other = self.ask_systemd("StartUnit", "ss", "labhub-job@x.service", "replace", user="daemon")
        self.assertRegex(other.stderr, "denied|authentication required|authorization")

    def write_job(self, name, **changes):
        spec = dict(SPEC, job_id=name)
        spec.update(changes)
        self.hub.shell(f"mkdir -p {JOBS}/{name}; cat > {JOBS}/{name}/job.json <<'EOF'\n{json.dumps(spec)}\nEOF\n"
                       f"echo 'print(1)' > {JOBS}/{name}/script.py", user="labhub")

    def start_as_labhub(self, unit):
        """What became of it: systemd's result, and what the runner said. A job that runs is waited for, and ended."""
        systemctl = lambda verb: self.hub.run("systemctl", "--no-ask-password", verb, unit, user="labhub", check=False, limit=150)
        systemctl("start")
        told = self.hub.properties(unit, "Result", "StatusText", "ActiveState")
        if told["ActiveState"] == "active":
            state = f"{JOBS}/{unit.split('@')[1].removesuffix('.service')}/runner.json"
            wait_for("the job's end", lambda: '"phase": "ended"' in self.hub.run("cat", state, check=False).stdout, 120)
            self.assertEqual(systemctl("stop").returncode, 0)
        systemctl("reset-failed")
        return told

    def test_root_does_for_a_job_only_what_root_allows(self):
        self.hub.shell("printf '#!/bin/sh\\nid > /tmp/owned; cp /etc/shadow /tmp/shadow\\n' > /tmp/evil; chmod 755 /tmp/evil; rm -f /tmp/owned", user="labhub")
        self.hub.shell(f"mkdir -p {JOBS}/../images/root/etc", user="labhub")
        attempts = {
            "evil-runtime": ({"runtime": "/tmp/evil"}, "'runtime'"),
            "evil-root": ({"root": "/etc"}, "'root'"),
            "evil-image": ({"root": "/var/lib/labhub/images/root"}, "'root'"),
            "evil-climb": ({"root": "/var/lib/labhub-images/../labhub/images/root"}, "'root'"),
            "evil-python": ({"python_path": "/root"}, "'python_path'"),
            "evil-socket": ({"socket": "/run/systemd/private"}, "'socket'"),
            "evil-name": ({"job_id": "another"}, "another job"),
        }
        for name, (changes, told) in attempts.items():
            with self.subTest(name):
                self.write_job(name, **changes)
                outcome = self.start_as_labhub(f"labhub-job@{name}.service")
                self.assertEqual(outcome["Result"], "exit-code", outcome)
                self.assertIn(told, outcome["StatusText"])
        for name in ["..", ".host", "-x"]:
            with self.subTest(name):
                answer = self.ask_systemd("StartUnit", "ss", f"labhub-job@{name}.service", "replace")
                self.assertRegex(answer.stderr, "denied|authentication required|authorization")
        self.assertEqual(self.hub.run("ls", "/tmp/owned", check=False).stdout, "")

    def test_links_in_its_folders_lead_root_nowhere(self):
        canary = "/root/canary"
        self.hub.shell(f"rm -rf {canary} /root/elsewhere; echo untouched > {canary}; chmod 600 {canary}; mkdir /root/elsewhere; cp {canary} /root/elsewhere/stdout.txt")
        before = self.hub.shell("ls -lan --time-style=full-iso /root /root/elsewhere /etc/passwd; cat /root/canary /root/elsewhere/stdout.txt")
        self.write_job("links")
        self.hub.shell(f"cd {JOBS}/links; ln -s {canary} stdout.txt; ln -s {canary} stderr.txt; ln -s {canary} exitcode.txt; ln -s /root/elsewhere output; "
                       f"ln -s {canary} stdout.txt.tail; ln -s /etc/passwd runner.json", user="labhub")
        self.start_as_labhub("labhub-job@links.service")
        self.start_as_labhub("labhub-collect@links.service")
        # A whole folder that is another.
        self.hub.shell(f"ln -sfn /root/elsewhere {JOBS}/folder", user="labhub")
        self.assertEqual(self.start_as_labhub("labhub-job@folder.service")["Result"], "exit-code")
        self.assertEqual(self.start_as_labhub("labhub-collect@folder.service")["Result"], "exit-code")
        # A script that reads another's file: linked in before the start.
        self.write_job("script")
        self.hub.shell(f"ln -sfn {canary} {JOBS}/script/script.py", user="labhub")
        self.start_as_labhub("labhub-job@script.service")
        self.assertNotIn("untouched", self.hub.shell(f"cat {JOBS}/script/*.txt 2>/dev/null || true"))
        after = self.hub.shell("ls -lan --time-style=full-iso /root /root/elsewhere /etc/passwd; cat /root/canary /root/elsewhere/stdout.txt")
        self.assertEqual([line for line in after.splitlines() if " .." not in line and not line.endswith(" .")],
                         [line for line in before.splitlines() if " .." not in line and not line.endswith(" .")])

    def test_state_written_by_its_owner_makes_root_run_nothing(self):
        self.hub.shell("printf '#!/bin/sh\\nid > /tmp/owned\\n' > /tmp/evil; chmod 755 /tmp/evil; rm -f /tmp/owned", user="labhub")
        self.write_job("state")
        state = {"job_id": "state", "pid": 1, "phase": "running", "started": None, "ended": None, "notes": [], "runtime_program": "/tmp/evil",
                 "hide_unified": False, "cgroup": "/../../system.slice"}
        self.hub.shell(f"cd {JOBS}/state; mkdir -p sandbox/state; cat > runner.json <<'EOF'\n{json.dumps(state)}\nEOF\n", user="labhub")
        outcome = self.start_as_labhub("labhub-collect@state.service")
        self.assertEqual(outcome["Result"], "success", outcome)
        self.assertEqual(self.hub.run("ls", "/tmp/owned", check=False).stdout, "")
        self.assertIn("runner_lost", self.hub.run("cat", f"{JOBS}/state/runner.json").stdout)

    def test_sandboxes_are_roots_alone(self):
        job = self.start_long()
        seen = self.hub.run("ls", f"{SANDBOXES}/{job}", user="labhub", check=False)
        self.assertIn("Permission denied", seen.stderr)
        self.assertIn("Permission denied", self.hub.run("mkdir", f"{SANDBOXES}/mine", user="labhub", check=False).stderr)
        self.hub.request("POST", f"/api/experiments/{job}/stop")
        self.hub.wait_status(job, "stopped")


if __name__ == "__main__":
    unittest.main()
