"""What users may have of a hub: places, waiting, processor hours, stored bytes, priorities, and their fair share of the rest."""
import concurrent.futures
import json
import sqlite3
import unittest

from lab import wait_for
from people import SLEEPER, QuotaCase, status_of

TRIVIAL = "print('done')\n"
BURNER = "import time\nuntil = time.process_time() + 1.2\nwhile time.process_time() < until:\n    pass\n"
KEEPER = "open('/app/output/big', 'wb').write(b'x' * 3_000_000)\n"


class Share(QuotaCase):
    def test_one_who_floods_the_queue_does_not_keep_another_from_his_turn(self):
        first = self.occupy(self.ada)
        flood = [self.ada.submit(TRIVIAL) for _ in range(12)]
        one = self.bob.submit(TRIVIAL)
        waiting = [entry["experiment_id"] for entry in self.bob.request("GET", "/api/queue")["waiting"]]
        self.assertEqual(waiting[0], one)
        self.end(first)
        bobs = self.lab.wait_end(one)["started_at"]
        adas = [self.lab.wait_end(job)["started_at"] for job in flood]
        self.assertLess(bobs, min(adas), "ada has used the hub of late, bob has not")

    def test_what_was_used_counts_over_a_restart_and_for_deleted_experiments(self):
        burned = self.ada.submit(BURNER)
        self.lab.wait_end(burned)
        self.admin.request("POST", "/api/maintenance/cleanup?max_age_hours=0")
        self.refusal(404, self.ada.request, "GET", f"/api/experiments/{burned}/status")
        self.restart()
        used = self.ada.quota()["has"]
        self.assertGreater(used["cpu_hours"] * 3600, 1.0)
        self.assertGreater(used["recent_cpu_hours"] * 3600, 1.0)
        self.assertEqual(self.bob.quota()["has"]["recent_cpu_hours"], 0)
        blocker = self.occupy(self.admin)
        adas, bobs = self.ada.submit(TRIVIAL), self.bob.submit(TRIVIAL)
        self.end(blocker)
        self.assertLess(self.lab.wait_end(bobs)["started_at"], self.lab.wait_end(adas)["started_at"])


