"""Alarms on a whole lab: raised by the simulated vessel, told of by webhook and mail, acknowledged, stopping experiments."""
import http.server
import json
import re
import subprocess
import sys
import threading
import time
import unittest

from lab import BIN, ROOT, Lab, Refused, wait_for

HOLD_STIRRER = """
import labhub, time
vessel = labhub.vessel()
vessel.set(stirrer=40)
print("stirring", flush=True)
while True:
    try:
        vessel.set(stirrer=41)
        print("set", flush=True)
    except labhub.Conflict as refused:
        print("refused:", refused, flush=True)
    time.sleep(0.2)
"""


class Webhook:
    """A receiver of alarms; `fail` makes it answer 500."""

    def __init__(self):
        self.messages, self.fail = [], False
        hook = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if not hook.fail:
                    hook.messages.append((json.loads(body), dict(self.headers)))
                self.send_response(500 if hook.fail else 200)
                self.end_headers()

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/alarms"

    def events(self):
        return [event for body, _ in self.messages for event in body["events"]]

    def close(self):
        self.server.shutdown()
        self.server.server_close()


class MailServer:
    """tests/unit/coordinator/notify/smtp_sink.py"""

    def __init__(self):
        self.mails = []
        self.process = subprocess.Popen(["/usr/bin/python3", "-W", "ignore", ROOT / "tests/unit/coordinator/notify/smtp_sink.py"], stdout=subprocess.PIPE, text=True)
        self.url = f"smtp://127.0.0.1:{self.process.stdout.readline().strip()}"
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        for line in self.process.stdout:
            self.mails.append(json.loads(line))

    def close(self):
        self.process.kill()
        self.process.wait(10)
        self.process.stdout.close()


class AlarmLab(Lab):
    """A lab that tells of alarms, with one alarm on its node."""

    def __init__(self, hook, mail, **options):
        self.hook, self.mail = hook, mail
        super().__init__(**options)

    def _configure(self):
        super()._configure()
        (self.folder / "hook-token").write_text("h00k\n")
        with open(self.folder / "coordinator.toml", "a") as file:
            file.write(f"""
[alarms]
group_window = "100ms"
no_data = "4s"
[[alarms.webhook]]
name = "chat"
url = "{self.hook.url}"
token_file = "{self.folder}/hook-token"
[[alarms.mail]]
name = "oncall"
server = "{self.mail.url}"
tls = "none"
from = "labhub@example.org"
to = ["ada@example.org"]
severity = "major"
[[alarms.rule]]
id = "configured"
metric = "io_temp_in"
highhigh = 90
""")
        with open(self.folder / "sim-1/agent.toml", "a") as file:
            file.write("""
[[alarm]]
metric = "stirrer"
highhigh = 60
reaction = "safe"
actuators = ["stirrer"]
""")


