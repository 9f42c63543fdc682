"""How long results are kept, on a whole lab: by age, for room, pinned, until they were fetched; and removals that are cut off."""
import contextlib
import http.client
import json
import os
import random
import socket
import subprocess
import threading
import time
import unittest

from lab import BIN, FINAL, Lab, Refused, wait_for
from test_pause import PauseLab

TRIVIAL = "print('done')\nopen('out.txt', 'w').write('x' * 1000)\n"


class RetentionLab(PauseLab):
    """`rules`: lines of [results]."""

    def __init__(self, rules="", **how):
        super().__init__("ready_sandboxes = 1", **how)
        self.rules = rules

    def _configure(self):
        super()._configure()
        with open(self.folder / "coordinator.toml", "a") as settings:
            settings.write(f"[results]\n{self.rules}\n")

    def set_rules(self, rules):
        """From the next start on."""
        path = self.folder / "coordinator.toml"
        path.write_text(path.read_text().split("[results]")[0] + f"[results]\n{rules}\n")

    def restart(self):
        self.kill("coordinator")
        self.start_coordinator()
        wait_for("the device", self.has_device, 30)

    def has_device(self):
        with contextlib.suppress(Refused):
            return self.device()["metrics"]
        return None

    def finish(self, script=TRIVIAL, **config):
        job = self.submit(script, **config)
        self.wait_end(job)
        return job

    def stored(self, job):
        return next(row for row in self.request("GET", "/api/results")["results"] if row["experiment_id"] == job)

    def is_gone(self, job):
        return self.stored(job)["removed_at"] is not None and not self.job_folder(job).exists()

    def keep(self, job, how):
        return self.request("POST", f"/api/experiments/{job}/keep", {"keep": how})

    def labhub(self, *words):
        environment = dict(os.environ, LABHUB_URL=f"http://127.0.0.1:{self.port}", LABHUB_TOKEN=self.token)
        return subprocess.run([BIN / "labhub", *map(str, words)], env=environment, capture_output=True, text=True, timeout=60)