class Bounds(QuotaCase):
    nodes = 2

    def test_running_beyond_the_bound_waits_and_says_so_until_it_is_raised(self):
        self.allow("ada", max_running=1)
        self.occupy(self.ada, node="sim-1")
        second = self.ada.submit(SLEEPER, node="sim-2")
        self.assertEqual(self.why(second), "user:ada has 1 of 1 jobs running (the quota of ada)")
        self.assertIn("user:ada has 1 of 1 jobs running", self.bob.labhub("queue"))
        self.lab.wait_end(self.bob.submit(TRIVIAL, node="sim-2"))
        self.assertIn("1 experiments running", self.refusal(429, self.ada.submit, TRIVIAL, node="sim-2", queue=False))
        self.allow("ada", max_running="default")
        self.lab.wait_log(second, "here")

    def test_waiting_beyond_the_bound_is_refused_with_the_role_that_says_so(self):
        self.admin.request("PATCH", "/api/roles/student", {"quota": {"max_queued": 3}})
        self.admin.request("PATCH", "/api/users/ada", {"role": "student"})
        with concurrent.futures.ThreadPoolExecutor(8) as many:
            got = list(many.map(lambda _: status_of(self.ada.submit, TRIVIAL, hold=True), range(24)))
        self.assertEqual(sorted(set(got)), [200, 429])
        self.assertEqual(got.count(200), 3, "however many come at once")
        self.assertEqual(self.refusal(429, self.ada.submit, TRIVIAL), "user:ada has 3 experiments waiting | 3 may, by role 'student'")
        self.restart()
        self.assertIn("3 experiments waiting", self.refusal(429, self.ada.submit, TRIVIAL))
        self.bob.submit(TRIVIAL, hold=True)
        waiting = [e for e in self.lab.request("GET", "/api/queue")["waiting"] if e["requested_by"] == "user:ada"]
        self.ada.request("POST", f"/api/experiments/{waiting[0]['experiment_id']}/stop")
        self.lab.wait_end(waiting[0]["experiment_id"])
        self.ada.submit(TRIVIAL, hold=True)

    def test_processor_hours_are_used_up_by_what_ran_and_come_back_with_the_bound(self):
        self.admin.request("PATCH", "/api/roles/student", {"quota": {"cpu_hours": 0.0001, "cpu_window": "2d"}})
        self.admin.request("PATCH", "/api/users/ada", {"role": "student"})
        burned = self.ada.submit(BURNER)
        self.lab.wait_end(burned)
        waits = self.ada.submit(TRIVIAL)
        wait_for("the reason", lambda: "the processor hours of user:ada are used up" in (self.why(waits) or ""))
        self.assertIn("in 2d, by role 'student'", self.why(waits))
        self.assertIsNone(self.lab.experiment(waits)["expected_start"])
        self.assertIn("are used up", self.refusal(429, self.ada.submit, TRIVIAL, node="sim-2", queue=False))
        self.admin.request("POST", "/api/maintenance/cleanup?max_age_hours=0")
        self.restart()
        wait_for("the reason again", lambda: "are used up" in (self.why(waits) or ""))
        self.lab.wait_end(self.bob.submit(TRIVIAL))
        self.assertEqual(self.lab.experiment(waits)["status"], "queued")
        self.allow("ada", cpu_hours="none")
        self.assertEqual(self.lab.wait_end(waits)["status"], "completed")

    def test_stored_results_beyond_the_bound_are_refused_until_some_are_deleted(self):
        self.allow("ada", stored_bytes="2m")
        kept = self.ada.submit(KEEPER)
        self.lab.wait_end(kept)
        stored = self.ada.quota()["has"]["stored_bytes"]
        self.assertGreater(stored, 3_000_000)
        said = self.refusal(429, self.ada.submit, TRIVIAL)
        self.assertIn("2 MiB may be kept, by the quota of ada", said)
        self.forget_sizes()
        self.assertEqual(wait_for("the size, counted again", lambda: self.ada.quota()["has"]["stored_bytes"]), stored)
        self.refusal(403, self.bob.request, "DELETE", f"/api/experiments/{kept}/results")
        self.ada.labhub("results", "rm", kept)
        self.assertEqual(self.ada.quota()["has"]["stored_bytes"], 0)
        self.lab.wait_end(self.ada.submit(TRIVIAL))

    def forget_sizes(self):
        """As in a database from before sizes were kept."""
        self.lab.kill("coordinator")
        with sqlite3.connect(self.lab.folder / "data/labhub.db") as database:
            database.execute("UPDATE jobs SET result_bytes = NULL")
        database.close()
        self.lab.start_coordinator()

    def test_results_of_what_has_not_ended_are_not_deleted(self):
        job = self.ada.submit(TRIVIAL, hold=True)
        self.assertIn("has not ended", self.refusal(409, self.ada.request, "DELETE", f"/api/experiments/{job}/results"))
        self.refusal(404, self.ada.request, "DELETE", "/api/experiments/nothing/results")

    def test_priority_beyond_the_bound_is_refused(self):
        self.assertIn("at most 0, by role 'user'", self.refusal(403, self.ada.submit, TRIVIAL, priority=1))
        self.ada.submit(TRIVIAL, priority=-5, hold=True)
        self.allow("ada", max_priority=7)
        self.ada.submit(TRIVIAL, priority=7, hold=True)
        self.refusal(403, self.ada.submit, TRIVIAL, priority=8)
        self.admin.submit(TRIVIAL, priority=100, hold=True)

    def test_what_a_disabled_user_has_waits_and_what_runs_goes_on(self):
        running, waits = self.occupy(self.ada, node="sim-1"), self.ada.submit(TRIVIAL, node="sim-1")
        self.admin.request("PATCH", "/api/users/ada", {"is_disabled": True})
        self.assertEqual(self.end(running)["status"], "stopped")
        self.lab.wait_end(self.bob.submit(TRIVIAL, node="sim-1"))
        self.assertEqual((self.lab.experiment(waits)["status"], self.why(waits)), ("queued", "user:ada is disabled"))
        self.restart()
        self.assertEqual(self.why(waits), "user:ada is disabled")
        self.admin.request("PATCH", "/api/users/ada", {"is_disabled": False})
        self.assertEqual(self.lab.wait_end(waits)["status"], "completed")

    def test_command_line_shows_what_one_has_and_may(self):
        self.allow("ada", max_running=2, stored_bytes="5g")
        self.occupy(self.ada)
        shown = self.ada.labhub("quota")
        self.assertRegex(shown, r"running +1 +2 +the quota of ada")
        self.assertRegex(shown, r"stored results +0 MiB +5 GiB +the quota of ada")
        self.assertRegex(shown, r"waiting +0 +none +role 'user'")
        self.assertIn("processor hours in 30d", shown)
        self.assertEqual(json.loads(self.admin.labhub("--json", "quota", "ada"))["may"]["max_running"], 2)
        self.assertIn("is for the user 'ada'", self.bob.labhub("quota", "ada", status=1))


if __name__ == "__main__":
    unittest.main()
