"""The short form of model.py: the same rules, a minute of it; and that the rules find what is planted for them."""
import json
import pathlib
import tempfile
import time
import types
import unittest

from model import FREE, Walk
from model_rules import Known, Rules, without


class RandomWalk(unittest.TestCase):
    def test_whatever_is_asked_and_killed_every_job_ends_once_and_no_device_is_left_unsafe(self):
        with Walk(seed=11) as walk:
            steps = walk.go(300, 60)
            walk.drain()
        self.assertEqual(walk.rules.breaches, [], walk.summary())
        self.assertGreater(steps, 50, walk.summary())
        self.assertGreater(sum(walk.rules.endings.values()), 10, walk.summary())


class PlantedBreaches(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        (self.folder / "sim-1").mkdir()
        lab = types.SimpleNamespace(folder=self.folder, names=["sim-1"], job_folder=lambda job: self.folder / job)
        self.rules = Rules(lab, "planted-", 1, lease_ttl=3, dead_man=2, manual_hold=2)
        self.job = self.rules.known["planted-1"] = Known("planted-1", "trivial", FREE, "sim-1/vessel", True)
        self.numbers = iter(range(1, 1000))

    def happens(self, *kinds, at=1000):
        for kind in kinds:
            self.rules.check_event({"number": next(self.numbers), "job_id": "planted-1", "time_ms": at, "kind": kind, "message": ""})

    def assert_breached(self, *words):
        self.assertEqual(len(self.rules.breaches), len(words), self.rules.breaches)
        for word, breach in zip(words, self.rules.breaches):
            self.assertIn(word, breach)
            self.assertIn("seed 1 step", breach)

    def test_the_documented_way_breaches_nothing(self):
        self.happens("queued", "held", "released", "preparing", "queued", "preparing", "running", "stopping", "note", "completed")
        self.assert_breached()

    def test_pauses_of_what_does_not_run_and_resumes_of_what_was_not_paused(self):
        self.happens("queued", "preparing", "running", "paused", "paused", "resumed", "paused", "stopping")
        self.assert_breached()
        self.happens("paused", "stopped")
        self.assert_breached("was paused while stopping")
        self.rules.known["planted-1"] = Known("planted-1", "trivial", FREE, "sim-1/vessel", True)
        self.happens("queued", "preparing", "running", "resumed")
        self.assert_breached("was paused while stopping", "was resumed while running")

    def test_second_end(self):
        self.happens("queued", "preparing", "running", "stopping", "completed", "failed")
        self.assert_breached("went from completed to failed", "ended 2 times")

    def test_start_while_held_paused_or_too_early(self):
        self.job.held, self.job.run_at_ms, self.rules.paused = True, 1500, (500, None)
        self.happens("queued", "preparing")
        self.assert_breached("while it was held", "500 ms before its time", "while the queue was paused")

    def test_leases_without_a_job_and_two_of_a_device(self):
        jobs = {"planted-1": {"lease_id": "a", "status": "completed", "device": "sim-1/vessel"}}
        lease = {"id": "a", "device": "sim-1/vessel", "holder": "job:planted-1", "granted_ms": 0, "ended_ms": None}
        self.rules.check_leases(jobs, [lease, {**lease, "id": "b"}])
        self.assert_breached("2 open leases", "has no active job", "has no active job")

    def test_jobs_that_vanish_and_jobs_nobody_asked_for(self):
        self.rules.check_jobs({"other": {"status": "queued"}})
        self.assert_breached("nobody asked for", "is not there")

    def test_ends_that_cannot_be(self):
        row = {"id": "planted-1", "status": "stopped", "reason": "user", "message": "", "exit_code": None, "started_ms": None, "ended_ms": 1}
        self.happens("queued", "stopping", "stopped")
        self.rules.check_end(self.job, row)
        self.assert_breached("ended so", "without a reason", "result of planted-1 is not whole")

    def drive(self, *changes):
        with open(self.folder / "sim-1/events.jsonl", "a") as log:
            for at, value in changes:
                log.write(json.dumps({"event": "output", "metric": "stirrer", "value": value, "utc_ms": at * 1000}) + "\n")

    def test_vessel_that_is_driven_after_its_lease(self):
        now = time.time()
        lease = {"device": "sim-1/vessel", "granted_ms": (now - 100) * 1000, "ended_ms": (now - 60) * 1000}
        self.drive((now - 90, 50), (now - 59, 0))
        self.rules.check_vessels([lease])
        self.assert_breached()
        self.drive((now - 40, 50), (now - 39, 0))
        self.rules.check_vessels([lease])
        self.assert_breached("not safe without a lease")

    def test_vessel_that_is_driven_while_its_agent_is_away(self):
        now = time.time()
        lease = {"device": "sim-1/vessel", "granted_ms": (now - 100) * 1000, "ended_ms": None}
        self.rules.down["agent sim-1"] = [[now - 50, now - 20]]
        self.drive((now - 60, 50), (now - 30, 0))
        self.rules.check_vessels([lease])
        self.assert_breached("while its agent was away")

    def test_vessel_that_is_driven_while_it_is_promised_to_be_safe(self):
        now = time.time()
        lease = {"device": "sim-1/vessel", "holder": "job:planted-1", "granted_ms": (now - 100) * 1000, "ended_ms": None}
        self.rules.safe_pauses = [[self.job, now - 50, now - 20]]
        self.drive((now - 60, 50), (now - 51, 0), (now - 19, 50), (now - 18, 0))
        self.rules.check_vessels([lease])
        self.assert_breached()
        self.drive((now - 10, 50), (now - 9, 0))
        self.rules.safe_pauses = [[self.job, now - 15, None]]
        self.rules.check_vessels([lease])
        self.assert_breached("while its experiment was paused")

    def test_intervals(self):
        self.assertEqual(list(without(0, 10, [(2, 3), (1, 2.5), (8, 20)])), [(0, 1), (3, 8)])
        self.assertEqual(list(without(0, 10, [(-5, 4), (4, 10)])), [])
        self.assertEqual(list(without(0, 10, [(20, 30)])), [(0, 10)])


if __name__ == "__main__":
    unittest.main()
