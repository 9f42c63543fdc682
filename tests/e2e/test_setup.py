"""What an experiment is given: parameters, input files, tags and notes; and starting it again."""
import hashlib
import http.client
import io
import json
import os
import pathlib
import socket
import subprocess
import time
import unittest
import zipfile

from lab import BIN, Lab, Refused, wait_for
from people import add_person

SHOW = """
import json, os, pathlib
import labhub
print(json.dumps({
    "params": labhub.params.as_dict(),
    "setpoint": labhub.params.get("setpoint", 0.5),
    "variables": {k: v for k, v in os.environ.items() if k.startswith("LABHUB_PARAM")},
    "inputs": {p.name: p.read_text() for p in pathlib.Path("/app/input").iterdir()},
}))
"""
SPOIL = """
import os, pathlib
wrong = []
for attempt in (lambda: open("/app/input/feed.csv", "a"), lambda: os.unlink("/app/input/feed.csv"), lambda: open("/app/input/new", "w"),
                lambda: os.chmod("/app/input/feed.csv", 0o777), lambda: os.rename("/app/input/feed.csv", "/app/input/x"),
                lambda: os.link("/app/input/feed.csv", "/app/output/stolen"), lambda: os.symlink("/etc/passwd", "/app/input/link")):
    try:
        attempt()
        wrong.append("it was allowed")
    except OSError:
        wrong.append("")
print("spoilt" if any(wrong) else "untouched", pathlib.Path("/app/input/feed.csv").read_text())
"""


