"""What careless and hostile clients send: each is told what is wrong, where, and what would be right; nothing else happens."""
import hashlib
import json
import socket
import sqlite3
import subprocess
import unittest

from lab import BIN, Lab, Refused, wait_for

SCRIPT_LIMIT = 1 << 20
CORPSE = b"this was never a database, but somebody may still want it back\n" * 200


class HubCase(unittest.TestCase):
    """One lab for the whole class."""

    @classmethod
    def setUpClass(cls):
        cls.lab = Lab().__enter__()
        cls.addClassCleanup(cls.lab.__exit__)

    def refused(self, status, verb, path, body=None, says=(), **more):
        """The refusal, which must have the hub's error shape, this status, and every text of `says` in it."""
        with self.assertRaises(Refused) as caught:
            self.lab.request(verb, path, body, **more)
        refusal = caught.exception
        shown = json.dumps(refusal.error, ensure_ascii=False)
        self.assertEqual(refusal.status, status, shown)
        self.assertEqual(refusal.error["status"], "error")
        self.assertEqual(set(refusal.error["error"]), {"code", "message", "detail"})
        self.assertEqual(refusal.error["detail"], refusal.message)
        self.assertLess(len(shown), 2000)
        for text in says if isinstance(says, (tuple, list)) else (says,):
            self.assertIn(text, refusal.message + " | " + refusal.detail)
        return refusal

    def operations(self):
        document = self.lab.request("GET", "/openapi.json")
        return [(verb.upper(), path, op) for path, verbs in document["paths"].items() for verb, op in verbs.items()]

    def leases(self):
        with sqlite3.connect(f"file:{self.lab.folder}/data/labhub.db?mode=ro", uri=True) as database:
            return database.execute("SELECT count(*) FROM leases").fetchone()[0]


