"""The list of enrolled nodes changes while the hub runs: nodes are added, get another key, are let go, and a mistake changes nothing."""
import os
import signal
import subprocess
import unittest

from lab import BIN, Lab, Refused, wait_for

HOLD_ON = """
import labhub, time
labhub.vessel().set(stirrer=30)
print('driving', flush=True)
time.sleep(600)
"""
LONG = 30


class LateLab(Lab):
    """Two nodes run; sim-1 is enrolled, sim-2 is not yet."""

    def __init__(self):
        super().__init__(nodes=2)

    def _configure(self):
        super()._configure()
        self.file = self.folder / "nodes.toml"
        blocks = ["[[node]]" + block for block in self.file.read_text().split("[[node]]")[1:]]
        self.blocks = dict(zip(self.names, blocks))
        self.enrol("sim-1")

    def wait_until_online(self):
        wait_for("sim-1 online", lambda: self.is_in_use("sim-1"), LONG)

    def enrol(self, *names, more=""):
        """Writes the list as an editor does: a new file in the old one's place."""
        fresh = self.folder / "nodes.toml.new"
        fresh.write_text("".join(self.blocks[name] for name in names) + more)
        os.replace(fresh, self.file)

    def hang_up(self):
        self.processes["coordinator"].send_signal(signal.SIGHUP)

    def nodes(self):
        return {node["node"]: node for node in self.request("GET", "/api/nodes")["nodes"]}

    def problem(self):
        return self.request("GET", "/api/nodes")["enrolment"]["problem"]

    def is_in_use(self, name):
        """Readings come from it, and it can be commanded."""
        node = self.nodes().get(name)
        return node and node["state"] == "online" and node["link"] == "connected" and any(d["connected"] for d in node["devices"])

    def fingerprint(self, name):
        printed = subprocess.run([BIN / "labhub-agent", "host-key", "--config", self.folder / name / "agent.toml"], check=True, capture_output=True, text=True).stdout
        return next(word for word in printed.split() if word.startswith("SHA256:"))

    def give_another_key(self, name):
        """The machine's disk was replaced, say. What it says until it is enrolled anew is an impostor's word."""
        self.end(f"agent {name}")
        before = self.fingerprint(name)
        for key in (self.folder / name / "state").glob("*host*key*"):
            key.unlink()
        after = self.fingerprint(name)
        assert before != after
        self.start_agent(name)
        self.blocks[name] = self.blocks[name].replace(before, after)

    def mirrored(self, name):
        """The retained topics of a node on the broker."""
        done = subprocess.run(["mosquitto_sub", "-p", str(self.broker_port), "-t", f"labhub/labhub/{name}/#", "-t", f"labhub/labhub/{name}", "-F", "%t", "--retained-only", "-W", "1"],
                              capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=30)
        return done.stdout.split()

    def set(self, name, **values):
        return self.request("POST", f"/api/devices/{name}/vessel/set", {"values": values})["applied"]


