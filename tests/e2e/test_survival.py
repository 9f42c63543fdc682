"""What is killed, and what must be true after it: the vessel safe within the dead-man time, nothing lost, the reason named."""
import csv
import io
import json
import os
import pathlib
import signal
import time
import unittest

from lab import Lab, wait_for

HOLD_ON = """
import labhub, time
vessel = labhub.vessel()
vessel.set(stirrer=50, peltier=30, led=True)
print('driving', flush=True)
open('early.txt', 'w').write('kept')
time.sleep(600)
"""
PATIENT = """
import labhub
vessel = labhub.vessel()
n = 0
for sample in vessel.stream(duration=14):
    vessel.set(stirrer=40 + n % 5)
    n += 1
    print('reading', n, flush=True)
print('finished', n, flush=True)
"""
DEAD_MAN_S = 2.0
HEARTBEAT_S = 1.0


class Survival(unittest.TestCase):
    def setUp(self):
        self.lab = Lab().__enter__()
        self.addCleanup(self.lab.__exit__)

    def start_driving(self):
        job = self.lab.submit(HOLD_ON)
        self.lab.wait_log(job, "driving")
        self.assertFalse(self.lab.is_safe())
        return job

    def script_process(self, job):
        """The script's process id as the host sees it."""
        for entry in pathlib.Path("/proc").iterdir():
            if not entry.name.isdigit():
                continue
            try:
                environment = (entry / "environ").read_bytes().split(b"\0")
                command = (entry / "cmdline").read_bytes()
            except OSError:
                continue
            if f"EXPERIMENT_ID={job}".encode() in environment and b"user_script.py" in command and b"python" in command.split(b"\0")[0]:
                return int(entry.name)
        return None

    def assert_safe_within(self, seconds, since):
        wait_for("the vessel safe", self.lab.is_safe, max(0.1, since + seconds - time.monotonic()))

    def test_kill_the_coordinator_and_the_experiment_goes_on(self):
        lab = self.lab
        job = lab.submit(PATIENT)
        lab.wait_log(job, "reading 5")
        lab.kill("coordinator")
        time.sleep(1.5)
        lab.start_coordinator()
        ended = lab.wait_end(job, 60)
        self.assertEqual((ended["status"], ended["exit_code"]), ("completed", 0), lab.logs(job))
        self.assertIn("finished", lab.logs(job))
        files = lab.results(job)
        rows = list(csv.DictReader(io.StringIO(files["telemetry.csv"].decode())))
        times = [float(row["elapsed_s"]) for row in rows if row["vial_A_180_degree"]]
        gaps = [b - a for a, b in zip(times, times[1:])]
        self.assertLess(max(gaps), 0.45, f"readings are missing around {times[gaps.index(max(gaps))]:.1f} s")
        self.assertLess(times[0], 0.5)
        self.assertTrue(lab.is_safe(), lab.outputs())

    def test_kill_the_script(self):
        lab = self.lab
        job = self.start_driving()
        os.kill(self.script_process(job), signal.SIGKILL)
        since = time.monotonic()
        self.assert_safe_within(DEAD_MAN_S, since)
        ended = lab.wait_end(job)
        self.assertEqual((ended["status"], ended["reason"], ended["signal"]), ("failed", "signal", 9), ended)
        self.assertEqual(lab.results(job)["output/early.txt"], b"kept")

    def test_kill_the_runner(self):
        lab = self.lab
        job = self.start_driving()
        script = self.script_process(job)
        runner = json.loads((lab.job_folder(job) / "runner.json").read_text())["pid"]
        os.kill(runner, signal.SIGKILL)
        since = time.monotonic()
        self.assert_safe_within(DEAD_MAN_S, since)
        wait_for("the sandbox dead", lambda: self.script_process(job) is None, 5)
        ended = lab.wait_end(job)
        self.assertEqual((ended["status"], ended["reason"]), ("failed", "runner_lost"), ended)
        self.assertEqual(lab.results(job)["output/early.txt"], b"kept")
        self.assertIsNotNone(script)

    def test_kill_the_agent(self):
        lab = self.lab
        job = self.start_driving()
        lab.kill("agent sim-1")
        since = time.monotonic()
        self.assert_safe_within(DEAD_MAN_S + HEARTBEAT_S, since)
        self.assertTrue(any(e["event"] == "dead_man" for e in lab.events()))
        ended = lab.wait_end(job)
        self.assertEqual((ended["status"], ended["reason"]), ("failed", "node_lost"), ended)
        self.assertEqual(lab.results(job)["output/early.txt"], b"kept")

    def test_an_agent_that_comes_back_does_not_go_on_as_if_nothing_was(self):
        lab = self.lab
        job = self.start_driving()
        lab.kill("agent sim-1")
        lab.start_agent("sim-1")
        ended = lab.wait_end(job)
        self.assertEqual((ended["status"], ended["reason"]), ("failed", "node_lost"), ended)
        self.assertTrue(lab.is_safe(), lab.outputs())

    def test_kill_the_coordinator_for_good_and_the_node_makes_the_vessel_safe(self):
        lab = self.lab
        self.start_driving()
        lab.kill("coordinator")
        self.assert_safe_within(3.0 + HEARTBEAT_S, time.monotonic())  # the lease's time to live

    def test_the_broker_vanishes_and_nothing_is_lost(self):
        lab = self.lab
        job = lab.submit(PATIENT)
        lab.wait_log(job, "reading 5")
        lab.kill("broker")
        time.sleep(1.5)
        lab.start("broker", "mosquitto", "-c", lab.folder / "mosquitto.conf")
        ended = lab.wait_end(job, 90)
        self.assertEqual(ended["status"], "completed", lab.logs(job))
        rows = list(csv.DictReader(io.StringIO(lab.results(job)["telemetry.csv"].decode())))
        times = [float(row["elapsed_s"]) for row in rows if row["vial_A_180_degree"]]
        self.assertLess(max(b - a for a, b in zip(times, times[1:])), 0.45, times)
        wait_for("the hub healthy again", lambda: lab.request("GET", "/health")["status"] == "healthy", 40)
        self.assertTrue(lab.is_safe(), lab.outputs())

    def test_the_board_vanishes_and_comes_back(self):
        lab = self.lab
        lab.kill("simulator sim-1")
        wait_for("the hub says so", lambda: lab.request("GET", "/health")["status"] == "degraded" or not lab.request("GET", "/api/nodes")["nodes"][0]["devices"][0]["connected"], 20)
        lab.start_simulator("sim-1")
        wait_for("the device back", lambda: lab.request("GET", "/api/nodes")["nodes"][0]["devices"][0]["connected"], 20)
        applied = lab.request("POST", "/api/devices/sim-1/vessel/set", {"values": {"stirrer": 12}})["applied"]
        self.assertEqual(applied[0]["value"], 12)

    def test_a_noisy_serial_line_ends_no_experiment(self):
        lab = self.lab
        connected = lambda: lab.request("GET", "/api/nodes")["nodes"][0]["devices"][0]["connected"]
        lab.kill("simulator sim-1")
        wait_for("the hub says so", lambda: not connected(), 20)
        lab.start_simulator("sim-1", "--garbage", "0.005", "--flips", "0.005")
        wait_for("the device back", connected, 40)
        job = lab.submit(PATIENT)
        ended = lab.wait_end(job, 90)
        self.assertEqual((ended["status"], ended["exit_code"]), ("completed", 0), lab.logs(job))
        rows = list(csv.DictReader(io.StringIO(lab.results(job)["telemetry.csv"].decode())))
        read = [row for row in rows if row["vial_A_180_degree"]]
        self.assertGreater(len(read), 20)
        self.assertFalse(any(e["event"] == "dead_man" for e in lab.events()), "heartbeats came through")
        self.assertTrue(lab.is_safe(), lab.outputs())


if __name__ == "__main__":
    unittest.main()
