"""An experiment's life on a whole lab: a script in its sandbox drives the vessel through serial line, MQTT, SSH and REST."""
import csv
import io
import json
import subprocess
import unittest

from lab import ROOT, Lab, Refused, wait_for

DRIVE = """
import labhub
vessel = labhub.vessel()
applied = vessel.set(stirrer=40, led=True)
print("applied", applied["stirrer"], flush=True)
for n, sample in enumerate(vessel.stream()):
    print("reading", sample["vial_A_180_degree"], flush=True)
    if n == 4:
        break
with open("mine.txt", "w") as f:
    f.write("output")
"""


class Experiment(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.lab = Lab(nodes=2).__enter__()
        cls.addClassCleanup(cls.lab.__exit__)

    def test_leaves_everything_a_result_holds_and_a_safe_vessel(self):
        lab = self.lab
        job = lab.submit(DRIVE, device="sim-1/vessel")
        ended = lab.wait_end(job)
        self.assertEqual((ended["status"], ended["exit_code"]), ("completed", 0), lab.logs(job))
        self.assertTrue(lab.is_safe(), lab.outputs())
        files = lab.results(job)
        self.assertEqual(set(files), {"experiment.json", "script.py", "stdout.txt", "stderr.txt", "exitcode.txt", "telemetry.csv",
                                      "commands.csv", "events.csv", "ro-crate-metadata.json", "output/mine.txt"})
        self.assertEqual(files["script.py"].decode(), DRIVE)
        self.assertIn(b"applied 40.0", files["stdout.txt"])
        self.assertEqual(files["exitcode.txt"].strip(), b"0")
        described = json.loads(files["experiment.json"])
        self.assertEqual(described["status"], "completed")
        self.assertTrue(any(m["name"] == "vial_A_temp" and m["unit"] == "Cel" for m in described["metrics"]))
        rows = list(csv.DictReader(io.StringIO(files["telemetry.csv"].decode())))
        times = [float(row["elapsed_s"]) for row in rows if row["vial_A_180_degree"]]
        self.assertGreaterEqual(len(times), 5)
        self.assertLess(max(b - a for a, b in zip(times, times[1:])), 0.45, times)
        commands = list(csv.DictReader(io.StringIO(files["commands.csv"].decode())))
        self.assertEqual((commands[0]["who"], commands[0]["applied"], commands[0]["outcome"]), (f"job:{job}", "led=true stirrer=40", "applied"))

    def test_a_failing_script_keeps_its_outputs_and_says_why(self):
        lab = self.lab
        job = lab.submit("open('before.txt','w').write('x')\nimport labhub\nlabhub.vessel().set(stirrer=33)\nraise SystemExit(7)\n", device="sim-1/vessel")
        ended = lab.wait_end(job)
        self.assertEqual((ended["status"], ended["reason"], ended["exit_code"]), ("failed", "exit_status", 7))
        self.assertIn("output/before.txt", lab.results(job))
        self.assertTrue(lab.is_safe(), lab.outputs())

    def test_the_time_limit_ends_a_script_that_will_not(self):
        lab = self.lab
        job = lab.submit("import labhub, time\nlabhub.vessel().set(pump_A_in=1)\nwhile True: time.sleep(1)\n", device="sim-1/vessel", time_limit="1s")
        ended = lab.wait_end(job)
        self.assertEqual((ended["status"], ended["reason"]), ("timed_out", "time_limit"))
        self.assertTrue(lab.is_safe(), lab.outputs())

    def test_too_much_memory_is_named(self):
        lab = self.lab
        job = lab.submit("x = []\nwhile True: x.append(bytearray(8 << 20))\n", device="sim-1/vessel", memory="64m")
        ended = lab.wait_end(job)
        self.assertEqual((ended["status"], ended["reason"]), ("failed", "out_of_memory"), ended)

    def test_a_stopped_experiment_leaves_the_vessel_safe(self):
        lab = self.lab
        job = lab.submit("import labhub, time\nlabhub.vessel().set(stirrer=60, peltier=50)\nprint('on', flush=True)\ntime.sleep(600)\n", device="sim-1/vessel")
        lab.wait_log(job, "on")
        self.assertFalse(lab.is_safe())
        lab.request("POST", f"/api/experiments/{job}/stop")
        ended = lab.wait_end(job)
        self.assertEqual((ended["status"], ended["reason"]), ("stopped", "user"))
        self.assertTrue(lab.is_safe(), lab.outputs())
        with self.assertRaises(Refused) as again:
            lab.request("DELETE", f"/api/experiments/{job}")
        self.assertEqual(again.exception.status, 409)

    def test_the_second_on_a_device_waits_and_one_that_will_not_wait_is_told_who_holds_it(self):
        lab = self.lab
        first = lab.submit("print('first', flush=True)\nimport time\ntime.sleep(600)\n", device="sim-2/vessel")
        lab.wait_log(first, "first")
        second = lab.submit("print('second')\n", device="sim-2/vessel")
        self.assertEqual(lab.experiment(second)["status"], "queued")
        self.assertEqual(lab.experiment(second)["queue_position"], 1)
        with self.assertRaises(Refused) as refused:
            lab.submit("print('third')\n", device="sim-2/vessel", queue=False)
        self.assertEqual(refused.exception.status, 409)
        self.assertIn(first, refused.exception.message)
        self.assertIn("until", refused.exception.detail)
        with self.assertRaises(Refused) as person:
            lab.request("POST", "/api/devices/sim-2/vessel/set", {"values": {"stirrer": 5}})
        self.assertEqual((person.exception.status, first in person.exception.message), (409, True))
        lab.request("POST", f"/api/experiments/{first}/stop")
        self.assertEqual(lab.wait_end(second)["status"], "completed")

    def test_a_script_can_not_drive_a_device_that_is_not_its_own(self):
        lab = self.lab
        script = """
import labhub
other = labhub.vessel("sim-1/vessel")
print("reads", other.read("vial_A_temp") > 0)
for attempt in (lambda: other.set(stirrer=99), other.hold, lambda: labhub.connect().experiments()):
    try:
        attempt()
        print("ALLOWED")
    except labhub.Error as e:
        print("refused", e.code)
"""
        job = lab.submit(script, device="sim-2/vessel")
        ended = lab.wait_end(job)
        self.assertEqual(ended["status"], "completed", lab.logs(job))
        self.assertIn("reads True", lab.logs(job))
        self.assertNotIn("ALLOWED", lab.logs(job))
        self.assertEqual(lab.logs(job).count("refused"), 3, lab.logs(job))
        self.assertNotEqual(lab.outputs("sim-1").get("stirrer"), 99)

    def test_a_command_id_executes_once(self):
        lab = self.lab
        set_ = lambda value: lab.request("POST", "/api/devices/sim-1/vessel/set", {"values": {"stirrer": value}, "command_id": "same"})
        self.assertEqual(set_(21)["applied"][0]["value"], 21)
        lab.request("POST", "/api/devices/sim-1/vessel/set", {"values": {"stirrer": 22}})
        self.assertEqual(set_(21)["applied"][0]["value"], 21)
        wait_for("the last value", lambda: lab.outputs()["stirrer"] == 22)
        lab.request("POST", "/api/devices/sim-1/vessel/hold", {})
        self.assertTrue(lab.is_safe())

    def test_the_classic_surface_runs_unchanged(self):
        lab = self.lab
        script = """
from src.bioreactor import Bioreactor
from src.utils import measure_and_write_sensor_data
import time
with Bioreactor() as bio:
    bio.change_led(True)
    bio.change_pump("A_in", 0.01)
    bio.run([(measure_and_write_sensor_data, 0.3, 1.5)])
    time.sleep(2)
print("temps", len(bio.get_vial_temp()))
"""
        job = lab.submit(script, device="sim-1/vessel")
        ended = lab.wait_end(job)
        self.assertEqual(ended["status"], "completed", lab.logs(job))
        data = lab.results(job)["output/bioreactor_data.csv"].decode().splitlines()
        self.assertTrue(data[0].startswith("time,vial_A_180_degree"), data[0])
        self.assertGreaterEqual(len(data), 4)
        self.assertTrue(lab.is_safe(), lab.outputs())

    def test_the_openssh_client_is_useful_by_itself(self):
        lab = self.lab
        ssh = ["ssh", "-F", "/dev/null", "-i", str(lab.folder / "operator"), "-o", "IdentitiesOnly=yes", "-o", "StrictHostKeyChecking=no",
               "-o", "UserKnownHostsFile=/dev/null", "-o", "LogLevel=ERROR", "-p", str(lab.ssh_ports["sim-1"]), "operator@127.0.0.1"]
        status = subprocess.run([*ssh, "status"], capture_output=True, text=True, timeout=20)
        self.assertEqual(status.returncode, 0, status.stderr)
        self.assertIn("sim-1", status.stdout)
        done = subprocess.run([*ssh, "set", "stirrer=40"], capture_output=True, text=True, timeout=20)
        self.assertEqual(done.returncode, 0, done.stderr)
        wait_for("the stirrer at 40", lambda: lab.outputs().get("stirrer") == 40)
        refused = subprocess.run([*ssh, "set", "stirrer=400"], capture_output=True, text=True, timeout=20)
        self.assertNotEqual(refused.returncode, 0)
        self.assertIn("0 to 100", refused.stderr)
        subprocess.run([*ssh, "hold"], check=True, capture_output=True, timeout=20)
        self.assertTrue(lab.is_safe())

    def test_births_can_be_read_with_mosquitto_sub_and_protoc(self):
        lab = self.lab
        listener = subprocess.Popen(["mosquitto_sub", "-h", "127.0.0.1", "-p", str(lab.broker_port), "-t", "spBv1.0/labhub/DBIRTH/sim-1/vessel", "-C", "1", "-N", "-W", "20"],
                                    stdout=subprocess.PIPE)
        wait_for("the subscriber", lambda: len(self._clients()) > 0)
        request = subprocess.run(["protoc", "--encode=labhub.sparkplug_b.Payload", "-I", str(ROOT), str(ROOT / "shared/proto/sparkplug_b.proto")],
                                 input=b'metrics { name: "Node Control/Rebirth" datatype: 11 boolean_value: true }', capture_output=True, check=True).stdout
        for _ in range(20):
            subprocess.run(["mosquitto_pub", "-h", "127.0.0.1", "-p", str(lab.broker_port), "-t", "spBv1.0/labhub/NCMD/sim-1", "-s"], input=request, check=True)
            try:
                birth, _ = listener.communicate(timeout=1)
                break
            except subprocess.TimeoutExpired:
                continue
        text = subprocess.run(["protoc", "--decode=labhub.sparkplug_b.Payload", "-I", str(ROOT), str(ROOT / "shared/proto/sparkplug_b.proto")],
                              input=birth, capture_output=True, check=True).stdout.decode()
        for wanted in ('name: "vial_A_temp"', 'name: "pump_D_out"', "engUnit", '"Cel"', "engHigh"):
            self.assertIn(wanted, text)

    def _clients(self):
        return [line for line in (self.lab.folder / "broker.log").read_text(errors="replace").splitlines() if "New client connected" in line]


if __name__ == "__main__":
    unittest.main()