class Requests(HubCase):
    def test_broken_json_is_refused_with_its_place(self):
        refused = self.refused(400, "POST", "/api/hardware/stirrer", raw=b'{\n  "duty_cycle": 4,\n  oops\n}', says="line 3, column")
        self.assertEqual(refused.code, "malformed")
        for body in (b"{", b"}", b"[1,", b'{"a":1}{"b":2}', b"\x00", b'{"duty_cycle": 1,}', b"'", b"nul", b"+1", b'{"duty_cycle": 0x10}',
                     b'{"duty_cycle": NaN}', b'{"duty_cycle": Infinity}', b'{"duty_cycle": -Infinity}', b'\xef\xbb\xbf{"duty_cycle": 1}'):
            self.refused(400, "POST", "/api/hardware/stirrer", raw=body, says="line 1, column")

    def test_text_that_is_not_utf8_is_refused(self):
        for body in (b'{"script_content": "print(\'\xff\')"}', b'{"script_content": "\xc0\xaf"}', b'{"script_content": "\xed\xa0\x80"}', "\ufeffé".encode("utf-16")):
            self.refused(400, "POST", "/api/experiments/start", raw=body)
        self.refused(400, "POST", "/api/experiments/start", raw=b'{"script_content": "\\ud800"}')

    def test_deep_nesting_is_refused_quickly(self):
        for opening, closing in ((b"[", b"]"), (b'{"a":', b"}")):
            body = opening * 100_000 + b"1" + closing * 100_000
            self.refused(400, "POST", "/api/hardware/control", raw=body, says="line 1")

    def test_the_body_must_be_what_the_operation_takes(self):
        stirrer = "/api/hardware/stirrer"
        self.refused(400, "POST", stirrer, {}, says="'duty_cycle' is missing")
        self.refused(400, "POST", stirrer, says="'duty_cycle' is missing")
        self.refused(400, "POST", stirrer, {"duty_cycle": 1, "duty_cycl": 2}, says=("unknown field 'duty_cycl'", "duty_cycle"))
        for wrong in ("40", None, [40], {"is": 40}, True):
            self.refused(400, "POST", stirrer, {"duty_cycle": wrong}, says="'duty_cycle' must be a number")
        for body in ([], 3, "text", None, True):
            self.refused(400, "POST", stirrer, raw=json.dumps(body).encode(), says="the body must be an object")
        self.refused(400, "POST", "/api/hardware/led", {"state": 1}, says="true or false")
        self.refused(400, "POST", "/api/hardware/ring-light", {"color": [1, 2]}, says="three")
        self.refused(400, "POST", "/api/hardware/ring-light", {"color": [1, 2, 2.5]}, says=("color[2]", "whole number"))
        self.refused(400, "POST", "/api/hardware/ring-light", {"color": [1, 2, 1e300]}, says=("color[2]", "whole number"))
        self.refused(400, "POST", "/api/hardware/control", {"endpoint": "laser", "data": {}}, says=("laser", "ring-light"))
        self.refused(400, "POST", "/api/hardware/control", {"endpoint": "pump", "data": {"pump_name": 3, "ml_per_sec": 1}}, says="data.pump_name")
        self.refused(400, "POST", "/api/devices/sim-1/vessel/set", {"values": {}}, says="no values")
        self.refused(400, "POST", "/api/devices/sim-1/vessel/set", {"values": {"stirrer": [1]}}, says="stirrer")
        self.refused(400, "POST", "/api/devices/sim-1/vessel/set", {"values": {"stirrer": "fast"}})
        self.refused(400, "POST", "/api/devices/sim-1/vessel/set", {"values": {"x" * 100_000: [1]}})
        self.refused(400, "GET", "/api/nodes", {"surprise": 1}, says="unknown field")

    def test_values_out_of_range_are_refused_with_the_range(self):
        for value in (-1, 100.5, 1e300, -1e300):
            self.refused(422, "POST", "/api/hardware/stirrer", {"duty_cycle": value}, says=("0", "100"))
        for raw in (b'{"duty_cycle": 1e400}', b'{"duty_cycle": -1e400}', b'{"duty_cycle": 1' + b"0" * 400 + b"}"):
            with self.assertRaises(Refused) as caught:
                self.lab.request("POST", "/api/hardware/stirrer", raw=raw)
            self.assertIn(caught.exception.status, (400, 422), caught.exception.error)
        self.refused(422, "POST", "/api/hardware/peltier", {"power": 101, "forward": True}, says="0 to 100")
        self.refused(422, "POST", "/api/hardware/pump", {"pump_name": "A_in", "ml_per_sec": -0.1}, says="0")
        self.refused(422, "POST", "/api/hardware/ring-light", {"color": [0, 0, 256]}, says="0 to 255")
        self.refused(422, "POST", "/api/hardware/ring-light", {"color": [0, 0, 1], "pixel": 32}, says="0 to 31")
        self.refused(422, "POST", "/api/devices/sim-1/vessel/set", {"values": {"led": True, "stirrer": 400}}, says="100")
        self.assertTrue(self.lab.is_safe(), self.lab.outputs())

    def test_what_is_not_there_is_named_with_what_is(self):
        self.refused(404, "GET", "/api/devices/sim-9/vessel", says=("sim-9/vessel", "sim-1/vessel"))
        self.refused(404, "GET", "/api/hardware/sensors?device=sim-1/other", says="sim-1/vessel")
        self.refused(404, "POST", "/api/devices/sim-1/vessel/set", {"values": {"warp": 1}}, says=("warp", "stirrer"))
        self.refused(404, "POST", "/api/hardware/pump", {"pump_name": "E_in", "ml_per_sec": 1}, says="pump_E_in")
        self.refused(404, "POST", "/api/experiments/start", {"script_content": "1", "config": {"device": "sim-9/vessel"}}, says="sim-1/vessel")
        for verb, path in (("GET", "status"), ("GET", "results"), ("GET", "download"), ("GET", "logs"), ("POST", "stop")):
            self.refused(404, verb, f"/api/experiments/nobody/{path}", says="nobody")
        self.refused(404, "DELETE", "/api/experiments/nobody")
        self.refused(404, "GET", "/api/teapot", says=("GET /api/teapot", "/openapi.json"))
        self.refused(404, "GET", "/")
        for path in ("/api/experiments/../../etc/passwd/logs", "/api/experiments/..%2f..%2fetc%2fpasswd/logs", "/api/experiments/%2e%2e/logs", "/api//nodes", "/api/nodes/"):
            self.refused(404, "GET", path)

    def test_sensors_can_not_be_set(self):
        self.refused(403, "POST", "/api/devices/sim-1/vessel/set", {"values": {"vial_A_temp": 37}}, says=("vial_A_temp", "sensor"))

    def test_a_wrong_verb_is_told_the_right_ones(self):
        for verb, path, allowed in (("GET", "/api/hardware/led", "POST"), ("PUT", "/api/hardware/led", "POST"), ("DELETE", "/api/nodes", "GET"), ("POST", "/health", "GET"),
                                    ("PATCH", "/api/experiments/x/stop", "POST"), ("BREW", "/api/nodes", "GET")):
            refused = self.refused(405, verb, path, says=allowed)
            self.assertEqual(refused.headers["Allow"], allowed)

    def test_unknown_and_wrong_query_parameters_are_refused(self):
        self.refused(400, "GET", "/api/nodes?all=1", says="?all")
        self.refused(400, "GET", "/api/experiments?colour=red", says="?colour")
        readings = "/api/devices/sim-1/vessel/readings"
        for wrong in ("after=x", "after=1.5", "after=", "wait=1e3", "limit=0x10", "limit=99999999999999999999"):
            self.refused(400, "GET", f"{readings}?{wrong}", says="whole number")
        for wrong, allowed in (("after=-1", "0 to"), ("wait=61", "0 to 60"), ("limit=0", "1 to 600"), ("limit=601", "1 to 600")):
            self.refused(422, "GET", f"{readings}?{wrong}", says=allowed)
        self.refused(400, "GET", f"{readings}?after=%zz")
        self.refused(400, "GET", "/api/hardware/sensors?device=vessel", says="node/device")
        self.refused(400, "GET", "/api/hardware/sensors?device=../x", says="not a valid name")
        self.refused(422, "POST", "/api/maintenance/cleanup?max_age_hours=-1", says="0 to")

    def test_a_command_id_is_a_name(self):
        for wrong in ("", "a b", "x" * 65, "../x", "é", "a\nb"):
            self.refused(400, "POST", "/api/hardware/stirrer", {"duty_cycle": 1, "command_id": wrong}, says="command_id")
            self.refused(400, "POST", "/api/devices/sim-1/vessel/set", {"values": {"stirrer": 1}, "command_id": wrong}, says="command_id")

    def test_heads_and_lines_no_client_should_send(self):
        for sent, status in ((b"\r\n\r\n\r\n", None), (b"GET\r\n\r\n", 400), (b"GET / HTTP/9.9\r\n\r\n", 400), (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400),
                             (b"GET /%00 HTTP/1.1\r\nHost: x\r\n\r\n", None), (b"GET /\xff HTTP/1.1\r\nHost: x\r\n\r\n", None),
                             (b"GET /health HTTP/1.1\r\nHost: x\r\nX: " + b"a" * 40_000 + b"\r\n\r\n", 431),
                             (b"POST /api/nodes HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n", 400),
                             (b"POST /api/nodes HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
                             (b"POST /api/nodes HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", 400)):
            with socket.create_connection(("127.0.0.1", self.lab.port), timeout=15) as line:
                line.sendall(sent)
                line.shutdown(socket.SHUT_WR)
                answer = b""
                while part := line.recv(65536):
                    answer += part
            if status:
                self.assertTrue(answer.startswith(f"HTTP/1.1 {status} ".encode()), (sent[:60], answer[:200]))
            self.assertNotIn(b" 200 ", answer[:20], sent[:60])
            self.assertNotIn(b" 500 ", answer[:20], sent[:60])
        self.assertEqual(self.lab.request("GET", "/health")["status"], "healthy")


class Access(HubCase):
    def test_nothing_but_health_is_open_to_strangers(self):
        operations = self.operations()
        self.assertGreater(len(operations), 25)
        for verb, path, _ in operations:
            path = path.replace("{node}", "sim-1").replace("{device}", "vessel").replace("{id}", "some")
            if path == "/health":
                self.lab.request(verb, path, token=False)
                continue
            for headers in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": "Bearer "}, {"Authorization": self.lab.token}, {"Authorization": "Basic " + self.lab.token},
                            {"Authorization": "Bearer " + self.lab.token[:-1]}, {"Authorization": "Bearer " + self.lab.token + "0"}):
                refused = self.refused(401, verb, path, raw=b"{not json", token=False, headers=headers)
                self.assertEqual((refused.code, refused.headers["WWW-Authenticate"]), ("unauthenticated", "Bearer"))

    def test_a_script_reaches_only_what_is_open_to_scripts(self):
        """Also one that has got hold of the token: who asks is known from the door it came in by."""
        script = """
import http.client, json, os
for verb, path, access in json.loads(os.environ["OPERATIONS"]):
    for headers in ({}, {"Authorization": "Bearer " + os.environ["STOLEN"]}):
        hub = http.client.HTTPConnection("127.0.0.1", 8000, timeout=20)
        hub.request(verb, path.replace("{id}", os.environ["EXPERIMENT_ID"]).replace("{node}", "sim-1").replace("{device}", "vessel"), b"{}" if verb == "POST" else None, headers)
        reply = hub.getresponse()
        if reply.getheader("Content-Type") != "text/event-stream":
            reply.read()
        reply.close()
        hub.close()
        fine = reply.status not in (401, 403, 500) if access in ("anyone", "user or job", "owner or job") else reply.status == 403
        print("as it should" if fine else "WRONG", verb, path, reply.status, flush=True)
"""
        operations = [(verb, path, op["x-labhub-access"]) for verb, path, op in self.operations()]
        job = self.lab.submit(script, environment={"OPERATIONS": json.dumps(operations), "STOLEN": self.lab.token})
        ended = self.lab.wait_end(job)
        logs = self.lab.logs(job)
        self.assertEqual(ended["status"], "completed", logs)
        self.assertNotIn("WRONG", logs)
        self.assertEqual(logs.count("as it should"), 2 * len(operations), logs)
        self.assertGreater(sum(access in ("user", "owner", "self", "admin") for *_, access in operations), 10)

    def test_the_token_is_for_its_owner_only(self):
        token = self.lab.folder / "data/admin-token"
        self.assertEqual(token.stat().st_mode & 0o777, 0o600)
        self.assertEqual((self.lab.folder / "data").stat().st_mode & 0o777, 0o700)


