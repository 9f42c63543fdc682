"""Experiments that are paused, on a whole lab: what stays, what becomes safe, and who may be killed meanwhile."""
import contextlib
import json
import os
import pathlib
import signal
import socket
import subprocess
import threading
import time
import unittest

from lab import BIN, Lab, Refused, wait_for

HOLD_ON = """
import labhub, time
vessel = labhub.vessel()
vessel.set(stirrer=50, peltier=30, led=True)
print('driving', flush=True)
n = 0
while True:
    n += 1
    print('turn', n, flush=True)
    time.sleep(0.05)
"""
RESTORES = """
import labhub, signal, time
signal.signal(signal.SIGCONT, lambda *_: print('continued', flush=True))
vessel = labhub.vessel()
vessel.set(stirrer=50, led=True)
print('driving', flush=True)
paused = labhub.paused_for()
while labhub.paused_for() == paused:
    time.sleep(0.05)
pause = labhub.pauses()[-1]
print('was paused', pause.actuators, round(pause.until - pause.since, 3) == round(labhub.paused_for(), 3), pause.who, pause.reason, flush=True)
print('stirrer', vessel.read('stirrer'), flush=True)
vessel.set(stirrer=33)
print('restored', flush=True)
time.sleep(600)
"""
HURRIES = """
import labhub, time
vessel = labhub.vessel()
print('driving', flush=True)
n = 0
while True:
    n += 1
    vessel.set(stirrer=20 + n % 50)
    if n % 10 == 0: print('set', n, flush=True)
"""


class PauseLab(Lab):
    def __init__(self, settings="", **how):
        super().__init__(**how)
        self.settings = settings

    def _configure(self):
        super()._configure()
        path = self.folder / "coordinator.toml"
        path.write_text(path.read_text().replace("[jobs]\n", f"[jobs]\n{self.settings}\n"))


