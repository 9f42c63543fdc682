"""Experiments that name no device but what it must have: it is chosen when they start."""
import json
import os
import signal
import subprocess
import time
import unittest

from lab import BIN, Lab, Refused, wait_for

SLEEPER = "import time\nprint('here', flush=True)\ntime.sleep(120)\n"
WHERE = "import labhub\nprint(labhub.vessel().name, flush=True)\n"


class Needs(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.lab = Lab(nodes=2).__enter__()
        cls.addClassCleanup(cls.lab.__exit__)

    def occupy(self, **config):
        job = self.lab.submit(SLEEPER, **config)
        self.lab.wait_log(job, "here")
        self.addCleanup(self.end, job)
        return job

    def end(self, job):
        try:
            self.lab.request("POST", f"/api/experiments/{job}/stop")
        except Refused as refused:
            self.assertEqual(refused.status, 409)
        self.lab.wait_end(job)

    def refused(self, status, says, **config):
        with self.assertRaises(Refused) as caught:
            self.lab.submit("1", **config)
        self.assertEqual(caught.exception.status, status, caught.exception.error)
        self.assertIn(says, caught.exception.message + " " + caught.exception.detail)

    def test_starts_on_whichever_device_is_free_and_its_script_knows_which(self):
        self.occupy(device="sim-1/vessel")
        job = self.lab.submit(WHERE, needs={"metrics": ["vial_A_temp"], "actuators": ["stirrer"]})
        ended = self.lab.wait_end(job)
        self.assertEqual((ended["status"], ended["device"]), ("completed", "sim-2/vessel"))
        self.assertEqual(self.lab.logs(job).strip(), "sim-2/vessel")
        self.assertEqual(ended["needs"], {"devices": [], "metrics": ["vial_A_temp"], "actuators": ["stirrer"]})
        described = json.loads(self.lab.results(job)["experiment.json"])
        self.assertEqual((described["device"], described["request"]["needs"]["actuators"]), ("sim-2/vessel", ["stirrer"]))

    def test_waits_without_a_device_until_it_starts(self):
        job = self.lab.submit(WHERE, needs={"metrics": ["stirrer"]}, hold=True)
        self.assertEqual(self.lab.experiment(job)["device"], "")
        waiting = next(e for e in self.lab.request("GET", "/api/queue")["waiting"] if e["experiment_id"] == job)
        self.assertEqual((waiting["device"], waiting["needs"]["metrics"]), ("", ["stirrer"]))
        self.lab.request("POST", f"/api/experiments/{job}/stop")
        ended = self.lab.wait_end(job)
        self.assertEqual((ended["status"], ended["device"]), ("stopped", ""))
        described = json.loads(self.lab.results(job)["experiment.json"])
        self.assertIsNone(described["device"])
        self.assertIn("ro-crate-metadata.json", self.lab.results(job))

    def test_what_no_device_has_is_waited_for_and_said(self):
        job = self.lab.submit(WHERE, needs={"metrics": ["ph"]})
        self.addCleanup(self.end, job)
        time.sleep(1.5)  # a look of the queue's reconciler and of the one that looks for lost nodes
        waits = self.lab.experiment(job)
        self.assertEqual(waits["status"], "queued")
        self.assertEqual(waits["waits_because"], "no device there is has what it needs: no device has metric 'ph'")
        self.refused(409, "no device has metric 'ph'", needs={"metrics": ["ph"]}, queue=False)

    def test_no_queue_takes_any_that_is_idle(self):
        self.occupy(device="sim-1/vessel")
        job = self.lab.submit(WHERE, needs={"metrics": ["stirrer"]}, queue=False)
        self.assertEqual(self.lab.wait_end(job)["device"], "sim-2/vessel")
        self.occupy(device="sim-2/vessel")
        self.refused(409, "is leased by job:", needs={"metrics": ["stirrer"]}, queue=False)

    def test_what_can_not_be_meant_or_met_is_refused(self):
        self.refused(404, "sim-9/vessel", needs={"device": "sim-9/vessel", "metrics": ["ph"]})
        self.refused(404, "sim-1/other", needs={"device": ["sim-1/vessel", "sim-1/other"]})
        self.refused(400, "asks for nothing", needs={})
        self.refused(400, "named twice", needs={"device": "sim-1/vessel"}, device="sim-1/vessel")
        self.refused(400, "config.needs.colour", needs={"colour": "red"})
        self.refused(400, "config.needs.device", needs={"device": 7})
        self.refused(400, "config.needs.metrics", needs={"metrics": "ph"})
        self.refused(400, "needs", needs={"metrics": [""]})
        self.refused(413, "at most 64", needs={"metrics": [f"m{i}" for i in range(65)]})
        self.refused(422, "this machine has", device="sim-1/vessel", cpus=255)
        self.refused(422, "this machine has", device="sim-1/vessel", memory="1023g")

    def test_device_and_needs_together_mean_that_one_if_it_has_them(self):
        self.occupy(device="sim-1/vessel")
        job = self.lab.submit(WHERE, device="sim-1/vessel", needs={"metrics": ["stirrer"]}, hold=True)
        self.addCleanup(self.end, job)
        self.assertEqual(self.lab.experiment(job)["needs"]["devices"], ["sim-1/vessel"])

    def test_start_that_is_interrupted_leaves_the_choice_open(self):
        """The first device's agent hangs: it takes no lease, and the other one gets the job."""
        agent = self.lab.processes["agent sim-1"]
        os.kill(agent.pid, signal.SIGSTOP)
        try:
            job = self.lab.submit(WHERE, needs={"metrics": ["stirrer"]})
            ended = self.lab.wait_end(job, limit=120)
        finally:
            os.kill(agent.pid, signal.SIGCONT)
        self.assertEqual((ended["status"], ended["device"]), ("completed", "sim-2/vessel"), ended)
        wait_for("sim-1 again", lambda: self.lab.request("GET", "/health")["status"] == "healthy", 60)

    def test_choice_survives_a_kill_at_any_moment(self):
        for turn in range(6):
            job = self.lab.submit(WHERE, needs={"metrics": ["stirrer"]})
            time.sleep(0.05 * turn)
            self.lab.kill("coordinator")
            self.lab.start_coordinator()
            self.lab.wait_until_online()
            ended = self.lab.wait_end(job, limit=120)
            self.assertEqual((ended["status"], self.lab.logs(job).strip()), ("completed", ended["device"]), (turn, ended))
            kinds = [event["kind"] for event in self.lab.request("GET", f"/api/experiments/{job}/events")["events"]]
            self.assertEqual(kinds.count("running"), 1, kinds)

    def test_named_node_that_is_heard_of_later_gets_its_job(self):
        self.lab.kill("coordinator")
        self.lab.end("agent sim-2")
        self.lab.start_coordinator()
        job = self.lab.submit(WHERE, needs={"device": ["sim-2/vessel"], "metrics": ["stirrer"]})
        self.assertIn("none of those it names has metric 'stirrer'", self.lab.experiment(job)["waits_because"])
        self.lab.start_agent("sim-2")
        self.assertEqual(self.lab.wait_end(job, limit=120)["device"], "sim-2/vessel")
        self.lab.wait_until_online()

    def test_command_line_asks_for_metrics(self):
        script = self.lab.folder / "where.py"
        script.write_text(WHERE)
        done = subprocess.run([BIN / "labhub", "--url", f"http://127.0.0.1:{self.lab.port}", "run", script, "--needs", "stirrer,vial_A_temp",
                               "--out", self.lab.folder / "out"], capture_output=True, text=True, timeout=120,
                              env={"LABHUB_TOKEN": self.lab.token, "PATH": "/usr/bin:/bin"})
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertRegex(done.stdout, "sim-[12]/vessel")


if __name__ == "__main__":
    unittest.main()
