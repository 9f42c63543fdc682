"""Looking on while an experiment runs: live events and logs, what it has made so far, and runs compared."""
import io
import json
import subprocess
import threading
import time
import unittest
import zipfile

from lab import BIN, Lab, Refused, wait_for
from streams import Stream, silent

WAITER = """
import os, time
print("here", flush=True)
while not os.path.exists("/tmp/never"):
    time.sleep(0.05)
"""
NOTER = """
import labhub
r = labhub.vessel()
labhub.note("inoculated")
try:
    r.set(stirrer=140)
except labhub.OutOfRange:
    pass
r.set(stirrer=40)
labhub.note("fed\\nwith sugar, 2 g")
"""
FILES = """
import os, pathlib, socket, time
out = pathlib.Path("/app/output")
(out / "data").mkdir()
(out / "data/a.csv").write_text("t,v\\n")
(out / "größe, 100%.txt").write_text("é")
os.symlink("/etc/passwd", out / "link")
os.symlink("/etc", out / "folder")
os.symlink("..", out / "data/up")
os.mkfifo(out / "fifo")
socket.socket(socket.AF_UNIX).bind(str(out / "socket"))
for name in ("sparse-1", "sparse-2"):
    with open(out / name, "wb") as f:
        f.truncate(30 << 20)
os.link(out / "data/a.csv", out / "hard")
print("here", flush=True)
n = 0
while True:
    n += 1
    (out / "data/a.csv").write_text("t,v\\n" + "1,2\\n" * (n % 1000))
    os.rename(out / "hard", out / "moved"); os.rename(out / "moved", out / "hard")
    time.sleep(0.001)
"""