class Setup(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.lab = Lab(nodes=2).__enter__()
        cls.addClassCleanup(cls.lab.__exit__)

    def labhub(self, *words, status=0):
        done = subprocess.run([BIN / "labhub", *map(str, words)], capture_output=True, text=True, timeout=180, cwd=self.lab.folder,
                              env={"LABHUB_URL": f"http://127.0.0.1:{self.lab.port}", "LABHUB_TOKEN": self.lab.token, "PATH": "/usr/bin:/bin"})
        self.assertEqual(done.returncode, status, done.stdout + done.stderr)
        return done.stdout

    def run_to_end(self, script, **config):
        job = self.lab.submit(script, **{"device": "sim-1/vessel", **config})
        ended = self.lab.wait_end(job)
        self.assertEqual(ended["status"], "completed", f"{ended} {self.lab.logs(job)}")
        return job

    def send(self, content, **headers):
        return self.lab.request("POST", "/api/inputs", raw=content, headers={"Content-Type": "application/octet-stream", **headers}.items())["input"]

    def shown(self, job):
        return json.loads(self.lab.results(job)["stdout.txt"])

    def refused(self, code, script="pass", **config):
        with self.assertRaises(Refused) as caught:
            self.lab.submit(script, **{"device": "sim-1/vessel", **config})
        self.assertEqual(caught.exception.code, code, caught.exception)
        return caught.exception

    # --- parameters --------------------------------------------------------------------------------------------------

    def test_parameters_reach_the_script_the_description_and_the_crate(self):
        params = {"setpoint": 0.6, "strain": "W303", "pumps": ["A", "B"], "pid": {"kp": 2, "ki": 0.1}, "fed": False}
        job = self.run_to_end(SHOW, params=params, environment={"OTHER": "1"})
        shown = self.shown(job)
        self.assertEqual(shown["params"], params)
        self.assertEqual(shown["setpoint"], 0.6)
        self.assertEqual(json.loads(shown["variables"].pop("LABHUB_PARAMS")), params)
        self.assertEqual(shown["variables"], {"LABHUB_PARAM_SETPOINT": "0.6", "LABHUB_PARAM_STRAIN": "W303", "LABHUB_PARAM_FED": "false"})
        self.assertEqual(self.lab.experiment(job)["params"], params)
        files = self.lab.results(job)
        self.assertEqual(json.loads(files["experiment.json"])["request"]["params"], params)
        crate = {entity["@id"]: entity for entity in json.loads(files["ro-crate-metadata.json"])["@graph"]}
        self.assertEqual(crate["#param-setpoint"]["value"], 0.6)
        self.assertEqual(json.loads(crate["#param-pumps"]["value"]), ["A", "B"])
        self.assertIn({"@id": "#param-strain"}, crate["#run"]["object"])

    def test_a_default_holds_where_nothing_is_given(self):
        self.assertEqual(self.shown(self.run_to_end(SHOW))["setpoint"], 0.5)

    def test_parameters_that_cannot_be_are_refused(self):
        self.refused("too_large", params={"x": "y" * 20_000})
        self.refused("too_large", params={f"p{i}": 1 for i in range(300)})
        self.refused("malformed", params={"not a name": 1})
        self.assertIn("LABHUB_PARAM_A_B", self.refused("malformed", params={"a-b": 1, "a.b": 2}).message)
        self.refused("conflict", params={"x": 1}, environment={"LABHUB_PARAM_X": "2"})
        deep = 1
        for _ in range(30):
            deep = [deep]
        self.refused("malformed", params={"deep": deep})
        with self.assertRaises(Refused) as caught:
            self.lab.request("POST", "/api/experiments/start", {"script_content": "pass", "config": {"device": "sim-1/vessel", "params": [1]}})
        self.assertEqual(caught.exception.code, "malformed")

    def test_the_command_line_reads_values_as_json_or_text(self):
        script = self.lab.folder / "show.py"
        script.write_text(SHOW)
        (self.lab.folder / "params.json").write_text('{"setpoint": 0.4, "strain": "W303"}')
        printed = self.labhub("run", script, "--device", "sim-2/vessel", "--params", "params.json", "--param", "setpoint=0.6", "--param", "name=a=b",
                              "--param", "list=[1, 2]", "--out", "cli", "--tag", "growth", "--tag", "yeast", "--note", "first of all")
        self.assertEqual(json.loads(printed)["params"], {"setpoint": 0.6, "strain": "W303", "name": "a=b", "list": [1, 2]})
        described = json.loads((self.lab.folder / "cli/experiment.json").read_text())
        self.assertEqual((described["tags"], described["note"]), (["growth", "yeast"], "first of all"))

    # --- input files -------------------------------------------------------------------------------------------------

    def test_input_files_are_read_by_the_script_and_part_of_the_result(self):
        content = b"t,ml\n0,1\n"
        sent = self.send(content)
        self.assertEqual(sent, {"sha256": hashlib.sha256(content).hexdigest(), "size": len(content)})
        self.assertEqual(self.lab.request("GET", f"/api/inputs/{sent['sha256']}")["input"], sent)
        inputs = [{"name": "feed profile.csv", "sha256": sent["sha256"]}, {"name": "größe, 100%.csv", "sha256": sent["sha256"]}]
        job = self.run_to_end(SHOW, inputs=inputs)
        self.assertEqual(self.shown(job)["inputs"], {each["name"]: content.decode() for each in inputs})
        files = self.lab.results(job)
        self.assertEqual(files["input/feed profile.csv"], content)
        described = json.loads(files["experiment.json"])["request"]["inputs"]
        self.assertEqual(described[0], {"name": "feed profile.csv", "size": len(content), "sha256": sent["sha256"]})
        crate = {entity["@id"]: entity for entity in json.loads(files["ro-crate-metadata.json"])["@graph"]}
        self.assertEqual(crate["input/feed%20profile.csv"]["sha256"], sent["sha256"])
        self.assertIn({"@id": "input/feed%20profile.csv"}, crate["#run"]["object"])
        self.labhub("results", "verify", job)

    def test_a_sandbox_that_waited_and_a_new_one_show_the_same(self):
        """The first is made before it is known which files there will be; another limit of output takes a new one."""
        sent = self.send(b"the same")
        inputs = [{"name": "feed.csv", "sha256": sent["sha256"]}]
        for config, waited in (({}, True), ({"output_limit": "3m"}, False)):
            # One that is asked for before the next sandbox stands gets a new one, too.
            for _ in range(20):
                job = self.run_to_end(SPOIL, inputs=inputs, **config)
                self.assertEqual(self.lab.results(job)["stdout.txt"], b"untouched the same\n")
                self.assertNotIn("is not used", (self.lab.job_folder(job) / "runner.log").read_text())
                # A sandbox that waited has a name of its own.
                had_waited = json.loads((self.lab.job_folder(job) / "runner.json").read_text())["cgroup"] != f"/labhub/{job}"
                if had_waited == waited:
                    break
                time.sleep(1)
            self.assertEqual(had_waited, waited)
        self.assertEqual(self.shown(self.run_to_end(SHOW))["inputs"], {}, "a job without files has an empty folder")

    def test_a_file_is_nobody_elses_whoever_knows_its_sum(self):
        ada, bob = add_person(self.lab, "ada"), add_person(self.lab, "bob")
        content = b"hers alone"
        sum_ = hashlib.sha256(content).hexdigest()
        self.lab.request("POST", "/api/inputs", raw=content, token=ada.token)
        ada.request("GET", f"/api/inputs/{sum_}")
        wanted = {"script_content": SHOW, "config": {"device": "sim-1/vessel", "inputs": [{"name": "x", "sha256": sum_}]}}
        for call in (lambda: bob.request("GET", f"/api/inputs/{sum_}"), lambda: bob.request("POST", "/api/experiments/start", wanted)):
            with self.assertRaises(Refused) as caught:
                call()
            self.assertEqual(caught.exception.code, "not_found")
        job = ada.request("POST", "/api/experiments/start", wanted)["experiment_id"]
        self.assertEqual(self.lab.wait_end(job)["status"], "completed")
        seen = lambda who: who.request("GET", f"/api/experiments/{job}/status")["experiment"]["inputs"][0]["sha256"]
        self.assertEqual((seen(ada), seen(bob)), (sum_, ""))
        with self.assertRaises(Refused) as caught:
            bob.request("POST", f"/api/experiments/{job}/restart", {})
        self.assertEqual(caught.exception.status, 403)

    def test_names_that_would_lead_elsewhere_are_refused(self):
        sum_ = self.send(b"x")["sha256"]
        for name in ("", ".", "..", "../x", "a/b", "/etc/passwd", "a\x00b", "a\nb", ".hidden", "a\\b", "x" * 200, "a\u2028b"):
            self.refused("malformed", inputs=[{"name": name, "sha256": sum_}])
        self.refused("malformed", inputs=[{"name": "A", "sha256": sum_}, {"name": "a", "sha256": sum_}])
        self.refused("malformed", inputs=[{"name": "a", "sha256": "../../admin-token"}])
        self.refused("not_found", inputs=[{"name": "a", "sha256": "0" * 64}])
        self.refused("too_large", inputs=[{"name": f"f{i}", "sha256": sum_} for i in range(101)])

    def test_what_is_sent_is_bounded_and_needs_a_token(self):
        with self.assertRaises(Refused) as caught:
            self.lab.request("POST", "/api/inputs", raw=b"", token="wrong", headers={"Content-Length": "5"}.items())
        self.assertEqual(caught.exception.status, 401)
        with socket.create_connection(("127.0.0.1", self.lab.port), timeout=30) as asked:
            asked.sendall(f"POST /api/inputs HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer {self.lab.token}\r\nContent-Length: 99999999999\r\n\r\n".encode())
            self.assertIn(b"413", asked.recv(64))
        half = socket.create_connection(("127.0.0.1", self.lab.port), timeout=30)
        half.sendall(f"POST /api/inputs HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer {self.lab.token}\r\nContent-Length: 1000\r\n\r\nhalf".encode())
        folder = self.lab.folder / "data/inputs"
        wait_for("the half file", lambda: list(folder.glob("*/*.part")))
        half.close()
        wait_for("nothing left of it", lambda: not list(folder.glob("*/*.part")))

    def test_memory_does_not_grow_with_a_file(self):
        status = pathlib.Path(f"/proc/{self.lab.processes['coordinator'].pid}/status")
        peak = lambda: next(int(line.split()[1]) << 10 for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        before = peak()
        large = self.lab.folder / "large.bin"
        with open(large, "wb") as file:
            for _ in range(200):
                file.write(os.urandom(1 << 20))
        script = self.lab.folder / "size.py"
        script.write_text("import os\nprint(os.path.getsize('/app/input/data.bin'))\n")
        self.assertEqual(self.labhub("run", script, "--device", "sim-2/vessel", "--input", f"{large}=data.bin", "--out", "large").strip(), str(200 << 20))
        self.assertLess(peak() - before, 64 << 20)

    # --- tags, notes, lists ------------------------------------------------------------------------------------------

    def test_tags_and_notes_change_at_any_time_and_find_an_experiment(self):
        lab = self.lab
        job = self.run_to_end("pass", tags=["yeast", "growth"], note="first")
        other = self.run_to_end("pass", tags=["growth"])
        found = lambda query: [e["experiment_id"] for e in lab.request("GET", f"/api/experiments?{query}")["experiments"]]
        self.assertEqual(set(found("tag=growth")) & {job, other}, {job, other})
        self.assertEqual(found("tag=growth&tag=yeast"), [job])
        self.assertEqual(self.labhub("tag", job, "kept", "-yeast"), "tags: growth kept\nnote: first\n")
        self.assertEqual(found("tag=yeast"), [])
        self.assertEqual(found("tag=kept&status=completed&user=admin"), [job])
        self.assertEqual(found("tag=kept&status=failed,stopped"), [])
        self.assertEqual(found("tag=kept&user=nobody"), [])
        lab.request("PATCH", f"/api/experiments/{job}", {"note": "", "tags": ["only"]})
        self.assertEqual((lab.experiment(job)["tags"], lab.experiment(job)["note"]), (["only"], ""))
        kinds = [e["kind"] for e in lab.request("GET", f"/api/experiments/{job}/events")["events"]]
        self.assertEqual(kinds.count("labelled"), 2)
        for wrong in ({"tags": ["a b"]}, {"note": "x" * 5000}, {"colour": "red"}, {"add_tags": [f"t{i}" for i in range(40)]}):
            with self.assertRaises(Refused):
                lab.request("PATCH", f"/api/experiments/{job}", wrong)
        lab.end("coordinator")
        lab.start_coordinator()
        self.assertEqual(lab.experiment(job)["tags"], ["only"])
        self.assertEqual(lab.experiment(other)["tags"], ["growth"])

    def test_lists_come_in_pages(self):
        lab = self.lab
        made = [self.run_to_end("pass", tags=["paged"]) for _ in range(3)]
        first = lab.request("GET", "/api/experiments?tag=paged&limit=2")
        self.assertEqual(([e["experiment_id"] for e in first["experiments"]], first["next"], first["total"]), (made[:0:-1], 2, 3))
        rest = lab.request("GET", "/api/experiments?tag=paged&limit=2&offset=2")
        self.assertEqual(([e["experiment_id"] for e in rest["experiments"]], rest["next"]), ([made[0]], None))
        self.assertIn(made[2], self.labhub("experiments", "--tag", "paged"))
        with self.assertRaises(Refused):
            lab.request("GET", "/api/experiments?status=finished")

    # --- again -------------------------------------------------------------------------------------------------------

    def test_an_ended_experiment_is_started_again_with_what_is_changed(self):
        lab = self.lab
        sent = self.send(b"again")
        first = self.run_to_end(SHOW, params={"setpoint": 0.5, "drop": 1}, inputs=[{"name": "f.csv", "sha256": sent["sha256"]}],
                                environment={"X": "1"}, time_limit="7m", tags=["series"], note="the first")
        # Nobody has asked for the file for long: the result has it.
        next((lab.folder / "data/inputs").glob("*/" + sent["sha256"])).unlink()
        again = lab.request("POST", f"/api/experiments/{first}/restart", {"config": {"params": {"setpoint": 0.7, "drop": None, "new": [1]}}})["experiment_id"]
        ended = lab.wait_end(again)
        self.assertEqual(ended["status"], "completed", lab.logs(again))
        shown = self.shown(again)
        self.assertEqual(shown["params"], {"setpoint": 0.7, "new": [1]})
        self.assertEqual(shown["inputs"], {"f.csv": "again"})
        self.assertEqual((ended["restarted_from"], ended["time_limit_ms"], ended["tags"], ended["note"]), (first, 420_000, ["series"], ""))
        events = lab.request("GET", f"/api/experiments/{first}/events")["events"]
        self.assertEqual([e["message"] for e in events if e["kind"] == "restarted"], [f"as {again}"])
        self.assertEqual(json.loads(lab.results(again)["experiment.json"])["restarted_from"], first)
        printed = self.labhub("rerun", again, "--param", "setpoint=0.9", "--out", "third")
        self.assertEqual(json.loads(printed)["params"], {"setpoint": 0.9, "new": [1]})

    def test_only_an_ended_one_is_started_again(self):
        lab = self.lab
        job = lab.submit("import time; print('here', flush=True); time.sleep(60)", device="sim-1/vessel")
        lab.wait_log(job, "here")
        with self.assertRaises(Refused) as caught:
            lab.request("POST", f"/api/experiments/{job}/restart", {})
        self.assertEqual(caught.exception.code, "conflict")
        lab.request("POST", f"/api/experiments/{job}/stop")
        lab.wait_end(job)
        with self.assertRaises(Refused) as caught:
            lab.request("POST", "/api/experiments/none/restart", {})
        self.assertEqual(caught.exception.code, "not_found")


if __name__ == "__main__":
    unittest.main()
