"""The examples and the guide's snippets, run as scripts against a fake hub whose biology is fast."""

import csv
import json
import os
import re
import signal
import subprocess
import sys
import time
import unittest

from support import CLIENT, ROOT, HubTest, environment_of, until

GUIDES = ROOT / "docs" / "guides"
SNIPPET = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)


class ScriptTest(HubTest):
    def script_environment(self, **more):
        return environment_of(
            self.hub.url, EXPERIMENT_ID="exp-1", PYTHONPATH=str(CLIENT), LABHUB_OUTPUT=str(self.output),
            PYTHONUNBUFFERED="1", MPLBACKEND="Agg", **more,
        )  # fmt: skip

    def run_script(self, *arguments, **environment):
        done = subprocess.run(
            [sys.executable, *map(str, arguments)],
            env=self.script_environment(**environment), cwd=self.output, capture_output=True, text=True, timeout=120,
        )  # fmt: skip
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        return done.stdout


class Examples(ScriptTest):
    def test_the_turbidostat_holds_the_density(self):
        self.device.vials["A"].density = 0.45
        self.device.run(0.1)
        printed = self.run_script(ROOT / "examples" / "turbidostat.py", RUN_SECONDS="12")
        self.assertTrue(self.device.is_safe())
        summary = json.loads((self.output / "summary.json").read_text(encoding="utf-8"))
        self.assertAlmostEqual(summary["mean_od"], 0.5, delta=0.04)
        self.assertGreaterEqual(summary["pulses"], 1)
        self.assertAlmostEqual(summary["growth_rate_per_h"], self.device.vials["A"].growth_rate, delta=0.12)
        self.assertEqual((self.output / "turbidostat.png").read_bytes()[:4], b"\x89PNG")
        with open(self.output / "turbidostat.csv", newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
        densities = [float(row["od"]) for row in rows if row["od"]]
        self.assertLess(min(densities), 0.5)
        self.assertGreater(max(densities), 0.5)
        self.assertIn("OD", printed)

    def test_the_turbidostat_stops_when_told_and_leaves_its_results(self):
        self.device.run(0.1)
        running = subprocess.Popen(
            [sys.executable, str(ROOT / "examples" / "turbidostat.py")],
            env=self.script_environment(RUN_SECONDS="100"), cwd=self.output, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        self.addCleanup(running.kill)
        until(lambda: ("led", True) in self.device.changes, 60)
        time.sleep(1)
        running.send_signal(signal.SIGTERM)
        running.communicate(timeout=60)
        self.assertEqual(running.returncode, 143)
        self.assertTrue(self.device.is_safe())
        self.assertIn("turbidostat.png", os.listdir(self.output))

    def test_the_turbidostat_does_not_dilute_blindly(self):
        self.device.broken = {"vial_A_reference"}
        self.device.vials["A"].density = 2.0
        self.device.run(0.1)
        self.run_script(ROOT / "examples" / "turbidostat.py", RUN_SECONDS="2")
        self.assertNotIn("pump_A_in", [name for name, value in self.device.changes if value])

    def test_the_classic_chemostat_runs(self):
        self.run_script(ROOT / "examples" / "chemostat_classic.py", RUN_SECONDS="3")
        self.assertTrue(self.device.is_safe())
        self.assertIn(("pump_A_in", 0.002), self.device.changes)
        self.assertGreaterEqual(len((self.output / "bioreactor_data.csv").read_text(encoding="utf-8").splitlines()), 3)


class Guides(ScriptTest):
    def check_guide(self, name):
        self.device.run(0.05)
        snippets = SNIPPET.findall((GUIDES / name).read_text(encoding="utf-8"))
        self.assertTrue(snippets)
        for number, snippet in enumerate(snippets, start=1):
            with self.subTest(guide=name, snippet=number):
                path = self.output / f"snippet_{number}.py"
                path.write_text(snippet, encoding="utf-8")
                self.run_script(path)
        self.assertTrue(self.device.is_safe())

    def test_writing_scripts(self):
        self.check_guide("writing-scripts.md")

    def test_pausing(self):
        self.check_guide("pausing.md")

    def test_coming_from_bioreactor_hub(self):
        self.check_guide("coming-from-bioreactor-hub.md")


if __name__ == "__main__":
    unittest.main()