class Scripts(HubCase):
    def start(self, script, **more):
        return {"script_content": script, **more}

    def test_what_can_not_be_a_script_is_refused_before_it_holds_a_lease(self):
        kept = lambda: (self.leases(), self.lab.request("GET", "/api/experiments"), sorted((self.lab.folder / "data/experiments").iterdir()))
        before = kept()
        self.refused(400, "POST", "/api/experiments/start", self.start("print('fine')\nfor x in\n"), says="line 2")
        self.refused(400, "POST", "/api/experiments/start", self.start("def f():\nprint(1)\n"), says="line 2")
        self.refused(400, "POST", "/api/experiments/start", self.start("x = (" * 3000), says="line")
        self.refused(400, "POST", "/api/experiments/start", self.start("-" * 500_000 + "1"))
        self.refused(400, "POST", "/api/experiments/start", self.start(""), says="empty")
        self.refused(400, "POST", "/api/experiments/start", self.start("print(1)\0"), says="NUL byte at offset 8")
        self.refused(400, "POST", "/api/experiments/start", {"script": "1"})
        self.refused(413, "POST", "/api/experiments/start", self.start("#" * (SCRIPT_LIMIT + 1)), says=str(SCRIPT_LIMIT))
        self.refused(413, "POST", "/api/experiments/start", self.start("#" * 3 * SCRIPT_LIMIT))
        self.assertEqual(kept(), before)

    def test_limits_that_make_no_sense_are_refused_with_what_would(self):
        for config, status, says in (({"time_limit": "0s"}, 422, "1s to 90d"), ({"time_limit": "soon"}, 400, "soon"), ({"time_limit": -5}, (400, 422), ""), ({"time_limit": True}, 400, "time_limit"),
                                     ({"time_limit": 1e300}, (400, 422), ""), ({"memory": "1k"}, 422, "32m"), ({"memory": "lots"}, 400, "512m"), ({"memory": "99999999999t"}, 422, ""),
                                     ({"memory": -1}, 400, ""), ({"cpus": 0}, 422, "0.05"), ({"cpus": 1e9}, 422, "256"), ({"cpus": "2"}, 400, "number"), ({"output_limit": "2000g"}, 422, ""),
                                     ({"environment": {"A B": "1"}}, 400, "A B"), ({"environment": {"": "1"}}, 400, "variable"), ({"environment": {"A": 1}}, 400, "environment.A"),
                                     ({"environment": {"A": "x" * 40_000}}, 413, "32768"), ({"environment": {"A": "\0"}}, 400, "NUL"), ({"queue": "no"}, 400, "true or false"),
                                     ({"colour": "red"}, 400, "config.colour"), ({"device": 7}, 400, "config.device")):
            with self.assertRaises(Refused, msg=config) as caught:
                self.lab.request("POST", "/api/experiments/start", self.start("1", config=config))
            refused = caught.exception
            self.assertIn(refused.status, status if isinstance(status, tuple) else (status,), (config, refused.error))
            self.assertIn(says, refused.message + refused.detail, config)

    def test_an_experiment_id_is_a_name_and_is_used_once(self):
        for wrong in ("../x", "..", ".", "", "a/b", "-rf", "x" * 65, "x" * 100_000, "a b", "a\nb", "é", "a\0b", "%2e%2e"):
            self.refused(400, "POST", "/api/experiments/start", self.start("1", experiment_id=wrong), says="experiment_id")
        self.assertFalse((self.lab.folder / "data/x").exists())
        self.lab.submit("1", experiment_id="once")
        self.refused(409, "POST", "/api/experiments/start", self.start("1", experiment_id="once"), says="once")
        self.lab.wait_end("once")
        self.refused(409, "POST", "/api/experiments/start", self.start("1", experiment_id="once"), says="once")

    def test_no_shell_ever_reads_a_script_or_its_environment(self):
        mark = self.lab.folder / "made-by-a-shell"
        evil = f"""'; touch {mark}; echo "$(touch {mark})" `touch {mark}` \\" && touch {mark} | tee ${{IFS}} %s %n {{}} \t\r\n$HOME *"""
        script = f"import hashlib, os\nevil = {evil!r}\nprint('same' if os.environ['EVIL'] == evil else 'DIFFERENT')\n" \
                 f"print(hashlib.sha256(open('/app/user_script.py', 'rb').read()).hexdigest())\n# {evil.splitlines()[0]}\n"
        job = self.lab.submit(script, environment={"EVIL": evil, "LD_PRELOAD": "/nowhere.so"})
        ended = self.lab.wait_end(job)
        self.assertEqual(ended["status"], "completed", self.lab.logs(job))
        logs = self.lab.logs(job)
        self.assertIn("same", logs)
        self.assertIn(hashlib.sha256(script.encode()).hexdigest(), logs)
        files = self.lab.results(job)
        self.assertEqual(files["script.py"].decode(), script)
        self.assertEqual(json.loads(files["experiment.json"])["request"]["environment"]["EVIL"], evil)
        self.assertFalse(mark.exists())

    def test_logs_can_be_read_from_any_offset(self):
        job = self.lab.submit("import sys\nprint('äöü' * 3)\nsys.stdout.flush()\nsys.stdout.buffer.write(bytes([0xff, 0xfe, 0x80, 0xe2, 0x82]))\n")
        self.lab.wait_end(job)
        size = len("äöü".encode()) * 3 + 1 + 5
        whole = self.lab.request("GET", f"/api/experiments/{job}/logs?from=0")
        self.assertEqual((whole["next"], whole["ended"]), (size, True))
        self.assertTrue(whole["logs"].startswith("äöüäöüäöü\n\ufffd"), whole)
        for offset in (1, 2, size - 1, size, size + 1, 1 << 40):
            part = self.lab.request("GET", f"/api/experiments/{job}/logs?from={offset}&stream=stdout")
            self.assertEqual((part["next"], part["ended"]), (max(size, offset), True))
        self.assertEqual(self.lab.request("GET", f"/api/experiments/{job}/logs?from=0&stream=stderr")["logs"], "")
        for query, status in (("from=-1", 422), ("from=x", 400), ("tail=0", 422), ("tail=-5", 422), ("tail=1000000", 422), ("from=0&stream=stdin", 400), ("from=0&stream=../job.json", 400)):
            self.refused(status, "GET", f"/api/experiments/{job}/logs?{query}")


