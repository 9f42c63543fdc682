"""`labhub up` and the command line over it, as a newcomer meets them."""
import csv
import json
import os
import pathlib
import shutil
import signal
import subprocess
import tempfile
import time
import unittest

from lab import BIN, ROOT, wait_for


class Evaluation(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = pathlib.Path(tempfile.mkdtemp(prefix="labhub-up-"))
        cls.addClassCleanup(shutil.rmtree, cls.folder, ignore_errors=True)
        cls.data = cls.folder / "data"
        cls.log = open(cls.folder / "up.log", "wb")
        cls.addClassCleanup(cls.log.close)
        cls.up = subprocess.Popen([BIN / "labhub", "up", "--data", cls.data, "--port", "0", "--simulate", "1", "--speed", "600"],
                                  stdin=subprocess.DEVNULL, stdout=cls.log, stderr=subprocess.STDOUT)
        cls.addClassCleanup(cls.stop_up)
        wait_for("labhub up ready", lambda: (cls.data / "url").exists() or cls.up.poll() is not None, 60)
        assert cls.up.poll() is None, (cls.folder / "up.log").read_text()
        cls.environment = {**os.environ, "LABHUB_URL": (cls.data / "url").read_text().strip(), "LABHUB_TOKEN_FILE": str(cls.data / "admin-token")}

    @classmethod
    def stop_up(cls):
        if cls.up.poll() is None:
            cls.up.send_signal(signal.SIGINT)
            try:
                cls.up.wait(40)
            except subprocess.TimeoutExpired:
                cls.up.kill()
                cls.up.wait()

    def labhub(self, *arguments, **environment):
        return subprocess.run([BIN / "labhub", *map(str, arguments)], capture_output=True, text=True, timeout=120, cwd=self.folder,
                              stdin=subprocess.DEVNULL, env={**self.environment, **environment})

    def script(self, text):
        path = self.folder / f"script-{time.monotonic_ns()}.py"
        path.write_text(text)
        return path

    def test_a_turbidostat_oscillates_around_its_setpoint(self):
        out = self.folder / "turbidostat"
        done = self.labhub("run", ROOT / "examples/turbidostat.py", "--env", "RUN_SECONDS=24", "--out", out)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        names = {path.name for path in (out / "output").iterdir()}
        self.assertEqual(names, {"turbidostat.csv", "turbidostat.png", "summary.json"})
        self.assertTrue((out / "output/turbidostat.png").read_bytes().startswith(b"\x89PNG"))
        with open(out / "output/turbidostat.csv", newline="") as table:
            densities = [float(row["od"]) for row in csv.DictReader(table) if row["od"]]
        reached = next(i for i, od in enumerate(densities) if od >= 0.5)
        held = densities[reached:]
        crossings = sum((a < 0.5) != (b < 0.5) for a, b in zip(held, held[1:]))
        self.assertGreaterEqual(crossings, 3, densities)
        self.assertTrue(all(0.3 < od < 0.75 for od in held), densities)
        self.assertTrue((out / "results.zip").exists())

    def test_the_exit_status_says_what_happened(self):
        self.assertEqual(self.labhub("run", self.script("print('fine')"), "--out", self.folder / "fine").returncode, 0)
        failed = self.labhub("run", self.script("raise SystemExit(3)"), "--out", self.folder / "failed")
        self.assertEqual(failed.returncode, 1, failed.stderr)
        refused = self.labhub("run", self.script("if True\n  pass\n"))
        self.assertEqual((refused.returncode, "line 1" in refused.stderr), (1, True), refused.stderr)
        self.assertEqual(self.labhub("run").returncode, 2)
        self.assertEqual(self.labhub("frobnicate").returncode, 2)
        away = self.labhub("nodes", LABHUB_URL="http://127.0.0.1:1")
        self.assertEqual(away.returncode, 3)
        self.assertIn("can't reach", away.stderr)

    def test_every_command_speaks_json(self):
        nodes = json.loads(self.labhub("--json", "nodes").stdout)
        self.assertEqual(nodes["nodes"][0]["node"], "sim-1")
        self.assertEqual(nodes["nodes"][0]["state"], "online")
        self.assertEqual(nodes["nodes"][0]["spool"]["dropped"], 0)
        self.assertEqual(nodes["nodes"][0]["spool"]["problem"], "")
        self.assertIn(nodes["nodes"][0]["clock"]["state"], ("synchronised", "unsynchronised", "trusted"))
        self.assertIn("metrics", json.loads(self.labhub("--json", "read", "sim-1/vessel").stdout)["device"])
        applied = json.loads(self.labhub("--json", "set", "sim-1/vessel", "stirrer=15").stdout)
        self.assertEqual(applied["applied"][0]["value"], 15)
        refused = self.labhub("set", "sim-1/vessel", "stirrer=150")
        self.assertEqual((refused.returncode, "0 to 100" in refused.stderr), (1, True), refused.stderr)
        self.assertEqual(self.labhub("hold", "sim-1/vessel").returncode, 0)
        self.assertIn("experiments", json.loads(self.labhub("--json", "experiments").stdout))

    def test_a_killed_coordinator_is_started_again_and_the_run_goes_on(self):
        script = self.script("import labhub\nfor n, s in enumerate(labhub.vessel().stream()):\n    print('reading', n, flush=True)\n    if n == 8: break\n")
        running = subprocess.Popen([BIN / "labhub", "run", script, "--id", "survivor", "--out", self.folder / "survivor"], env=self.environment,
                                   stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=self.folder)
        wait_for("readings", lambda: "reading 2" in self.labhub("logs", "survivor").stdout, 30)
        os.kill(self.child("labhub-coordinator"), signal.SIGKILL)
        out, err = running.communicate(timeout=60)
        self.assertEqual(running.returncode, 0, out + err)
        self.assertIn("reading 8", out)
        self.assertIn("coordinator", (self.folder / "up.log").read_text())

    def child(self, program):
        children = pathlib.Path(f"/proc/{self.up.pid}/task/{self.up.pid}/children").read_text().split()
        return next(int(pid) for pid in children if pathlib.Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")[0].endswith(program.encode()))

    def test_ctrl_c_leaves_nothing_behind(self):
        data = self.folder / "short"
        with open(self.folder / "short.log", "wb") as log:
            up = subprocess.Popen([BIN / "labhub", "up", "--data", data, "--port", "0", "--simulate", "1"], stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        wait_for("labhub up ready", (data / "url").exists, 60)
        children = pathlib.Path(f"/proc/{up.pid}/task/{up.pid}/children").read_text().split()
        self.assertGreaterEqual(len(children), 4)
        up.send_signal(signal.SIGINT)
        self.assertEqual(up.wait(40), 0, (self.folder / "short.log").read_text())
        self.assertEqual([pid for pid in children if pathlib.Path(f"/proc/{pid}").exists()], [])
        self.assertEqual((data / "admin-token").stat().st_mode & 0o777, 0o600)


if __name__ == "__main__":
    unittest.main()