class Enrolment(unittest.TestCase):
    def setUp(self):
        self.lab = self.enterContext(LateLab())

    def test_a_node_that_is_added_is_used_without_a_restart(self):
        with self.assertRaises(Refused):
            self.lab.set("sim-2", stirrer=20)
        self.lab.enrol("sim-1", "sim-2")
        wait_for("sim-2 in use", lambda: self.lab.is_in_use("sim-2"), LONG)
        self.assertEqual(self.lab.set("sim-2", stirrer=20)[0]["value"], 20)
        wait_for("a reading of it", lambda: any(m["time"] for m in self.lab.device("sim-2")["metrics"]))
        self.assertTrue(self.lab.is_in_use("sim-1"), "the other node's session is not touched")

    def test_a_node_with_another_key_is_believed_once_it_is_enrolled_anew(self):
        self.lab.enrol("sim-1", "sim-2")
        wait_for("sim-2 in use", lambda: self.lab.is_in_use("sim-2"), LONG)
        self.lab.give_another_key("sim-2")
        wait_for("the hub refusing the new key", lambda: "key" in self.lab.nodes()["sim-2"]["link"], LONG)
        with self.assertRaises(Refused):
            self.lab.set("sim-2", stirrer=20)
        self.lab.enrol("sim-1", "sim-2")
        self.lab.hang_up()
        wait_for("sim-2 in use again", lambda: self.lab.is_in_use("sim-2"), LONG)
        self.assertEqual(self.lab.set("sim-2", stirrer=25)[0]["value"], 25)
        self.assertIn(self.lab.nodes()["sim-2"]["host_key"], self.lab.blocks["sim-2"])

    def test_a_node_that_is_not_listed_any_more_is_let_go_when_it_is_free(self):
        self.lab.enrol("sim-1", "sim-2")
        wait_for("sim-2 in use", lambda: self.lab.is_in_use("sim-2"), LONG)
        job = self.lab.submit(HOLD_ON, device="sim-2/vessel")
        self.lab.wait_log(job, "driving")
        wait_for("sim-2 in the mirror", lambda: len(self.lab.mirrored("sim-2")) > 3, LONG)
        waiting = self.lab.submit(HOLD_ON, device="sim-2/vessel")
        self.lab.enrol("sim-1")
        wait_for("sim-2 leaving", lambda: self.lab.nodes()["sim-2"]["leaving"], LONG)
        self.assertEqual(self.lab.experiment(job)["status"], "running", "whoever has it keeps it")
        self.assertTrue(self.lab.is_in_use("sim-2"))
        self.lab.request("POST", f"/api/experiments/{job}/stop")
        wait_for("sim-2 gone", lambda: "sim-2" not in self.lab.nodes(), LONG)
        self.assertIn(self.lab.wait_end(waiting)["status"], ("failed", "stopped"), "and nobody gets it any more")
        self.assertTrue(self.lab.is_in_use("sim-1"))
        wait_for("sim-2 gone from the mirror", lambda: not self.lab.mirrored("sim-2"), LONG)
        self.lab.enrol("sim-1", "sim-2")
        wait_for("sim-2 in use again", lambda: self.lab.is_in_use("sim-2"), LONG)

    def test_a_mistake_is_told_with_its_place_and_changes_nothing(self):
        self.lab.enrol("sim-1", more='[[node]]\nid = "sim-3"\nssh = "nowhere:99999"\nhost_key = "SHA256:' + "A" * 43 + '"\n')
        problem = wait_for("word of the mistake", self.lab.problem, LONG)
        self.assertIn(f"{self.lab.file}:7:7: [[node]] ssh is wrong", problem)
        self.assertIn("1 to 65535", problem)
        self.assertEqual(list(self.lab.nodes()), ["sim-1"])
        self.assertTrue(self.lab.is_in_use("sim-1"))
        environment = {**os.environ, "LABHUB_URL": f"http://127.0.0.1:{self.lab.port}", "LABHUB_TOKEN": self.lab.token}
        shown = subprocess.run([BIN / "labhub", "nodes"], env=environment, capture_output=True, text=True, timeout=30)
        self.assertIn("nodes.toml:7:7", shown.stdout + shown.stderr)
        self.lab.enrol("sim-1", more=self.lab.blocks["sim-1"])
        wait_for("word of the other mistake", lambda: "listed twice" in self.lab.problem(), LONG)
        self.lab.file.unlink()
        self.lab.hang_up()
        wait_for("word of the missing file", lambda: "listed twice" not in self.lab.problem(), LONG)
        self.assertTrue(self.lab.is_in_use("sim-1"))
        self.lab.enrol("sim-1", "sim-2")
        wait_for("all right again", lambda: not self.lab.problem(), LONG)
        wait_for("sim-2 in use", lambda: self.lab.is_in_use("sim-2"), LONG)


if __name__ == "__main__":
    unittest.main()