class Pausing(unittest.TestCase):
    def setUp(self):
        self.lab = PauseLab().__enter__()
        self.addCleanup(self.lab.__exit__)

    def pause(self, job, actuators="hold", **more):
        return self.lab.request("POST", f"/api/experiments/{job}/pause", {"actuators": actuators, **more})

    def resume(self, job):
        return self.lab.request("POST", f"/api/experiments/{job}/resume")

    def start_driving(self, script=HOLD_ON, **config):
        job = self.lab.submit(script, **config)
        self.lab.wait_log(job, "driving")
        return job

    def events(self, job):
        return [event["kind"] for event in self.lab.request("GET", f"/api/experiments/{job}/events")["events"]]

    def labhub(self, *words):
        environment = dict(os.environ, LABHUB_URL=f"http://127.0.0.1:{self.lab.port}", LABHUB_TOKEN=self.lab.token)
        return subprocess.run([BIN / "labhub", *map(str, words)], env=environment, capture_output=True, text=True, timeout=60)

    def turns(self, job):
        return (self.lab.job_folder(job) / "stdout.txt").stat().st_size

    def stands_still(self, job):
        time.sleep(0.3)
        before = self.turns(job)
        time.sleep(0.5)
        return self.turns(job) == before

    def assert_goes_on(self, job):
        before = self.turns(job)
        wait_for("the script goes on", lambda: self.turns(job) > before)

    def frozen_groups(self, job):
        """The sandbox's cgroups that are frozen now, of either version."""
        name = json.loads((self.lab.job_folder(job) / "runner.json").read_text())["cgroup"]
        root = pathlib.Path("/sys/fs/cgroup")
        groups = [root / name[1:], *(path / name[1:] for path in root.iterdir() if path.is_dir())]
        states = {"freezer.state": "FROZEN", "cgroup.freeze": "1"}
        return [group for group in groups for file, word in states.items() if (group / file).exists() and (group / file).read_text().strip() == word]

    # --- what a pause is ---------------------------------------------------------------------------------------------

    def test_held_setpoints_stay_for_longer_than_a_lease_lives_without_renewal(self):
        lab = self.lab
        job = self.start_driving()
        self.pause(job, reason="coffee")
        shown = lab.experiment(job)
        self.assertTrue(shown["is_paused"])
        self.assertEqual((shown["status"], shown["pause"]["actuators"], shown["pause"]["who"], shown["pause"]["reason"]), ("running", "hold", "user:admin", "coffee"))
        self.assertTrue(self.stands_still(job))
        time.sleep(5)  # lease_ttl 3 s, dead_man 2 s
        self.assertEqual(lab.value("stirrer"), 50)
        self.assertFalse(lab.is_safe())
        self.assertFalse(any(e["event"] == "dead_man" for e in lab.events()))
        self.resume(job)
        self.assert_goes_on(job)
        shown = lab.experiment(job)
        self.assertEqual((shown["is_paused"], shown["pause"]), (False, None))
        self.assertGreater(shown["paused_ms"], 5000)
        self.assertEqual(self.events(job), ["queued", "preparing", "running", "paused", "resumed"])
        lab.request("POST", f"/api/experiments/{job}/stop")
        lab.wait_end(job)
        told = json.loads(lab.results(job)["experiment.json"])
        self.assertEqual([pause["actuators"] for pause in told["pauses"]], ["hold"])
        self.assertIsNotNone(told["pauses"][0]["until"])

    def test_made_safe_it_stays_safe_until_the_script_itself_restores_it(self):
        lab = self.lab
        job = self.start_driving(RESTORES)
        self.pause(job, "safe", reason="foam")
        self.assertTrue(lab.is_safe(), lab.outputs())
        self.resume(job)
        lab.wait_log(job, "restored")
        log = lab.logs(job)
        self.assertIn("was paused safe True user:admin foam", log)
        self.assertIn("continued", log)
        self.assertIn("stirrer 0", log)
        wait_for("what the script wants", lambda: lab.value("stirrer") == 33)
        self.assertIn(lab.value("led"), (False, 0))

    def test_no_command_of_a_hurrying_script_slips_through_after_the_vessel_was_made_safe(self):
        lab = self.lab
        job = self.start_driving(HURRIES)
        for _ in range(6):
            self.pause(job, "safe")
            held = time.time() * 1000
            self.assertTrue(lab.is_safe(), lab.outputs())
            time.sleep(0.7)
            late = [event for event in lab.events() if event["event"] == "output" and event["utc_ms"] > held and event["value"] not in (0, False, None)]
            self.assertEqual(late, [])
            self.resume(job)
            self.assert_goes_on(job)
        self.assertEqual(lab.experiment(job)["status"], "running")
        self.assertNotIn("Traceback", lab.logs(job))

    def test_paused_anew_while_the_pause_before_is_still_being_made_safe_it_is_made_safe_for_certain(self):
        lab = self.lab
        job = self.start_driving(HURRIES)
        for turn in range(8):
            def ask(verb, body, delay):
                time.sleep(delay)
                with contextlib.suppress(Refused):
                    lab.request("POST", f"/api/experiments/{job}/{verb}", body)
            asked = [threading.Thread(target=ask, args=what) for what in
                     (("pause", {"actuators": "safe"}, 0), ("resume", None, turn * 0.01), ("pause", {"actuators": "safe"}, turn * 0.01 + 0.02))]
            for thread in asked:
                thread.start()
            for thread in asked:
                thread.join()
            self.pause(job, "safe")
            held = time.time() * 1000
            self.assertTrue(lab.is_safe(), lab.outputs())
            time.sleep(0.4)
            late = [event for event in lab.events() if event["event"] == "output" and event["utc_ms"] > held and event["value"] not in (0, False, None)]
            self.assertEqual(late, [])
            self.resume(job)

    def test_a_held_pause_can_be_made_safe_and_asking_again_is_fine(self):
        lab = self.lab
        job = self.start_driving()
        self.pause(job)
        self.pause(job)
        self.assertFalse(lab.is_safe())
        self.pause(job, "safe")
        self.assertTrue(lab.is_safe())
        self.pause(job, "hold")
        self.assertEqual(lab.experiment(job)["pause"]["actuators"], "safe")
        self.resume(job)
        self.resume(job)
        self.assertEqual(self.events(job).count("resumed"), 1)

    def test_the_time_limit_stands_still_and_the_queue_reckons_with_it(self):
        lab = self.lab
        job = self.start_driving(time_limit="4s")
        behind = lab.submit("print('next')", time_limit="4s")
        self.pause(job)
        expected = wait_for("the forecast", lambda: lab.experiment(behind)["expected_start"])
        self.assertGreater(expected - time.time() * 1000, 20 * 3600 * 1000, "a pause may last a day")
        time.sleep(5)
        self.assertEqual(lab.experiment(job)["status"], "running")
        self.resume(job)
        wait_for("a new forecast", lambda: lab.experiment(behind)["status"] != "queued" or (lab.experiment(behind)["expected_start"] or 1e15) - time.time() * 1000 < 60_000)
        ended = lab.wait_end(job)
        self.assertEqual((ended["status"], ended["reason"]), ("timed_out", "time_limit"))
        self.assertEqual(lab.wait_end(behind)["status"], "completed")

    def test_from_the_command_line(self):
        lab = self.lab
        job = self.start_driving()
        paused = self.labhub("pause", job, "--safe", "--reason", "lunch")
        self.assertEqual(paused.returncode, 0, paused.stderr)
        self.assertIn("running (paused, vessel safe)", self.labhub("experiments").stdout)
        self.assertIn("lunch", self.labhub("events", job).stdout)
        self.assertEqual(self.labhub("resume", job).returncode, 0)
        self.assertEqual(self.labhub("pause", "nobody").returncode, 1)

    def test_what_is_not_running_is_not_paused(self):
        lab = self.lab
        running = self.start_driving()
        waiting = lab.submit("print(1)")
        for job, body, status, code in ((waiting, {"actuators": "hold"}, 409, "conflict"), ("nobody", {"actuators": "hold"}, 404, "not_found"),
                                        (running, {}, 400, "malformed"), (running, {"actuators": "off"}, 400, "malformed"),
                                        (running, {"actuators": "hold", "reason": "x" * 500}, 400, "malformed"), (running, {"actuators": 3}, 400, "malformed")):
            with self.assertRaises(Refused) as refused:
                lab.request("POST", f"/api/experiments/{job}/pause", body)
            self.assertEqual((refused.exception.status, refused.exception.code), (status, code), body)
        self.assertFalse(lab.experiment(running)["is_paused"])
        lab.request("POST", f"/api/experiments/{running}/stop")
        lab.wait_end(running)
        for verb in ("pause", "resume"):
            with self.assertRaises(Refused) as refused:
                lab.request("POST", f"/api/experiments/{running}/{verb}", {"actuators": "hold"} if verb == "pause" else None)
            self.assertEqual(refused.exception.status, 409)

    # --- ends --------------------------------------------------------------------------------------------------------

    def test_stop_of_a_paused_one_works_at_once_and_a_safe_vessel_stays_safe(self):
        lab = self.lab
        job = self.start_driving(HURRIES)
        self.pause(job, "safe")
        held = time.time() * 1000
        lab.request("POST", f"/api/experiments/{job}/stop")
        ended = lab.wait_end(job, 20)
        self.assertEqual((ended["status"], ended["reason"]), ("stopped", "user"))
        late = [event for event in lab.events() if event["event"] == "output" and event["utc_ms"] > held and event["value"] not in (0, False, None)]
        self.assertEqual(late, [], "it was driven while it was stopped")

    def test_the_runner_dies_while_frozen_and_nothing_stays_frozen(self):
        lab = self.lab
        job = self.start_driving()
        self.pause(job)
        self.assertTrue(self.frozen_groups(job))
        os.kill(json.loads((lab.job_folder(job) / "runner.json").read_text())["pid"], signal.SIGKILL)
        ended = lab.wait_end(job, 30)
        self.assertEqual((ended["status"], ended["reason"]), ("failed", "runner_lost"))
        self.assertEqual(self.frozen_groups(job), [])
        wait_for("the vessel safe", lab.is_safe, 5)

    def test_an_alarm_of_the_experiment_still_stops_it(self):
        lab = self.lab
        job = self.start_driving(alarms=[{"metric": "stirrer", "high": 40.5, "delay": "6s", "reaction": "stop"}])
        self.pause(job)
        self.assertEqual(lab.experiment(job)["status"], "running")
        ended = lab.wait_end(job, 40)
        self.assertEqual((ended["status"], ended["reason"]), ("stopped", "alarm"), ended)

    def test_a_flood_when_it_is_thawed_delays_nobody(self):
        lab = self.lab
        job = self.start_driving("import labhub, threading, urllib.request, os\nprint('driving', flush=True)\nurl = os.environ['LABHUB_URL'] + '/api/devices'\n"
                                 "def flood():\n    while True:\n        try: urllib.request.urlopen(url, timeout=30).read()\n        except Exception: pass\n"
                                 "for _ in range(60): threading.Thread(target=flood, daemon=True).start()\nthreading.Event().wait()\n")
        self.pause(job)
        time.sleep(1)
        self.resume(job)
        slowest, until = 0, time.monotonic() + 3
        while time.monotonic() < until:
            asked = time.monotonic()
            lab.request("GET", "/health")
            slowest = max(slowest, time.monotonic() - asked)
        print(f"while 60 threads of a thawed script asked without end, the slowest of others' answers took {slowest * 1000:.0f} ms")
        self.pause(job)
        self.assertTrue(lab.experiment(job)["is_paused"])
        self.resume(job)

    # --- kill -9 of the coordinator ----------------------------------------------------------------------------------

    def restart_amid(self, path, body, delay):
        """The coordinator is killed right after it was asked; it may have done it, or not, or half."""
        lab, data = self.lab, json.dumps(body).encode()
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", lab.port), timeout=5) as line:
            line.sendall(f"POST {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {lab.token}\r\nContent-Length: {len(data)}\r\n\r\n".encode() + data)
            time.sleep(delay)
        lab.kill("coordinator")
        lab.start_coordinator()

    def assert_settled(self, job):
        """What is shown is what is: frozen when and only when it is shown as paused, and safe when that was asked for."""
        lab = self.lab
        def agrees():
            shown = lab.experiment(job)
            self.assertEqual(shown["status"], "running", shown)
            is_frozen = bool(self.frozen_groups(job))
            wants_safe = shown["is_paused"] and shown["pause"]["actuators"] == "safe"
            return is_frozen == shown["is_paused"] and (not wants_safe or lab.is_safe())
        wait_for("hub and sandbox agree", agrees, 20)
        return lab.experiment(job)["is_paused"]

    def test_killed_in_every_state_the_coordinator_comes_back_to_what_it_had_stored(self):
        # A busy machine may take seconds to start the next coordinator.
        self.lab = lab = PauseLab(lease_ttl="15s").__enter__()
        self.addCleanup(lab.__exit__)
        job = self.start_driving()
        base = f"/api/experiments/{job}"
        seen = set()
        for turn, delay in enumerate([0, 0.002, 0.005, 0.01, 0.02, 0.05, 0.2]):
            self.restart_amid(f"{base}/pause", {"actuators": "hold"}, delay)
            seen.add(("pause", self.assert_settled(job)))
            self.pause(job)
            self.restart_amid(f"{base}/resume", {}, delay)
            seen.add(("resume", self.assert_settled(job)))
            self.resume(job)
            self.assert_goes_on(job)
        self.assertIn(("pause", True), seen)
        self.assertIn(("resume", False), seen)
        self.pause(job)
        lab.kill("coordinator")
        lab.start_coordinator()
        self.assertTrue(self.assert_settled(job))
        self.resume(job)
        self.assert_goes_on(job)

    def test_killed_between_freezing_and_making_safe_it_is_made_safe_after_the_restart(self):
        lab = self.lab
        job = self.start_driving()
        for delay in (0.003, 0.01, 0.03, 0.06):
            self.restart_amid(f"/api/experiments/{job}/pause", {"actuators": "safe"}, delay)
            if self.assert_settled(job):
                break
        self.pause(job, "safe")
        self.assertTrue(lab.is_safe())

    def test_the_coordinator_away_for_longer_than_the_lease_makes_a_held_vessel_safe(self):
        lab = self.lab
        job = self.start_driving()
        self.pause(job)
        lab.kill("coordinator")
        wait_for("the vessel safe", lab.is_safe, 10)
        lab.start_coordinator()
        ended = lab.wait_end(job, 30)
        self.assertEqual((ended["status"], ended["reason"]), ("failed", "node_lost"), ended)
        self.assertEqual(self.frozen_groups(job), [])


class LongestPause(unittest.TestCase):
    def test_a_pause_that_lasts_too_long_ends_the_experiment(self):
        with PauseLab('max_pause = "2s"') as lab:
            job = lab.submit(HOLD_ON)
            lab.wait_log(job, "driving")
            lab.request("POST", f"/api/experiments/{job}/pause", {"actuators": "hold"})
            ended = lab.wait_end(job, 30)
            self.assertEqual((ended["status"], ended["reason"]), ("stopped", "pause_limit"), ended)
            wait_for("the vessel safe", lab.is_safe, 5)


if __name__ == "__main__":
    unittest.main()