class Retention(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.lab = RetentionLab().__enter__()
        cls.addClassCleanup(cls.lab.__exit__)

    def tearDown(self):
        self.lab.set_rules("")
        self.lab.restart()

    def refusal(self, verb, path, body=None):
        with self.assertRaises(Refused) as refused:
            self.lab.request(verb, path, body)
        return refused.exception

    def test_ages_differ_by_end_and_the_record_stays(self):
        lab = self.lab
        completed, pinned, failed = lab.finish(), lab.finish(), lab.finish("raise SystemExit(3)\n")
        lab.keep(pinned, "pinned")
        self.assertEqual(lab.stored(completed)["why"], "is kept for ever")
        lab.set_rules('keep_completed = "1s"')
        lab.restart()
        wait_for("the removal", lambda: lab.is_gone(completed))
        self.assertFalse(lab.is_gone(failed))
        self.assertFalse(lab.is_gone(pinned))
        self.assertIn("results.keep_completed is 1s", lab.stored(completed)["why"])
        shown = lab.experiment(completed)
        self.assertEqual((shown["status"], shown["exit_code"]), ("completed", 0))
        self.assertIsNotNone(shown["results_removed_at"])
        events = lab.request("GET", f"/api/experiments/{completed}/events")["events"]
        self.assertEqual(events[-1]["kind"], "results_removed")
        for path in ("download", "results", "logs"):
            refused = self.refusal("GET", f"/api/experiments/{completed}/{path}")
            self.assertEqual((refused.status, refused.code), (404, "not_found"))
            self.assertIn("were removed on", refused.message)
        self.assertIn("completed", lab.labhub("experiments").stdout)
        self.assertIn("went", lab.labhub("results", "list").stdout)
        retention = lab.request("GET", "/api/results")["retention"]
        self.assertGreaterEqual(retention["removed_since_start"], 1)
        self.assertIn("labhub_results_removed_total", lab.request("GET", "/metrics").decode())
        lab.keep(pinned, "usual")
        lab.restart()
        wait_for("the unpinned one's removal", lambda: lab.is_gone(pinned))

    def test_one_that_is_to_be_fetched_goes_after_it_was_and_a_part_of_it_is_not_all(self):
        lab = self.lab
        wanted = lab.finish("import os\nopen('big', 'wb').write(os.urandom(30 << 20))\n")
        self.assertEqual(lab.labhub("results", "keep", wanted).returncode, 0)
        lab.set_rules('keep_completed = "1s"')
        lab.restart()
        other = lab.finish()
        wait_for("the other's removal", lambda: lab.is_gone(other), 60)
        self.assertFalse(lab.is_gone(wanted))
        self.assertIn("until it is downloaded", lab.stored(wanted)["why"])
        connection = http.client.HTTPConnection("127.0.0.1", lab.port, timeout=30)
        connection.request("GET", f"/api/experiments/{wanted}/download", headers={"Authorization": f"Bearer {lab.token}"})
        self.assertEqual(len(connection.getresponse().read(1000)), 1000)
        connection.close()
        time.sleep(0.5)
        self.assertIsNone(lab.stored(wanted)["downloaded_at"])
        lab.results(wanted)
        wait_for("the download noted", lambda: lab.stored(wanted)["downloaded_at"])
        self.assertGreater(lab.stored(wanted)["goes_at"], time.time() * 1000 + 3000_000, "an hour after the download")
        lab.restart()
        self.assertIsNotNone(lab.stored(wanted)["downloaded_at"])

    def test_clean_up_leaves_what_is_pinned_or_to_be_fetched(self):
        lab = self.lab
        pinned, wanted, plain = lab.finish(), lab.finish(), lab.finish()
        lab.keep(pinned, "pinned")
        lab.keep(wanted, "until_downloaded")
        lab.request("POST", "/api/maintenance/cleanup?max_age_hours=0")
        there = {entry["experiment_id"] for entry in lab.request("GET", "/api/experiments")["experiments"]}
        self.assertIn(pinned, there)
        self.assertIn(wanted, there)
        self.assertNotIn(plain, there)
        lab.results(pinned), lab.results(wanted)
        wait_for("the download noted", lambda: lab.stored(wanted)["downloaded_at"])
        lab.request("POST", "/api/maintenance/cleanup?max_age_hours=0")
        there = {entry["experiment_id"] for entry in lab.request("GET", "/api/experiments")["experiments"]}
        self.assertEqual((pinned in there, wanted in there), (True, False))

    def test_removed_by_hand_and_what_may_not_be(self):
        lab = self.lab
        job = lab.finish()
        self.assertEqual(lab.labhub("results", "pin", job).returncode, 0)
        self.assertEqual(self.refusal("DELETE", f"/api/experiments/{job}/results").status, 409)
        self.assertEqual(lab.labhub("results", "rm", job).returncode, 1)
        self.assertEqual(lab.labhub("results", "unpin", job).returncode, 0)
        self.assertEqual(lab.labhub("results", "rm", job).returncode, 0)
        self.assertTrue(lab.is_gone(job))
        self.assertEqual(self.refusal("DELETE", f"/api/experiments/{job}/results").status, 404)
        self.assertEqual(self.refusal("POST", f"/api/experiments/{job}/keep", {"keep": "pinned"}).status, 404)
        self.assertEqual(self.refusal("DELETE", "/api/experiments/nobody/results").status, 404)
        self.assertEqual(self.refusal("POST", f"/api/experiments/{job}/keep", {"keep": "maybe"}).code, "malformed")
        running = lab.submit("import time\nprint('up', flush=True)\ntime.sleep(600)\n")
        lab.wait_log(running, "up")
        lab.keep(running, "pinned")
        self.assertEqual(self.refusal("DELETE", f"/api/experiments/{running}/results").status, 409)
        lab.request("POST", f"/api/experiments/{running}/stop")
        lab.wait_end(running)
        self.assertEqual(lab.stored(running)["keep"], "pinned")
        lab.keep(running, "usual")
        # The id was used, and stays so: what is recorded of it is not to be mistaken for another's.
        self.assertEqual(self.refusal("POST", "/api/experiments/start", {"script_content": TRIVIAL, "experiment_id": job}).status, 409)

    def test_one_experiment_is_deleted_with_its_record(self):
        lab = self.lab
        first, second = lab.finish(), lab.finish()
        lab.keep(first, "pinned")
        self.assertEqual(self.refusal("DELETE", f"/api/experiments/{first}/results?record=true").status, 409)
        lab.keep(first, "usual")
        self.assertEqual(lab.labhub("results", "rm", "--record", first).returncode, 0)
        self.assertEqual(self.refusal("GET", f"/api/experiments/{first}/status").status, 404)
        self.assertFalse(lab.job_folder(first).exists())
        lab.request("DELETE", f"/api/experiments/{second}/results")
        lab.request("DELETE", f"/api/experiments/{second}/results?record=true")
        self.assertEqual(self.refusal("GET", f"/api/experiments/{second}/status").status, 404)
        lab.restart()
        self.assertEqual(self.refusal("GET", f"/api/experiments/{first}/status").status, 404)
        third = lab.finish()
        self.assertEqual(self.refusal("DELETE", f"/api/experiments/{third}/results?record=maybe").status, 400)
        self.assertIn("experiment.json", lab.results(third))

    def test_results_are_listed_page_by_page(self):
        lab = self.lab
        jobs = {lab.finish() for _ in range(3)}
        pages, offset = [], 0
        while offset is not None:
            page = lab.request("GET", f"/api/results?limit=2&offset={offset}")
            self.assertLessEqual(len(page["results"]), 2)
            pages += [row["experiment_id"] for row in page["results"]]
            offset = page["next"]
        self.assertEqual(len(pages), len(set(pages)))
        self.assertEqual(len(pages), page["total"])
        self.assertLessEqual(jobs, set(pages))
        self.assertEqual(self.refusal("GET", "/api/results?limit=0").status, 422)

    def test_room_is_made_of_what_was_fetched_first_and_never_of_what_is_pinned(self):
        lab = self.lab
        lab.request("POST", "/api/maintenance/cleanup?max_age_hours=0")
        big = "import os\nopen('big', 'wb').write(os.urandom(8 << 20))\n"
        pinned, first, fetched = lab.finish(big), lab.finish(big), lab.finish(big)
        lab.keep(pinned, "pinned")
        lab.results(fetched)
        wait_for("the download noted", lambda: lab.stored(fetched)["downloaded_at"])
        wait_for("all measured", lambda: all(lab.stored(job)["bytes"] for job in (pinned, first, fetched)), 90)
        lab.set_rules("max_bytes = 40_000_000")
        lab.restart()
        wait_for("room", lambda: lab.is_gone(fetched))
        self.assertFalse(lab.is_gone(first))
        lab.set_rules("max_bytes = 1_000_000")
        lab.restart()
        wait_for("more room", lambda: lab.is_gone(first))
        wait_for("that it is not enough", lambda: any(part["part"] == "results" for part in lab.request("GET", "/health")["degraded"]))
        self.assertFalse(lab.is_gone(pinned))
        lab.keep(pinned, "usual")

    def test_a_download_under_way_is_finished_though_its_result_is_removed(self):
        lab = self.lab
        job = lab.finish("import os\nopen('big', 'wb').write(os.urandom(40 << 20))\n")
        connection = http.client.HTTPConnection("127.0.0.1", lab.port, timeout=60)
        connection.request("GET", f"/api/experiments/{job}/download", headers={"Authorization": f"Bearer {lab.token}"})
        reply = connection.getresponse()
        got = reply.read(100_000)
        lab.request("DELETE", f"/api/experiments/{job}/results")
        self.assertTrue(lab.is_gone(job))
        got += reply.read()
        connection.close()
        self.assertEqual(len(got), int(reply.getheader("Content-Length")))

    def test_cut_off_at_any_moment_a_removal_leaves_nothing_half_listed(self):
        lab = self.lab
        script = "import os\nfor n in range(3000): open(f'{n}.txt', 'w').write('x')\n"
        chance = random.Random(7)
        outcomes = set()
        for turn in range(6):
            job = lab.finish(script)
            names = len(lab.request("GET", f"/api/experiments/{job}/results")["results"]["files"])
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", lab.port), timeout=5) as line:
                line.sendall(f"DELETE /api/experiments/{job}/results HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {lab.token}\r\nContent-Length: 0\r\n\r\n".encode())
                time.sleep([0.0, 0.002, 0.005, 0.01, 0.03, chance.uniform(0, 0.1)][turn])
            lab.restart()
            if lab.stored(job)["removed_at"] is None:
                outcomes.add("there")
                self.assertEqual(len(lab.request("GET", f"/api/experiments/{job}/results")["results"]["files"]), names)
                self.assertGreater(len(lab.results(job)), 3000)
            else:
                outcomes.add("gone")
                wait_for("the rest removed too", lambda: lab.is_gone(job))
                wait_for("nothing left over", lambda: not list((lab.folder / "data/experiments/.removed").glob("*")))
        print(f"removals that were cut off: {sorted(outcomes)}")

    def test_retention_runs_beside_those_who_pin_and_remove(self):
        lab = self.lab
        jobs = [lab.finish() for _ in range(4)]
        failures = []
        def worry(job):
            for turn in range(20):
                for verb, path, body in (("POST", "keep", {"keep": ["pinned", "usual"][turn % 2]}), ("DELETE", "results", None)):
                    try:
                        lab.request(verb, f"/api/experiments/{job}/{path}", body)
                    except Refused as refused:
                        if refused.status not in (404, 409):
                            failures.append(refused)
        threads = [threading.Thread(target=worry, args=(job,)) for job in jobs for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(failures, [])
        for job in jobs:
            self.assertEqual(lab.stored(job)["removed_at"] is not None, not lab.job_folder(job).exists())


if __name__ == "__main__":
    unittest.main()