class Starting(unittest.TestCase):
    """A coordinator that can't start says why, exits with a status of its own, and leaves what it found."""

    def setUp(self):
        self.lab = Lab()
        self.addCleanup(self.lab.__exit__)
        self.lab._configure()
        self.data = self.lab.folder / "data"
        self.data.mkdir(exist_ok=True)

    def fails(self, *says, prefix=()):
        done = subprocess.run([*prefix, BIN / "labhub-coordinator", "--config", self.lab.folder / "coordinator.toml"], capture_output=True, text=True, timeout=30)
        self.assertIn(done.returncode, (1, 2), done.stderr)
        last = [line for line in done.stderr.splitlines() if line.startswith("labhub-coordinator: ")]
        self.assertEqual(len(last), 1, done.stderr)
        for text in says:
            self.assertIn(text, last[0])

    def test_a_corrupt_database_is_named_and_kept(self):
        (self.data / "telemetry").mkdir()
        for name in ("labhub.db", "telemetry.db", "telemetry/journal.db"):
            (self.data / name).write_bytes(CORPSE)
            self.fails(name, "not a database")
            self.assertEqual((self.data / name).read_bytes(), CORPSE)
            (self.data / name).unlink()

    def test_a_database_with_a_spoilt_page_is_named_and_kept(self):
        # None of these has a broker or a node to talk to; the coordinator alone is enough to make its files.
        self.lab.start_coordinator()
        self.lab.end("coordinator")
        database = self.data / "labhub.db"
        spoilt = bytearray(database.read_bytes())
        spoilt[100:3000] = b"\xa5" * 2900
        database.write_bytes(spoilt)
        self.fails("labhub.db")
        self.assertEqual(database.read_bytes(), bytes(spoilt))

    def test_a_read_only_data_folder(self):
        read_only = ["unshare", "-m", "sh", "-c", 'mount --bind "$0" "$0" && mount -o remount,ro,bind "$0" && exec "$@"', str(self.data)]
        if subprocess.run([*read_only, "true"], capture_output=True).returncode != 0:
            self.skipTest("no right to mount here")
        self.fails("Read-only file system", str(self.data), prefix=read_only)

    def test_a_second_coordinator_on_the_same_folder(self):
        self.lab.start_coordinator()
        self.fails("another coordinator", str(self.data))
        self.assertTrue(self.lab.answers())

    def test_a_port_in_use(self):
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", self.lab.port))
            taken.listen()
            self.fails("http.listen", str(self.lab.port), "in use")

    def test_a_missing_or_broken_enrolment(self):
        enrolment = self.lab.folder / "nodes.toml"
        enrolment.unlink()
        self.fails("nodes.toml")
        enrolment.write_text('[[node]]\nid = "sim-1"\nssh = 22\n')
        self.fails("nodes.toml")

    def test_broken_configuration(self):
        config = self.lab.folder / "coordinator.toml"
        good = config.read_text()
        for text, says in (("[http\n", "coordinator.toml"), (good + "[surprise]\nx = 1\n", "surprise"), (good.replace('"127.0.0.1:', '"nowhere:', 1), "nowhere"),
                           (good.replace("127.0.0.1:" + str(self.lab.port), "127.0.0.1"), "has no port"), (good.replace("127.0.0.1:" + str(self.lab.port), "127.0.0.1:99999"), "99999")):
            config.write_text(text)
            self.fails(says)
        config.write_text(good)
        (self.data / "admin-token").write_text("")
        self.fails("admin-token", "delete it")

    def test_a_node_with_another_host_key_is_not_talked_to(self):
        enrolment = self.lab.folder / "nodes.toml"
        real = next(line.split('"')[1] for line in enrolment.read_text().splitlines() if line.startswith("host_key"))
        other = "SHA256:" + "A" * 43
        enrolment.write_text(enrolment.read_text().replace(real, other))
        self.lab.start("broker", "mosquitto", "-c", self.lab.folder / "mosquitto.conf")
        self.lab.start_simulator("sim-1")
        self.lab.start_agent("sim-1")
        self.lab.start_coordinator()
        node = wait_for("both fingerprints named", lambda: next((n for n in self.lab.request("GET", "/api/nodes")["nodes"] if real in n["link"] and other in n["link"]), None))
        self.assertNotEqual(node["link"], "connected")
        with self.assertRaises(Refused) as refused:
            wait_for("a refusal for want of a session", lambda: self.tried_to_set())
        self.assertEqual(refused.exception.status, 503)
        self.assertEqual(self.lab.request("GET", "/health")["status"], "degraded")

    def tried_to_set(self):
        """Sets something; 404 only says that the device isn't announced yet."""
        try:
            self.lab.request("POST", "/api/devices/sim-1/vessel/set", {"values": {"stirrer": 5}})
            return "set"
        except Refused as refused:
            if refused.status == 503 and "announce" not in refused.message:
                raise
            return None


if __name__ == "__main__":
    unittest.main()