class Alarms(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.hook, cls.mail = Webhook(), MailServer()
        cls.addClassCleanup(cls.hook.close)
        cls.addClassCleanup(cls.mail.close)
        cls.lab = AlarmLab(cls.hook, cls.mail).__enter__()
        cls.addClassCleanup(cls.lab.__exit__)

    def tearDown(self):
        """Nothing stays behind for the next test."""
        for rule in self.lab.request("GET", "/api/alarms/rules")["rules"]:
            if rule["set_by"].startswith("user:"):
                self.lab.request("DELETE", f"/api/alarms/rules/{rule['id']}")
        for experiment in self.lab.request("GET", "/api/experiments")["experiments"]:
            if experiment["status"] in ("queued", "preparing", "running"):
                self.lab.request("POST", f"/api/experiments/{experiment['experiment_id']}/stop", {})
                self.lab.wait_end(experiment["experiment_id"])
        for alarm in self.alarms():
            if not alarm["acknowledged"]:
                self.acknowledge(alarm)

    def alarms(self, **query):
        wanted = "&".join(f"{name}={value}" for name, value in query.items())
        return self.lab.request("GET", "/api/alarms" + ("?" + wanted if wanted else ""))["alarms"]

    def alarm_of(self, metric, **state):
        def look():
            for alarm in self.alarms():
                if alarm["metric"] == metric and all(alarm[name] == value for name, value in state.items()):
                    return alarm
            return None
        return wait_for(f"an alarm of {metric} with {state}", look)

    def acknowledge(self, alarm, comment="", **more):
        return self.lab.request("POST", f"/api/alarms/{alarm['id']}/acknowledge", {"comment": comment, **more})["alarm"]

    def set_rule(self, **rule):
        return self.lab.request("POST", "/api/alarms/rules", rule)["rule"]

    def history(self, **query):
        wanted = "&".join(f"{name}={value}" for name, value in query.items())
        return self.lab.request("GET", "/api/alarms/history?" + wanted)["events"]

    def cli(self, *words):
        return subprocess.run([BIN / "labhub", "--url", f"http://127.0.0.1:{self.lab.port}", "--token-file", self.lab.folder / "data/admin-token", *words],
                              capture_output=True, text=True, timeout=30)

    def ssh(self, *words):
        return subprocess.run(["ssh", "-F", "/dev/null", "-i", str(self.lab.folder / "operator"), "-o", "IdentitiesOnly=yes", "-o", "StrictHostKeyChecking=no",
                               "-o", "UserKnownHostsFile=/dev/null", "-o", "LogLevel=ERROR", "-p", str(self.lab.ssh_ports["sim-1"]), "operator@127.0.0.1", *words],
                              capture_output=True, text=True, timeout=20)

    def test_a_limit_is_raised_told_acknowledged_and_cleared(self):
        self.hook.messages.clear()
        rule = self.set_rule(metric="vial_A_temp", highhigh=-100, hysteresis=1, description="the bath is hot")
        self.assertEqual((rule["id"], rule["device"], rule["set_by"]), ("sim-1.vessel.vial_A_temp", "sim-1/vessel", "user:admin"))
        alarm = self.alarm_of("vial_A_temp", active=True)
        self.assertEqual((alarm["severity"], alarm["condition"], alarm["acknowledged"], alarm["unit"], alarm["checked_by"]), ("major", "highhigh", False, "Cel", "hub"))
        self.assertRegex(alarm["message"], r"vial_A_temp of sim-1/vessel is at or above -100 Cel: [\d.]+ Cel")
        told = wait_for("the webhook", lambda: [e for e in self.hook.events() if e["alarm"] == alarm["id"]])
        self.assertEqual((told[0]["event"], told[0]["severity"]), ("raised", "major"))
        self.assertEqual(self.hook.messages[0][1]["Authorization"], "Bearer h00k")
        mail = wait_for("the mail", lambda: self.mail.mails)[-1]
        self.assertEqual(mail["to"], ["ada@example.org"])
        self.assertIn("Subject: [labhub] MAJOR: vial_A_temp", mail["data"])
        metrics = self.lab.request("GET", "/metrics").decode()
        self.assertIn('labhub_alarms{severity="major"} 1', metrics)
        acknowledged = self.acknowledge(alarm, "I look after it")
        self.assertEqual((acknowledged["acknowledged_by"], acknowledged["comment"]), ("user:admin", "I look after it"))
        self.assertTrue(self.alarm_of("vial_A_temp")["acknowledged"])
        self.set_rule(metric="vial_A_temp", highhigh=500)
        wait_for("the alarm's end", lambda: not self.alarms())
        self.assertEqual([e["event"] for e in self.history(alarm=alarm["id"])], ["cleared", "acknowledged", "raised"])
        self.assertEqual(len(self.history(alarm=alarm["id"], limit=2)), 2)

    def test_a_person_uses_the_command_line(self):
        made = self.cli("alarms", "set", "vial_B_temp", "--high", "-50", "--low", "-60", "--id", "cold", "--reaction", "log")
        self.assertEqual(made.returncode, 0, made.stderr)
        alarm = self.alarm_of("vial_B_temp", active=True)
        shown = self.cli("alarms", "list")
        self.assertIn("vial_B_temp of sim-1/vessel is at or above -50 Cel", shown.stdout)
        self.assertIn("not acknowledged", shown.stdout)
        self.assertIn("configuration", self.cli("alarms", "rules").stdout)
        done = self.cli("alarms", "ack", alarm["id"][-6:], "-m", "seen")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("user:admin: seen", self.cli("alarms", "history", "--metric", "vial_B_temp").stdout)
        self.assertEqual(self.cli("alarms", "remove", "cold").returncode, 0)
        wait_for("the alarm's end", lambda: not [a for a in self.alarms() if a["metric"] == "vial_B_temp"])
        refused = self.cli("alarms", "remove", "configured")
        self.assertEqual(refused.returncode, 1)
        self.assertIn("configuration file", refused.stderr)

    def test_bad_rules_are_refused_with_what_would_be_right(self):
        for body, code, hint in [({"metric": "vial_A_temp", "high": 5, "low": 6}, "out_of_range", "lowlow < low"),
                                 ({"metric": "vial_Z_temp", "high": 5}, "not_found", "vial_A_temp"),
                                 ({"metric": "vial_A_temp", "high": 5, "reaction": "shout"}, "malformed", "notify"),
                                 ({"metric": "vial_A_temp", "high": 5, "delay": "soon"}, "malformed", "1h30m"),
                                 ({"metric": "vial_A_temp", "hihg": 5}, "malformed", "highhigh"),
                                 ({"id": "configured", "metric": "vial_A_temp", "high": 5}, "conflict", "change it there")]:
            with self.subTest(body), self.assertRaises(Refused) as refused:
                self.set_rule(**body)
            self.assertEqual(refused.exception.code, code, refused.exception)
            self.assertIn(hint, refused.exception.detail)
        with self.assertRaises(Refused) as refused:
            self.lab.submit("pass", device="sim-1/vessel", alarms=[{"metric": "vial_A_temp", "rule": "configured"}])
        self.assertIn("alarms[0]", refused.exception.message)

    def test_an_alarm_stops_the_experiment_and_says_so(self):
        job = self.lab.submit(HOLD_STIRRER, device="sim-1/vessel", alarms=[{"metric": "stirrer", "high": 40.5, "reaction": "stop", "description": "too fast"}])
        ended = self.lab.wait_end(job)
        self.assertEqual((ended["status"], ended["reason"]), ("stopped", "alarm"), ended)
        self.assertIn("stirrer of sim-1/vessel is at or above 40.5", ended["message"])
        self.assertTrue(self.lab.is_safe(), self.lab.outputs())
        described = json.loads(self.lab.results(job)["experiment.json"])
        self.assertEqual(described["reason"], "alarm")
        self.assertEqual((described["request"]["alarms"][0]["metric"], described["request"]["alarms"][0]["reaction"]), ("stirrer", "stop"))
        self.assertEqual((described["alarms"][0]["event"], described["alarms"][0]["condition"]), ("raised", "high"))
        self.assertEqual(self.history(experiment=job)[-1]["event"], "raised")

    def test_an_alarm_pauses_the_commands_until_it_is_over_or_a_person_lets_them_go_on(self):
        self.set_rule(metric="stirrer", high=40.5, id="fast", reaction="log")
        job = self.lab.submit(HOLD_STIRRER, device="sim-1/vessel", alarms=[{"rule": "fast", "reaction": "pause"}])
        self.lab.wait_log(job, "refused: commands are paused by an alarm: stirrer of sim-1/vessel")
        self.assertEqual(self.lab.experiment(job)["status"], "running")
        alarm = self.alarm_of("stirrer", active=True)
        self.assertEqual((alarm["experiment_id"], alarm["reaction"]), (job, "pause"))
        count = self.lab.logs(job).count("set\n")
        self.acknowledge(alarm)
        self.lab.wait_log(job, "until it has cleared; ")
        self.assertEqual(self.lab.logs(job).count("set\n"), count, "it is as fast as before")
        self.acknowledge(alarm, resume=True)
        wait_for("commands to go on", lambda: self.lab.logs(job).count("set\n") > count)

    def test_a_script_sees_the_alarms_but_can_not_acknowledge_them(self):
        self.set_rule(metric="vial_C_temp", high=-100)
        alarm = self.alarm_of("vial_C_temp", active=True)
        job = self.lab.submit(f"""
import labhub
print([a["metric"] for a in labhub.alarms()])
try:
    labhub.connect().call("POST", "/api/alarms/{alarm['id']}/acknowledge", body={{}})
except labhub.Forbidden:
    print("forbidden")
""", device="sim-1/vessel")
        self.assertEqual(self.lab.wait_end(job)["status"], "completed", self.lab.logs(job))
        self.assertIn("vial_C_temp", self.lab.logs(job))
        self.assertIn("forbidden", self.lab.logs(job))

    def test_the_node_makes_safe_what_its_own_alarm_is_about(self):
        self.lab.request("POST", "/api/devices/sim-1/vessel/set", {"values": {"stirrer": 70, "led": True}})
        alarm = self.alarm_of("stirrer", checked_by="node")
        self.assertEqual(alarm["highest_severity"], "major")
        wait_for("the stirrer's stop", lambda: not self.lab.outputs().get("stirrer"))
        self.assertTrue(self.lab.outputs().get("led"), "only what the alarm names is made safe")
        with self.assertRaises(Refused) as refused:
            self.lab.request("POST", "/api/devices/sim-1/vessel/set", {"values": {"stirrer": 30}})
        self.assertIn("held safe by an alarm", refused.exception.message)
        status = self.ssh("status")
        self.assertIn("ALARMS", status.stdout)
        self.alarm_of("stirrer", checked_by="node", active=False)
        self.acknowledge(self.alarm_of("stirrer", checked_by="node"), "a typing error")
        wait_for("the alarm's end", lambda: not [a for a in self.alarms() if a["checked_by"] == "node"])
        self.lab.request("POST", "/api/devices/sim-1/vessel/set", {"values": {"stirrer": 30}})
        self.lab.request("POST", "/api/devices/sim-1/vessel/set", {"values": {"stirrer": 65}})
        self.alarm_of("stirrer", checked_by="node", active=False)
        done = self.ssh("ack", "stirrer")
        self.assertEqual(done.returncode, 0, done.stderr)
        wait_for("the alarm's end", lambda: not [a for a in self.alarms() if a["checked_by"] == "node"])
        self.assertEqual(self.history(metric="stirrer")[0]["who"], "node:sim-1")
        self.lab.request("POST", "/api/devices/sim-1/vessel/hold", {})

    def test_what_could_not_be_told_is_told_after_a_restart(self):
        self.hook.fail = True
        self.hook.messages.clear()
        self.set_rule(metric="vial_D_temp", highhigh=-100, id="outage")
        alarm = self.alarm_of("vial_D_temp", active=True)
        wait_for("the hub to say that it can't tell", lambda: any("chat" in d["part"] for d in self.lab.request("GET", "/health")["degraded"]))
        self.lab.kill("coordinator")
        self.hook.fail = False
        self.lab.start_coordinator()
        self.lab.wait_until_online()
        wait_for("the webhook", lambda: [e for e in self.hook.events() if e["alarm"] == alarm["id"] and e["event"] == "raised"])
        self.assertEqual(self.alarm_of("vial_D_temp", active=True)["id"], alarm["id"])

    def test_silence_is_an_alarm(self):
        self.set_rule(metric="vial_A_135_degree", no_data="2s", id="silent")
        self.lab.kill("agent sim-1")
        try:
            alarm = self.alarm_of("vial_A_135_degree", active=True)
            self.assertEqual((alarm["severity"], alarm["condition"]), ("invalid", "no_data"))
        finally:
            self.lab.start_agent("sim-1")
            self.lab.wait_until_online()
        self.alarm_of("vial_A_135_degree", active=False)


if __name__ == "__main__":
    unittest.main()
