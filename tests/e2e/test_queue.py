"""The queue as people see and change it: holds, priorities, times, pauses, and the record of what happened."""
import json
import subprocess
import time
import unittest

from lab import BIN, Lab, Refused, wait_for

SLEEPER = "import time\nprint('here', flush=True)\ntime.sleep(60)\n"
TRIVIAL = "print('done')\n"


class Queue(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.lab = Lab(nodes=2).__enter__()
        cls.addClassCleanup(cls.lab.__exit__)

    def submit(self, script, node="sim-1", **config):
        return self.lab.submit(script, device=f"{node}/vessel", **config)

    def occupy(self, **config):
        """An experiment that runs until it is stopped."""
        job = self.submit(SLEEPER, **config)
        self.lab.wait_log(job, "here")
        self.addCleanup(self.end, job)
        return job

    def end(self, job):
        try:
            self.lab.request("POST", f"/api/experiments/{job}/stop")
        except Refused as refused:
            self.assertEqual(refused.status, 409)
        self.lab.wait_end(job)

    def post(self, path, body=None):
        return self.lab.request("POST", path, body or {})

    def kinds(self, job):
        return [event["kind"] for event in self.events(job)]

    def events(self, job, after=0):
        return self.lab.request("GET", f"/api/experiments/{job}/events?after={after}")["events"]

    def labhub(self, *arguments):
        done = subprocess.run([BIN / "labhub", "--url", f"http://127.0.0.1:{self.lab.port}", *arguments], capture_output=True, text=True, timeout=30,
                              env={"LABHUB_TOKEN": self.lab.token, "PATH": "/usr/bin:/bin"})
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout + done.stderr

    def test_held_experiment_waits_until_it_is_released(self):
        job = self.submit(TRIVIAL, hold=True)
        self.assertEqual(self.lab.experiment(job)["waits_because"], "held until it is released")
        time.sleep(1.5)  # a look of the queue's reconciler
        self.assertEqual(self.lab.experiment(job)["status"], "queued")
        self.post(f"/api/experiments/{job}/release")
        self.assertEqual(self.lab.wait_end(job)["status"], "completed")
        self.assertEqual(self.kinds(job), ["queued", "released", "preparing", "running", "stopping", "completed"])
        with self.assertRaises(Refused) as late:
            self.post(f"/api/experiments/{job}/hold")
        self.assertEqual(late.exception.status, 409)

    def test_higher_priority_goes_first_and_the_list_says_so(self):
        first = self.occupy(time_limit="10m")
        usual, urgent = self.submit(TRIVIAL), self.submit(TRIVIAL, priority=5)
        waiting = self.lab.request("GET", "/api/queue")["waiting"]
        self.assertEqual([entry["experiment_id"] for entry in waiting], [urgent, usual])
        self.assertEqual(waiting[0]["waits_because"], "sim-1/vessel is held by another job")
        # At the latest when the one before it must have ended.
        begun = self.lab.experiment(first)["started_at"]
        self.assertEqual(waiting[0]["expected_start"], begun + 600_000)
        self.end(first)
        ends = {job: self.lab.wait_end(job) for job in (usual, urgent)}
        self.assertLess(ends[urgent]["started_at"], ends[usual]["started_at"])

    def test_runs_not_before_the_time_it_was_given(self):
        asked = time.time()
        job = self.submit(TRIVIAL, run_at="+3s")
        self.assertIn("is to run at", self.lab.experiment(job)["waits_because"])
        self.assertGreaterEqual(self.lab.wait_end(job)["started_at"], (asked + 2.9) * 1000)

    def test_times_and_priorities_that_cannot_be_are_refused(self):
        for config, word in ({"run_at": "tomorrow"}, "run_at"), ({"run_at": "+400d"}, "a year"), ({"priority": 101}, "-100 to 100"), \
                ({"hold": True, "queue": False}, "queue:false"):
            with self.subTest(config=config), self.assertRaises(Refused) as refused:
                self.submit(TRIVIAL, **config)
            self.assertIn(word, str(refused.exception.error))

    def test_paused_queue_starts_nothing_over_a_restart_and_says_why(self):
        running = self.occupy()
        self.post("/api/queue/pause", {"reason": "new tubing"})
        self.addCleanup(self.post, "/api/queue/resume")
        job = self.submit(TRIVIAL, node="sim-2")
        self.lab.kill("coordinator")
        self.lab.start_coordinator()
        wait_for("the hub", self.lab.answers)
        self.lab.wait_until_online()
        time.sleep(1.5)  # a look of the queue's reconciler
        self.assertEqual(self.lab.experiment(job)["status"], "queued")
        self.assertEqual(self.lab.experiment(job)["waits_because"], "nothing is started now: new tubing")
        self.assertEqual(self.lab.experiment(running)["status"], "running")
        queue = self.lab.request("GET", "/api/queue")
        self.assertEqual((queue["paused"]["reason"], queue["paused"]["who"]), ("new tubing", "user:admin"))
        self.assertIn("paused by user:admin: new tubing", self.labhub("queue"))
        self.labhub("queue", "resume")
        self.assertEqual(self.lab.wait_end(job)["status"], "completed")

    def test_notes_of_people_and_of_the_script_itself_are_in_the_record(self):
        script = ("import json, os, urllib.request, urllib.error\n"
                  "def note(job):\n"
                  "    url = f\"{os.environ['LABHUB_URL']}/api/experiments/{job}/notes\"\n"
                  "    ask = urllib.request.Request(url, json.dumps({'text': 'cells look fine'}).encode(), {'Content-Type': 'application/json'})\n"
                  "    try:\n"
                  "        return urllib.request.urlopen(ask).status\n"
                  "    except urllib.error.HTTPError as refused:\n"
                  "        return refused.code\n"
                  "print(note(os.environ['EXPERIMENT_ID']), note('another'), flush=True)\n")
        job = self.submit(script)
        self.lab.wait_end(job)
        self.labhub("note", job, "harvested by hand")
        self.assertEqual(self.lab.logs(job).strip(), "200 403")
        notes = [(event["who"], event["message"]) for event in self.events(job) if event["kind"] == "note"]
        self.assertEqual(notes, [(f"job:{job}", "cells look fine"), ("user:admin", "harvested by hand")])
        shown = self.labhub("events", job)
        self.assertIn("cells look fine", shown)
        numbers = [event["number"] for event in self.events(job)]
        self.assertEqual(numbers, sorted(numbers))
        self.assertEqual([event["number"] for event in self.events(job, after=numbers[1])], numbers[2:])

    def test_command_line_holds_and_shows(self):
        job = self.submit(TRIVIAL, hold=True, priority=-3)
        table = self.labhub("queue")
        self.assertIn(job, table)
        self.assertIn("held until it is released", table)
        self.assertEqual(json.loads(self.labhub("--json", "queue"))["waiting"][0]["priority"], -3)
        self.labhub("queue", "release", job)
        self.assertEqual(self.lab.wait_end(job)["status"], "completed")


if __name__ == "__main__":
    unittest.main()
