"""What an experiment leaves, on a whole lab: packed beside everything else, described, and checked by `labhub results verify`."""
import hashlib
import json
import os
import pathlib
import subprocess
import time
import unittest
import zipfile

from lab import BIN, FINAL, Lab, wait_for

LARGE = 300 << 20
BIG = f"""
import os
with open("big.bin", "wb") as f:
    for _ in range({LARGE >> 20}):
        f.write(os.urandom(1 << 20))
with open("größe, 100%.csv", "w") as f:
    f.write("a,b\\n")
"""


HUGE_BYTES = 3 << 30
HUGE = f"""
with open("huge.bin", "wb") as f:
    f.truncate({HUGE_BYTES})
    f.seek({HUGE_BYTES} - 5)
    f.write(b"end.\\n")
"""


class Results(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.lab = Lab(nodes=3).__enter__()
        cls.addClassCleanup(cls.lab.__exit__)

    def labhub(self, *words):
        environment = dict(os.environ, LABHUB_URL=f"http://127.0.0.1:{self.lab.port}", LABHUB_TOKEN=self.lab.token)
        return subprocess.run([BIN / "labhub", *map(str, words)], env=environment, capture_output=True, text=True, timeout=120)

    def peak_memory(self):
        status = pathlib.Path(f"/proc/{self.lab.processes['coordinator'].pid}/status").read_text()
        return next(int(line.split()[1]) << 10 for line in status.splitlines() if line.startswith("VmHWM"))

    def test_large_outputs_are_packed_beside_everything_else(self):
        lab = self.lab
        before = self.peak_memory()
        # As many as the coordinator has threads for what blocks.
        large = [lab.submit(BIG, device=f"sim-{n}/vessel") for n in (1, 2)]
        for job in large:
            wait_for("the packing", (lab.job_folder(job) / "results.zip.tmp").exists, 120)
        other = lab.submit("print('meanwhile')", device="sim-3/vessel")
        still = sum((lab.job_folder(job) / "results.zip.tmp").exists() for job in large)
        answers = []
        while not all(lab.experiment(job)["status"] in FINAL for job in large) and len(answers) < 10_000:
            asked = time.monotonic()
            lab.request("GET", "/health")
            answers.append(time.monotonic() - asked)
        self.assertTrue(answers, "nothing was asked while they were packed")
        print(f"2 x {LARGE >> 20} MiB packed: {still} were being packed when another was accepted; {len(answers)} answers meanwhile, "
              f"the slowest after {max(answers) * 1000:.0f} ms")
        for job in (*large, other):
            self.assertEqual(lab.wait_end(job)["status"], "completed", lab.logs(job))
        big = large[0]
        self.assertLess(self.peak_memory() - before, 100 << 20, "memory grows with the outputs")
        verified = self.labhub("results", "verify", lab.job_folder(big) / "results.zip", "--json")
        self.assertEqual(verified.returncode, 0, verified.stdout + verified.stderr)
        crate = json.loads((lab.job_folder(big) / "ro-crate-metadata.json").read_text())
        listed = {entity["@id"]: entity for entity in crate["@graph"]}
        self.assertEqual(listed["output/big.bin"]["contentSize"], str(LARGE))
        self.assertIn("output/gr%C3%B6%C3%9Fe%2C%20100%25.csv", listed)

    def test_a_result_of_gigabytes_is_packed_while_commands_are_served(self):
        lab = self.lab
        job = lab.submit(HUGE, device="sim-1/vessel", output_limit="4g")
        wait_for("the packing", lambda: (lab.job_folder(job) / "results.zip.tmp").exists() or lab.experiment(job)["status"] in FINAL, 600)
        before, took = self.peak_memory(), []
        while lab.experiment(job)["status"] not in FINAL:
            asked = time.monotonic()
            applied = lab.request("POST", "/api/devices/sim-2/vessel/set", {"values": {"stirrer": 10 + len(took) % 50}})["applied"]
            took.append(time.monotonic() - asked)
            self.assertEqual(applied[0]["value"], 10 + (len(took) - 1) % 50)
        lab.request("POST", "/api/devices/sim-2/vessel/hold", {})
        took.sort()
        print(f"{HUGE_BYTES >> 20} MiB packed: {len(took)} commands meanwhile, half of them within {took[len(took) // 2] * 1000:.0f} ms, the slowest {took[-1] * 1000:.0f} ms")
        self.assertEqual(lab.wait_end(job)["status"], "completed", lab.logs(job))
        self.assertGreater(len(took), 20, "commands were not served while it was packed")
        self.assertLess(took[-1], 5, "a command was held up for longer than its deadline")
        self.assertLess(self.peak_memory() - before, 100 << 20, "memory grows with the outputs")
        with zipfile.ZipFile(lab.job_folder(job) / "results.zip") as archive:
            self.assertEqual(archive.getinfo("output/huge.bin").file_size, HUGE_BYTES)

    def test_a_result_is_verified_as_it_comes_from_the_hub_and_as_it_was_kept(self):
        lab = self.lab
        job = lab.submit("open('a.txt', 'w').write('a')", device="sim-2/vessel", environment={"SETPOINT": "0.6"})
        self.assertEqual(lab.wait_end(job)["status"], "completed", lab.logs(job))
        self.assertEqual(self.labhub("results", "verify", job).returncode, 0)
        files = lab.results(job)
        crate = {entity["@id"]: entity for entity in json.loads(files["ro-crate-metadata.json"])["@graph"]}
        for name in set(files) - {"ro-crate-metadata.json"}:
            self.assertEqual(crate[name]["sha256"], hashlib.sha256(files[name]).hexdigest(), name)
        self.assertEqual(crate["#parameter-SETPOINT"]["value"], "0.6")
        kept = lab.folder / "kept"
        for name, content in files.items():
            (kept / name).parent.mkdir(parents=True, exist_ok=True)
            (kept / name).write_bytes(content)
        self.assertEqual(self.labhub("results", "verify", kept).returncode, 0)
        (kept / "output/a.txt").write_text("b")
        (kept / "stdout.txt").unlink()
        (kept / "new.txt").write_text("new")
        damaged = self.labhub("results", "verify", kept)
        self.assertEqual(damaged.returncode, 1)
        self.assertEqual(damaged.stdout.splitlines(), ["changed   output/a.txt", "missing   stdout.txt", "unlisted  new.txt"])


if __name__ == "__main__":
    unittest.main()
