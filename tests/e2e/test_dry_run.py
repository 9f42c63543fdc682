"""Dry runs: the real programs, the real sandbox, a twin of a simulated vessel."""
import json
import os
import pathlib
import signal
import subprocess
import time
import unittest

from lab import BIN, FINAL, ROOT, Lab, Refused, wait_for

EXAMPLES = ROOT / "examples"
#: Of the twin's time: the faults show within two hours, and take some seconds.
TWO_HOURS = {"RUN_SECONDS": "7200"}


@unittest.skipUnless(os.geteuid() == 0, "sandboxes need root")
class DryRuns(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.lab = Lab(period="1s", speed=1)
        cls.lab.__enter__()
        cls.addClassCleanup(cls.lab.__exit__)

    def setUp(self):
        self.addCleanup(self.end_all)

    def end_all(self):
        for each in self.lab.request("GET", "/api/experiments")["experiments"]:
            if each["status"] not in FINAL:
                self.lab.request("POST", f"/api/experiments/{each['experiment_id']}/stop")
                self.lab.wait_end(each["experiment_id"])

    def dry_run(self, script, limit=580, **config):
        """The experiment at its end, and its report."""
        job = self.lab.submit(script, dry_run=True, **config)
        ended = self.lab.wait_end(job, limit)
        return ended, self.lab.request("GET", f"/api/experiments/{job}/dry-run")["dry_run"]

    def example(self, name, environment=TWO_HOURS):
        return self.dry_run((EXAMPLES / name).read_text(), environment=environment, time_limit="3h")

    def errors(self, report):
        return [(f["kind"], f["subject"]) for f in report["findings"] if f["severity"] == "error"]

    def only_error(self, report):
        errors = [f for f in report["findings"] if f["severity"] == "error"]
        self.assertEqual(len(errors), 1, report["findings"])
        return errors[0]

    def line_of(self, name, text):
        lines = (EXAMPLES / name).read_text().splitlines()
        return next(i + 1 for i, line in enumerate(lines) if text in line)

    def assert_untouched(self):
        self.assertIsNone(self.lab.device()["lease"])
        self.assertTrue(self.lab.is_safe())

    # --- what it finds ---------------------------------------------------------------------------------------------------

    def test_finds_the_vial_that_runs_over(self):
        ended, report = self.example("faults/overflow.py")
        self.assertEqual(ended["status"], "completed", ended)
        error = self.only_error(report)
        self.assertEqual((error["kind"], error["subject"]), ("overflow", "A"))
        self.assertEqual(error["line"], self.line_of("faults/overflow.py", "pump_A_in=FLOW_ML_S"))
        self.assertAlmostEqual(error["at_s"], 5 / 0.006, delta=30)
        self.assertIn("pump_A_out is off", error["advice"])
        self.assert_untouched()

    def test_finds_the_culture_that_is_cooked(self):
        _, report = self.example("faults/heater_limit.py")
        error = self.only_error(report)
        self.assertEqual(error["kind"], "culture_hot")
        self.assertEqual(error["line"], self.line_of("faults/heater_limit.py", "vessel.set(peltier="))
        self.assertEqual(error["limit"], 42)
        self.assertIn("full_power", [f["kind"] for f in report["findings"]])

    def test_finds_the_wrong_unit(self):
        _, report = self.example("faults/wrong_unit.py")
        error = self.only_error(report)
        self.assertEqual((error["kind"], error["subject"]), ("wrong_unit", "pump_A_in"))
        self.assertIn("mL/min", error["advice"])
        self.assertEqual(error["line"], self.line_of("faults/wrong_unit.py", "balanced_flow(bioreactor"))

    def test_finds_nothing_wrong_with_the_examples(self):
        for name in ("turbidostat.py", "chemostat_classic.py"):
            with self.subTest(name):
                ended, report = self.example(name, {"RUN_SECONDS": "1800"})  # as much as a busy machine stands
                self.assertEqual(ended["status"], "completed", (ended, self.lab.logs(ended["experiment_id"])[-2000:]))
                self.assertEqual(self.errors(report), [], report["findings"])
                self.assertGreaterEqual(report["duration_s"], 1790)
                self.assertGreater(report["samples"], 1700)

    def test_tells_what_is_refused_with_range_and_unit(self):
        _, report = self.dry_run("import labhub\nv = labhub.vessel()\nv.set(pump_A_in=500)\n")
        error = self.only_error(report)
        self.assertEqual((error["kind"], error["line"], error["limit"]), ("refused", 3, 10))
        self.assertIn("µL/min", error["advice"])

    def test_tells_of_an_exception_with_its_line(self):
        ended, report = self.dry_run("import time\ntime.sleep(3000)\nprint(1 / 0)\n")
        self.assertEqual(ended["status"], "failed")
        error = self.only_error(report)
        self.assertEqual((error["kind"], error["line"], error["at_s"]), ("exception", 3, 3000))

    def test_stops_at_the_time_limit_of_a_real_run(self):
        script = "import time\nfor i in range(100000):\n    time.sleep(1)\n"
        ended, report = self.dry_run(script, time_limit="30m")
        self.assertEqual((ended["status"], ended["reason"]), ("timed_out", "time_limit"))
        self.assertEqual(self.only_error(report)["kind"], "time_limit")
        self.assertEqual(report["duration_s"], 1800)

    def test_looks_no_further_than_asked(self):
        script = "import signal, sys, time\nsignal.signal(signal.SIGTERM, lambda *_: sys.exit(0))\nwhile True:\n    time.sleep(1)\n"
        ended, report = self.dry_run(script, at_most="20m")
        self.assertEqual((ended["status"], ended["reason"]), ("completed", "at_most"))
        self.assertEqual((self.errors(report), report["duration_s"]), ([], 1200))

    def test_tells_of_alarms_that_would_have_been_raised_and_what_follows(self):
        script = "import labhub, time\nv = labhub.vessel()\nv.set(peltier=50)\ntime.sleep(3500)\n"
        alarm = {"metric": "vial_A_temp", "highhigh": 30, "reaction": "stop"}
        ended, report = self.dry_run(script, alarms=[alarm])
        self.assertEqual((ended["status"], ended["reason"]), ("stopped", "alarm"), ended)
        self.assertIn(("alarm", "vial_A_temp"), self.errors(report))
        self.assertEqual(self.lab.request("GET", "/api/alarms")["alarms"], [])

    def test_tells_what_was_left_on(self):
        _, report = self.dry_run("import labhub\nlabhub.vessel().set(stirrer=40)\n")
        self.assertEqual([(f["kind"], f["subject"], f["severity"]) for f in report["findings"]], [("left_on", "stirrer", "note")])

    def test_knows_the_script_s_own_alarm_names_telemetry_and_notes(self):
        """The API is the same: stored readings, alarms, notes, by the twin's time."""
        script = """
import labhub, time
v = labhub.vessel()
time.sleep(600)
table = labhub.query(metric="vial_A_temp", start="-5m")
print("rows", len(table), "alarms", labhub.alarms(), "node", v.name)
print("lease", v.lease["holder"].startswith("job:"), "dry", labhub.experiment.is_dry_run)
"""
        ended, _ = self.dry_run(script)
        printed = self.lab.logs(ended["experiment_id"])
        self.assertEqual(ended["status"], "completed", printed)
        self.assertIn("lease True dry True", printed)
        self.assertIn("alarms []", printed)
        self.assertGreater(int(printed.split("rows ")[1].split()[0]), 250)
        self.assertIn("node sim-1/vessel", printed)

    def test_keeps_what_the_script_notes(self):
        script = "import labhub, time\ntime.sleep(120)\nlabhub.note('feed doubled')\n"
        _, report = self.dry_run(script)
        self.assertEqual([(n["at_s"], n["text"]) for n in report["notes"]], [(120, "feed doubled")])

    # --- what it leaves ----------------------------------------------------------------------------------------------------

    def test_leaves_the_files_of_an_experiment_and_its_report(self):
        script = "import labhub, time\nv = labhub.vessel()\nv.set(stirrer=40, led=True)\ntime.sleep(60)\nv.hold()\nopen('mine.txt', 'w').write('x')\n"
        ended, report = self.dry_run(script)
        files = self.lab.results(ended["experiment_id"])
        readings = files["telemetry.csv"].decode().splitlines()
        self.assertGreaterEqual(len(readings), 60)
        self.assertIn("vial_A_temp", readings[0])
        commands = files["commands.csv"].decode()
        self.assertIn("led=true stirrer=40", commands)
        self.assertEqual(json.loads(files["dry-run.json"])["device"], "sim-1/vessel")
        self.assertTrue(json.loads(files["experiment.json"])["dry_run"])
        self.assertIn("output/mine.txt", files)
        self.assertEqual({a["metric"]: a["last"] for a in report["actuators"]}, {"stirrer": "40", "led": "true"})

    def test_writes_nothing_into_the_lab_s_own_history(self):
        before = self.lab.value("stirrer")
        ended, _ = self.dry_run("import labhub, time\nlabhub.vessel().set(stirrer=77)\ntime.sleep(3000)\n")
        self.assertEqual(self.lab.value("stirrer"), before)
        newest = max(metric["time"] for metric in self.lab.device()["metrics"])
        self.assertLess(newest, time.time() * 1000 + 5_000)  # the twin's were up to 3000 s ahead
        self.assertFalse((self.lab.folder / "data/run/dry-runs" / ended["experiment_id"]).exists())

    def test_runs_beside_the_device_s_real_experiment(self):
        real = self.lab.submit("import labhub, time\nlabhub.vessel().set(stirrer=33)\ntime.sleep(600)\n")
        self.lab.wait_status(real, "running")
        wait_for("the stirrer", lambda: self.lab.outputs().get("stirrer") == 33)
        ended, report = self.dry_run("import labhub, time\nlabhub.vessel().set(stirrer=55)\ntime.sleep(600)\n")
        self.assertEqual((ended["status"], self.errors(report)), ("completed", []))
        self.assertEqual(self.lab.outputs().get("stirrer"), 33)
        self.assertEqual(self.lab.experiment(real)["status"], "running")

    def test_the_terminal_shows_it_and_tells_by_its_exit_status(self):
        environment = {**os.environ, "LABHUB_URL": f"http://127.0.0.1:{self.lab.port}", "LABHUB_TOKEN": self.lab.token, "COLUMNS": "100"}
        for name, status, said in (("faults/overflow.py", 1, "vial A runs over"), ("chemostat_classic.py", 0, "nothing wrong was found")):
            with self.subTest(name):
                run = subprocess.run([BIN / "labhub", "run", "--dry-run", EXAMPLES / name, "--env", "RUN_SECONDS=1800", "--at-most", "1h",
                                      "--out", self.lab.folder / "out" / name], env=environment, capture_output=True, text=True, timeout=300)
                self.assertEqual(run.returncode, status, run.stdout + run.stderr)
                self.assertIn(said, run.stdout)
                self.assertIn("pump_A_in", run.stdout)
                self.assertTrue((self.lab.folder / "out" / name / "dry-run.json").exists())

    # --- refusals ----------------------------------------------------------------------------------------------------------

    def test_refuses_what_makes_no_sense(self):
        for config, code in (({"at_most": "1h"}, "malformed"), ({"dry_run": True, "at_most": "91d"}, "out_of_range"),
                             ({"dry_run": True, "at_most": "soon"}, "malformed"), ({"dry_run": True, "device": "sim-9/vessel"}, "not_found")):
            with self.subTest(config), self.assertRaises(Refused) as refused:
                self.lab.submit("print(1)", **config)
            self.assertEqual(refused.exception.code, code)

    def test_has_no_report_where_there_is_none(self):
        real = self.lab.submit("print(1)")
        self.lab.wait_end(real)
        with self.assertRaises(Refused) as refused:
            self.lab.request("GET", f"/api/experiments/{real}/dry-run")
        self.assertEqual(refused.exception.code, "not_found")

    def test_keeps_to_its_wall(self):
        """Its listener leads to the twin's hub, whose routes for people are closed to scripts as ever."""
        script = """
import json, urllib.request, urllib.error
base = "http://127.0.0.1:8000"
def ask(path, body=None, **headers):
    try:
        request = urllib.request.Request(base + path, None if body is None else json.dumps(body).encode(), {"Content-Type": "application/json", **headers})
        return urllib.request.urlopen(request, timeout=20).status
    except urllib.error.HTTPError as refused:
        return refused.code
print("start", ask("/api/experiments/start", {"script_content": "print(1)"}))
print("list", ask("/api/experiments"))
print("pause", ask("/api/queue/pause", {"reason": "x"}))
print("other", ask("/api/devices/sim-1/other"))
print("nonsense", ask("/dry-run", [1]), ask("/dry-run", {"time_ms": "x"}), ask("/dry-run", {"time_ms": -5}))
print("strange", ask("/health", None, **{"Labhub-Line": "-1"}))
"""
        ended, _ = self.dry_run(script)
        printed = self.lab.logs(ended["experiment_id"])
        self.assertIn("start 403", printed)
        self.assertIn("list 403", printed)
        self.assertIn("pause 403", printed)
        self.assertIn("other 404", printed)
        self.assertIn("nonsense 400 200 200", printed)

    def test_a_script_that_turns_its_clock_far_ahead_ends_at_the_limit(self):
        script = """
import http.client
c = http.client.HTTPConnection("127.0.0.1", 8000)
c.putrequest("GET", "/health")
c.putheader("Labhub-Time", "9223372036854775000")
http.client.HTTPConnection.endheaders.__closure__  # whatever it is, the server judges
c.endheaders()
print(c.getresponse().status)
"""
        ended, report = self.dry_run(script, time_limit="10m")
        self.assertLessEqual(report["duration_s"], 600)
        self.assertIn(ended["status"], FINAL)

    def test_survives_a_script_with_more_requests_at_once_than_can_wait(self):
        script = """
import http.client, threading, time
def ask():
    while True:
        try:
            http.client.HTTPConnection("127.0.0.1", 8000, timeout=20).request("GET", "/health")
        except OSError:
            pass
for _ in range(60):
    threading.Thread(target=ask, daemon=True).start()
for _ in range(200):
    connection = http.client.HTTPConnection("127.0.0.1", 8000)
    connection.request("GET", "/health")
print("done", flush=True)
"""
        ended, _ = self.dry_run(script)
        self.assertIn(ended["status"], FINAL)
        self.assertEqual(self.lab.request("GET", "/health")["status"], "healthy")

    def test_is_no_part_of_the_lab_s_telemetry_and_comparisons(self):
        ended, _ = self.dry_run("import time\ntime.sleep(60)\n")
        job = ended["experiment_id"]
        for path in (f"/api/experiments/compare?id={job}&id={job}", f"/api/telemetry/query?experiment={job}&metric=vial_A_temp"):
            with self.subTest(path), self.assertRaises(Refused) as refused:
                self.lab.request("GET", path)
            self.assertIn(refused.exception.code, ("conflict", "malformed"))

    def test_starts_again_as_a_real_experiment(self):
        ended, _ = self.dry_run("print('hello')\n", at_most="2h")
        again = self.lab.request("POST", f"/api/experiments/{ended['experiment_id']}/restart", {"config": {"dry_run": False}})
        now = self.lab.wait_end(again["experiment_id"])
        self.assertEqual((now["status"], now["dry_run"]), ("completed", False))

    def test_stops_when_asked(self):
        job = self.lab.submit("import time\nwhile True:\n    pass\n", dry_run=True)
        self.lab.wait_status(job, "running")
        self.lab.request("POST", f"/api/experiments/{job}/stop")
        self.assertEqual(self.lab.wait_end(job)["status"], "stopped")

    # --- what breaks -------------------------------------------------------------------------------------------------------

    def twin_of(self, job):
        """The process id of its labhub-twin."""
        folder = str(self.lab.folder / "data/run/dry-runs" / job)
        for entry in os.listdir("/proc"):
            try:
                words = pathlib.Path("/proc", entry, "cmdline").read_bytes().split(b"\0") if entry.isdigit() else []
            except OSError:
                continue
            if words and words[0].endswith(b"labhub-twin") and folder.encode() in b" ".join(words):
                return int(entry)
        return None

    #: Goes on for as long as it is let, in real time too.
    ENDLESS = "import labhub, time\nv = labhub.vessel()\nfor i in range(10**9):\n    v.read('vial_A_temp')\n    time.sleep(1)\n    if i == 100:\n        print('a hundred', flush=True)\n"

    def test_ends_with_its_twin(self):
        job = self.lab.submit(self.ENDLESS, dry_run=True, time_limit="90d")
        self.lab.wait_log(job, "a hundred")
        os.kill(wait_for("its twin", lambda: self.twin_of(job)), signal.SIGKILL)
        ended = self.lab.wait_end(job)
        self.assertEqual((ended["status"], ended["reason"]), ("failed", "twin_lost"), ended)
        report = self.lab.request("GET", f"/api/experiments/{job}/dry-run")["dry_run"]
        self.assertGreater(report["samples"], 50)

    def test_twenty_at_once_all_end_and_find_the_same(self):
        script = (EXAMPLES / "faults/overflow.py").read_text()
        jobs = [self.lab.submit(script, dry_run=True, environment={"RUN_SECONDS": "1800"}, memory="256m", cpus=0.5) for _ in range(20)]
        found = set()
        for job in jobs:
            self.assertEqual(self.lab.wait_end(job, 600)["status"], "completed")
            report = self.lab.request("GET", f"/api/experiments/{job}/dry-run")["dry_run"]
            found.add(tuple((f["kind"], f["subject"], f["line"], round(f["at_s"], -1)) for f in report["findings"]))
        self.assertEqual(len(found), 1, found)
        self.assert_untouched()

    def test_zz_ends_with_a_reason_when_the_coordinator_is_killed(self):
        job = self.lab.submit(self.ENDLESS, dry_run=True, time_limit="90d")
        waiting = [self.lab.submit("print(1)", dry_run=True) for _ in range(6)]
        self.lab.wait_log(job, "a hundred")
        twin = wait_for("its twin", lambda: self.twin_of(job))
        self.lab.kill("coordinator")
        wait_for("the end of its twin", lambda: not os.path.exists(f"/proc/{twin}"))
        self.lab.start_coordinator()
        ended = self.lab.wait_end(job)
        self.assertEqual((ended["status"], ended["reason"]), ("failed", "interrupted"), ended)
        for each in waiting:
            self.assertIn(self.lab.wait_end(each)["reason"], ("", "interrupted"))
        self.lab.wait_until_online()
        self.assert_untouched()


if __name__ == "__main__":
    unittest.main()