class Follow(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.lab = Lab(nodes=2).__enter__()
        cls.addClassCleanup(cls.lab.__exit__)

    def labhub(self, *words):
        done = subprocess.run([BIN / "labhub", *map(str, words)], capture_output=True, text=True, timeout=180, cwd=self.lab.folder,
                              env={"LABHUB_URL": f"http://127.0.0.1:{self.lab.port}", "LABHUB_TOKEN": self.lab.token, "PATH": "/usr/bin:/bin",
                                   "COLUMNS": "100", "TZ": "UTC"})
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        return done.stdout

    def begin(self, script=WAITER, node="sim-1", **config):
        job = self.lab.submit(script, device=f"{node}/vessel", **config)
        self.lab.wait_log(job, "here")
        self.addCleanup(self.end, job)
        return job

    def end(self, job):
        try:
            self.lab.request("POST", f"/api/experiments/{job}/stop")
        except Refused as refused:
            self.assertEqual(refused.status, 409)
        return self.lab.wait_end(job)

    # --- events ------------------------------------------------------------------------------------------------------

    def test_events_come_as_they_happen_and_end_with_the_last(self):
        job = self.begin()
        with Stream(self.lab, f"/api/experiments/{job}/events") as stream:
            self.assertEqual(stream.reply.getheader("Content-Type"), "text/event-stream")
            events = iter(stream)
            self.assertEqual([next(events)["type"] for _ in range(3)], ["queued", "preparing", "running"])
            self.labhub("note", job, "looks good")
            note = next(events)
            self.assertEqual((note["type"], note["data"]["message"], note["data"]["who"]), ("note", "looks good", "user:admin"))
            self.labhub("tag", job, "watched")
            self.assertEqual(next(events)["type"], "labelled")
            self.lab.request("POST", f"/api/experiments/{job}/stop")
            rest = [(e["type"], self.lab.request("GET", f"/api/experiments/{job}/results")["results"]["status"]) for e in events]
        self.assertEqual([kind for kind, _ in rest], ["stopping", "stopped"])
        self.assertEqual(rest[-1][1], "stopped", "with its last event it has ended, and its results are there")
        self.assertEqual(self.lab.results(job)["exitcode.txt"], b"143\n")
        with Stream(self.lab, f"/api/experiments/{job}/events", last_id=note["id"]) as stream:
            self.assertEqual([e["type"] for e in stream], ["labelled", "stopping", "stopped"])
        listed = self.lab.request("GET", f"/api/experiments/{job}/events")["events"]
        self.assertEqual(len(listed), 7, "without the header it is a list, as ever")

    def test_notes_and_refusals_of_a_script_are_in_its_record(self):
        job = self.lab.submit(NOTER, device="sim-1/vessel")
        self.assertEqual(self.lab.wait_end(job)["status"], "completed", self.lab.logs(job))
        events = [(e["kind"], e["who"], e["message"]) for e in self.lab.request("GET", f"/api/experiments/{job}/events")["events"]]
        self.assertIn(("note", f"job:{job}", "inoculated"), events)
        refused = next(message for kind, _, message in events if kind == "command_refused")
        self.assertTrue(refused.startswith("stirrer=140: "), refused)
        table = self.lab.results(job)["events.csv"].decode()
        self.assertTrue(table.startswith("time,elapsed_s,kind,who,message\n"), table)
        self.assertIn(f',note,job:{job},"fed\nwith sugar, 2 g"\n', table)
        self.assertTrue(table.rstrip().splitlines()[-1].split(",")[2] == "completed", table)
        self.assertEqual(table.splitlines()[1].split(",")[1], "", "what was before the script's start has no elapsed time")

    def test_notes_are_bounded(self):
        flood = "import labhub\nfor i in range(400):\n    labhub.note('x')\nprint('here', flush=True)\n"
        job = self.lab.submit(flood, device="sim-1/vessel")
        self.assertEqual(self.lab.wait_end(job, 120)["status"], "completed", self.lab.logs(job))
        for wrong in ("", "x" * 5000):
            with self.assertRaises(Refused):
                self.lab.request("POST", f"/api/experiments/{job}/notes", {"text": wrong})

    def test_the_command_line_follows_events_and_logs(self):
        script = "import time, labhub\nprint('one', flush=True)\nlabhub.note('half')\ntime.sleep(0.3)\nprint('two')\n"
        job = self.lab.submit(script, device="sim-1/vessel")
        followed = self.labhub("events", "-f", job)
        self.assertRegex(followed, r"(?s)queued.*preparing.*running.*note  half  \(job:.*completed")
        self.assertEqual(self.labhub("logs", "-f", job), "one\ntwo\n")

    def test_a_wrong_id_and_an_unknown_experiment_are_refused(self):
        job = self.begin()
        for path in (f"/api/experiments/{job}/events", f"/api/experiments/{job}/logs"):
            with Stream(self.lab, path, last_id="nonsense") as stream:
                self.assertEqual(stream.status, 400)
        with Stream(self.lab, "/api/experiments/none/events") as stream:
            self.assertEqual(stream.status, 404)

    def test_logs_come_as_they_are_printed_and_go_on_where_they_stopped(self):
        script = "import sys, time\nfor i in range(50):\n    print('line', i, 'é', flush=True)\n    time.sleep(0.02)\nprint('oh', file=sys.stderr)\n"
        job = self.lab.submit(script, device="sim-1/vessel")
        text = {"stdout": "", "stderr": ""}
        with Stream(self.lab, f"/api/experiments/{job}/logs") as stream:
            for event in stream:
                text[event["type"]] += event["data"]["text"]
                if len(text["stdout"]) > 100:
                    break
        with Stream(self.lab, f"/api/experiments/{job}/logs", last_id=stream.last_id) as stream:
            for event in stream:
                if event["type"] == "end":
                    self.assertEqual(event["data"]["status"], "completed")
                else:
                    text[event["type"]] += event["data"]["text"]
        self.assertEqual(text["stdout"], "".join(f"line {i} é\n" for i in range(50)))
        self.assertEqual(text["stderr"], "oh\n")

    def test_streams_are_bounded_and_slow_ones_hold_nobody_up(self):
        """Hundreds of clients that ask and read nothing: the hub answers others, and each of the last is refused."""
        lab = self.lab
        job = self.begin()
        crowd = [silent(lab, f"/api/experiments/{job}/events") for _ in range(300)]
        try:
            refused = 0
            for asked in crowd:
                asked.settimeout(60)
                refused += b" 429 " in asked.recv(64)
            self.assertEqual(refused, 300 - 128)
            slowest = 0
            for i in range(100):
                began = time.monotonic()
                lab.request("POST", f"/api/experiments/{job}/notes", {"text": f"{i} " + "x" * 3000})
                slowest = max(slowest, time.monotonic() - began)
            print(f"a note beside 128 streams that nobody reads: {slowest * 1000:.0f} ms at most")
        finally:
            for asked in crowd:
                asked.close()
        def opens():
            with Stream(lab, f"/api/experiments/{job}/events") as stream:
                return stream.status == 200
        wait_for("room for others", opens)

    def test_a_killed_coordinator_is_gone_on_after(self):
        lab = self.lab
        job = self.begin()
        with Stream(lab, f"/api/experiments/{job}/events") as stream:
            events = iter(stream)
            seen = [next(events)["type"] for _ in range(3)]
            lab.kill("coordinator")
            self.assertEqual(list(events), [], "it is cut off")
        lab.start_coordinator()
        lab.request("POST", f"/api/experiments/{job}/notes", {"text": "back"})
        with Stream(lab, f"/api/experiments/{job}/events", last_id=stream.last_id) as stream:
            lab.request("POST", f"/api/experiments/{job}/stop")
            seen += [event["type"] for event in stream]
        self.assertEqual(seen, ["queued", "preparing", "running", "note", "stopping", "stopped"])

    # --- partial results ---------------------------------------------------------------------------------------------

    def test_partial_results_are_copied_safely_from_a_folder_full_of_tricks(self):
        lab = self.lab
        job = self.begin(FILES, output_limit="40m")
        listed = lab.request("GET", f"/api/experiments/{job}/results?partial=true")["results"]
        names = {file["name"] for file in listed["files"]}
        self.assertLessEqual({"output/data/a.csv", "output/größe, 100%.txt", "telemetry.csv", "commands.csv", "events.csv", "stdout.txt", "script.py",
                              "experiment.json", "results.zip"}, names)
        self.assertFalse(any(word in name for name in names for word in ("link", "fifo", "socket", "folder", "up")), names)
        self.assertEqual(sum("sparse" in name for name in names), 1, "both claim more than there may be in all")
        left_out = "\n".join(listed["left_out"])
        for trick in ("link is a symbolic link", "folder is a symbolic link", "data/up is a symbolic link", "fifo is a fifo", "socket is a socket", "exceeds what is kept in all"):
            self.assertIn(trick, left_out)
        self.assertNotIn("exitcode.txt", names)
        packed = lab.request("GET", f"/api/experiments/{job}/download?partial=true")
        with zipfile.ZipFile(io.BytesIO(packed)) as archive:
            self.assertEqual(archive.testzip(), None)
            self.assertEqual(archive.read("output/größe, 100%.txt").decode(), "é")
            self.assertEqual(json.loads(archive.read("experiment.json"))["status"], "running")
            self.assertIn(b"running", archive.read("events.csv"))
            self.assertFalse(any(".." in name or name.startswith("/") for name in archive.namelist()))
        one = lab.request("GET", f"/api/experiments/{job}/download?partial=true&file=output/data/a.csv")
        self.assertTrue(one.startswith(b"t,v\n"))
        for name in ("output/link", "../../admin-token", "/etc/passwd", "output/../../job.json", "job.json", "output", ""):
            if name:
                with self.assertRaises(Refused, msg=name) as caught:
                    lab.request("GET", f"/api/experiments/{job}/download?partial=true&file={name}")
                self.assertEqual(caught.exception.code, "not_found")
        again = lab.request("GET", f"/api/experiments/{job}/results?partial=true")["results"]
        self.assertEqual(again["partial_at"], listed["partial_at"], "a second request soon after gets the same")
        self.assertEqual(lab.experiment(job)["status"], "running", "the script goes on")
        self.end(job)
        wait_for("nothing left of it", lambda: not (lab.job_folder(job) / "partial").exists())
        self.assertIn("output/hard", lab.results(job))
        ended = lab.request("GET", f"/api/experiments/{job}/results?partial=true")["results"]
        self.assertIsNone(ended["partial_at"], "of an ended one it is all there is")
        self.assertEqual(lab.request("GET", f"/api/experiments/{job}/download?file=exitcode.txt"), b"143\n")

    def test_many_who_ask_at_once_share_one_copy(self):
        job = self.begin(node="sim-2")
        times = []
        ask = lambda: times.append(self.lab.request("GET", f"/api/experiments/{job}/results?partial=true")["results"]["partial_at"])
        threads = [threading.Thread(target=ask) for _ in range(20)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual((len(times), len(set(times))), (20, 1))

    def test_there_is_nothing_before_the_start(self):
        self.begin()
        waiting = self.lab.submit("pass", device="sim-1/vessel", hold=True)
        self.addCleanup(self.end, waiting)
        with self.assertRaises(Refused) as caught:
            self.lab.request("GET", f"/api/experiments/{waiting}/download?partial=true")
        self.assertEqual(caught.exception.code, "conflict")

    def test_a_kill_in_the_middle_of_a_copy_harms_nothing(self):
        lab = self.lab
        large = "import os\nwith open('big', 'wb') as f:\n    for _ in range(150):\n        f.write(os.urandom(1 << 20))\n" + WAITER
        job = self.begin(large)
        asked = silent(lab, f"/api/experiments/{job}/download?partial=true")
        wait_for("the copy", lambda: (lab.job_folder(job) / "partial/output/big").exists())
        lab.kill("coordinator")
        asked.close()
        lab.start_coordinator()
        lab.wait_status(job, "running")
        def listed():
            try:
                return lab.request("GET", f"/api/experiments/{job}/results?partial=true")["results"]["files"]
            except Refused as refused:
                self.assertEqual(refused.code, "unavailable", "its runner comes back")
        sizes = {file["name"]: file["size"] for file in wait_for("the runner's return", listed, 60)}
        self.assertEqual(sizes["output/big"], 150 << 20)
        self.end(job)
        self.assertEqual(len(lab.results(job)["output/big"]), 150 << 20)
        self.assertFalse((lab.job_folder(job) / "partial").exists())

    def test_the_command_line_fetches_what_there_is(self):
        job = self.begin(FILES, node="sim-2")
        self.assertIn("output/data/a.csv", self.labhub("results", job, "--partial", "--list"))
        self.labhub("results", job, "--partial", "-o", "so-far.zip")
        with zipfile.ZipFile(self.lab.folder / "so-far.zip") as archive:
            self.assertIn("telemetry.csv", archive.namelist())
        self.labhub("results", job, "--partial", "--file", "output/data/a.csv")
        self.assertTrue((self.lab.folder / "a.csv").read_text().startswith("t,v\n"))

    # --- comparison --------------------------------------------------------------------------------------------------

    def test_two_runs_are_compared_from_their_beginnings(self):
        lab = self.lab
        script = "import time, labhub\nr = labhub.vessel()\nr.set(stirrer=labhub.params.speed)\ntime.sleep(labhub.params.get('seconds', 3))\n"
        first = lab.submit(script, device="sim-1/vessel", params={"speed": 20})
        second = lab.submit(script, device="sim-2/vessel", params={"speed": 60, "seconds": 5})
        for job in (first, second):
            self.assertEqual(lab.wait_end(job)["status"], "completed", lab.logs(job))
        found = lab.request("GET", f"/api/experiments/compare?ids={first},{second}&metric=stirrer&metric=vial_A_temp")
        self.assertEqual([run["experiment_id"] for run in found["runs"]], [first, second])
        differs = {each["what"]: each["values"] for each in found["differs"]}
        self.assertEqual(differs["params.speed"], [20, 60])
        self.assertEqual(differs["params.seconds"], [None, 5])
        self.assertEqual(differs["device"], ["sim-1/vessel", "sim-2/vessel"])
        self.assertNotIn("script", differs)
        metrics = {metric["metric"]: metric for metric in found["metrics"]}
        stirrer, temperature = metrics["stirrer"], metrics["vial_A_temp"]
        self.assertEqual([run["max"] for run in stirrer["runs"]], [20, 60])
        self.assertEqual(stirrer["differences"][0]["max"], 40)
        for run in temperature["runs"]:
            self.assertEqual(len(run["values"]), found["steps"])
            values = [value for value in run["values"] if value is not None]
            self.assertTrue(values)
            self.assertLessEqual(run["min"], min(values))
            self.assertGreaterEqual(run["max"], max(values))
        self.assertGreater(sum(v is not None for v in temperature["runs"][1]["values"]), sum(v is not None for v in temperature["runs"][0]["values"]))
        shown = self.labhub("compare", first, second, "stirrer")
        self.assertIn("params.speed", shown)
        self.assertRegex(shown, r"B − A")
        self.assertTrue(any("\u2800" < c < "\u2900" for c in shown), shown)
        self.assertIn("vial_A_temp", self.labhub("compare", first, second, "--table"))
        for ids in (first, f"{first},none", ",".join([first] * 5), ""):
            with self.assertRaises(Refused, msg=ids):
                lab.request("GET", f"/api/experiments/compare?ids={ids}")
        with self.assertRaises(Refused):
            lab.request("GET", f"/api/experiments/compare?ids={first},{second}&metric=nonsense")

    def test_a_run_is_compared_while_it_goes_on(self):
        job = self.begin()
        done = self.lab.submit("import time; time.sleep(1)", device="sim-2/vessel")
        self.lab.wait_end(done)
        found = self.lab.request("GET", f"/api/experiments/compare?ids={done},{job}&points=10")
        self.assertLessEqual(found["steps"], 10)
        self.assertEqual(found["runs"][1]["status"], "running")


if __name__ == "__main__":
    unittest.main()
