"""A hub under attack: floods, hammers, liars on the wires and kills at any moment. It keeps answering, loses nothing, and
leaves the vessel safe."""
import concurrent.futures
import contextlib
import csv
import io
import random
import resource
import socket
import sqlite3
import struct
import subprocess
import threading
import time
import unittest

from lab import FINAL, ROOT, Lab, Refused, wait_for

ANSWER_S = 1.0  # /health must answer within this, whatever goes on
LOG_CAP = 16 << 20


class Pulse:
    """Asks for /health again and again while the block runs, on new connections, and notes how long each answer took."""

    def __init__(self, lab):
        self.lab, self.times, self.failure = lab, [], None
        self.over = threading.Event()
        self.thread = threading.Thread(target=self._beat)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.over.set()
        self.thread.join()

    def _beat(self):
        while not self.over.wait(0.05):
            began = time.monotonic()
            try:
                self.lab.request("GET", "/health", token=False)
            except Exception as failure:
                self.failure = self.failure or failure
            self.times.append(time.monotonic() - began)

    def check(self, case):
        case.assertIsNone(self.failure)
        case.assertGreater(len(self.times), 3)
        case.assertLess(max(self.times), ANSWER_S, sorted(self.times)[-5:])


def rows(lab, query):
    with contextlib.closing(sqlite3.connect(f"file:{lab.folder}/data/labhub.db?mode=ro", uri=True)) as database:
        return database.execute(query).fetchall()


class Floods(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.lab = Lab().__enter__()
        cls.addClassCleanup(cls.lab.__exit__)

    def connect(self):
        return socket.create_connection(("127.0.0.1", self.lab.port), timeout=10)

    def test_ten_thousand_connections_that_say_nothing(self):
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 12_000), hard))
        count = min(10_000, resource.getrlimit(resource.RLIMIT_NOFILE)[0] - 500)
        silent = []
        try:
            with Pulse(self.lab) as pulse:
                for _ in range(count):
                    silent.append(self.connect())
                time.sleep(0.5)
            pulse.check(self)
            self.assertEqual(len(silent), count)
        finally:
            for connection in silent:
                connection.close()
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        with Pulse(self.lab) as after:
            time.sleep(0.5)
        after.check(self)
        self.assertEqual(self.lab.request("GET", "/health")["status"], "healthy")

    def test_requests_that_never_end_are_ended(self):
        head = b"POST /api/hardware/stirrer HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " + self.lab.token.encode() + b"\r\n"
        def answer(connection):
            connection.settimeout(45)
            return connection.recv(65536)
        with contextlib.ExitStack() as open_lines:
            slow_head, slow_body, no_chunk = (open_lines.enter_context(self.connect()) for _ in range(3))
            slow_head.sendall(head)
            slow_body.sendall(head + b"Content-Length: 1000\r\n\r\n{")
            no_chunk.sendall(head + b"Transfer-Encoding: chunked\r\n\r\n5\r\n{\"dut\r\n")
            others = [open_lines.enter_context(self.connect()) for _ in range(200)]
            for other in others:
                other.sendall(head + b"Content-Length: 100000\r\n\r\n")
            over = threading.Event()
            def dribble():
                while not over.wait(0.5):
                    for line, part in ((slow_head, b"X: y\r\n"), (slow_body, b" ")):
                        with contextlib.suppress(OSError):
                            line.sendall(part)
            dribbler = threading.Thread(target=dribble)
            dribbler.start()
            began = time.monotonic()
            with Pulse(self.lab) as pulse:
                self.assertIn(b" 408 ", answer(slow_head)[:20])
                self.assertLess(time.monotonic() - began, 15)
                self.assertIn(b" 408 ", answer(slow_body)[:20])
                self.assertIn(b" 408 ", answer(no_chunk)[:20])
                self.assertLess(time.monotonic() - began, 40)
            over.set()
            dribbler.join()
            pulse.check(self)

    def test_a_body_past_the_limit_is_refused_while_it_comes(self):
        head = b"POST /api/experiments/start HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " + self.lab.token.encode() + b"\r\n"
        with self.connect() as chunked:
            chunked.sendall(head + b"Transfer-Encoding: chunked\r\n\r\n")
            chunk = b"10000\r\n" + b" " * 65536 + b"\r\n"
            with contextlib.suppress(OSError):
                for _ in range(1000):  # 64 MiB, if the hub took it
                    chunked.sendall(chunk)
                self.fail("the hub took 64 MiB")
            answer = b""
            with contextlib.suppress(OSError):
                answer = chunked.recv(65536)
            if answer:  # the reset that follows may overtake it
                self.assertIn(b" 413 ", answer[:20])
        with self.connect() as claimed:
            claimed.sendall(head + b"Content-Length: 99999999999\r\n\r\n")
            self.assertIn(b" 413 ", claimed.recv(65536)[:20])

    def test_a_hundred_submissions_at_once_are_all_kept(self):
        lab = self.lab
        first = lab.submit("import time\nprint('first', flush=True)\ntime.sleep(600)\n")
        lab.wait_log(first, "first")
        with Pulse(lab) as pulse, concurrent.futures.ThreadPoolExecutor(100) as many:
            ids = list(many.map(lambda n: lab.submit(f"print({n})\n", experiment_id=f"flood-{n}"), range(100)))
        pulse.check(self)
        listed = {e["experiment_id"]: e for e in lab.request("GET", "/api/experiments")["experiments"]}
        self.assertEqual({listed[i]["status"] for i in ids}, {"queued"})
        self.assertEqual(sorted(listed[i]["queue_position"] for i in ids), list(range(1, 101)))
        # Stopping races with the queue, which may start at any moment now.
        lab.request("POST", f"/api/experiments/{first}/stop")
        with concurrent.futures.ThreadPoolExecutor(30) as many:
            list(many.map(lambda i: lab.request("POST", f"/api/experiments/{i}/stop"), ids[5:]))
        for i in [first, *ids]:
            ended = lab.wait_end(i)
            self.assertIn((ended["status"], ended["reason"]), {("completed", ""), ("stopped", "user")}, ended)
        self.assertEqual({lab.experiment(i)["status"] for i in ids[:5]}, {"completed"})
        self.assertEqual({lab.experiment(i)["exit_code"] for i in ids[50:] if lab.experiment(i)["started_at"] is None}, {None})
        wait_for("no open lease", lambda: rows(lab, "SELECT count(*) FROM leases WHERE ended_ms IS NULL") == [(0,)], 5)
        self.assertEqual(lab.request("GET", "/api/devices")["devices"][0]["lease"], None)
        self.assertTrue(lab.is_safe())

    def test_of_many_that_will_not_wait_one_gets_the_device(self):
        lab = self.lab
        def attempt(n):
            try:
                return lab.submit("import time\ntime.sleep(600)\n", queue=False)
            except Refused as refused:
                self.assertEqual(refused.status, 409)
                return None
        with concurrent.futures.ThreadPoolExecutor(20) as many:
            got = [job for job in many.map(attempt, range(20)) if job]
        self.assertEqual(len(got), 1)
        lab.request("POST", f"/api/experiments/{got[0]}/stop")
        lab.wait_end(got[0])

    def test_results_are_deleted_once_however_many_ask(self):
        lab = self.lab
        job = lab.submit("1", experiment_id="to-delete")
        lab.wait_end(job)
        with concurrent.futures.ThreadPoolExecutor(8) as many:
            counts = list(many.map(lambda _: lab.request("POST", "/api/maintenance/cleanup?max_age_hours=0")["cleaned_count"], range(8)))
        self.assertGreaterEqual(sum(counts), 1)
        self.assertEqual(len([e for e in lab.request("GET", "/api/experiments")["experiments"] if e["experiment_id"] == job]), 0)
        self.assertEqual(lab.wait_end(lab.submit("1", experiment_id="to-delete"))["status"], "completed")

    def test_a_script_that_prints_fifty_megabytes_of_noise(self):
        lab = self.lab
        job = lab.submit("import os, sys\nblock = bytes([0xff, 0xc3, 0x80, 0x0a, 0x00, 0xf0]) * 10000\n"
                         "for _ in range(850): os.write(1, block)\nprint('end', file=sys.stderr)\n")
        slowest = 0
        with Pulse(lab) as pulse:
            for _ in range(2000):
                began = time.monotonic()
                lab.request("GET", f"/api/experiments/{job}/logs?tail=100000")
                lab.request("GET", f"/api/experiments/{job}/logs?from=0")
                slowest = max(slowest, time.monotonic() - began)
                if lab.experiment(job)["status"] in FINAL:
                    break
        pulse.check(self)
        self.assertLess(slowest, 3)
        ended = lab.wait_end(job)
        self.assertEqual(ended["status"], "completed", ended)
        size = (lab.job_folder(job) / "stdout.txt").stat().st_size
        self.assertLessEqual(size, LOG_CAP + 4096)
        self.assertGreater(size, LOG_CAP // 2)
        at, text = 0, 0
        for _ in range(200):  # in pieces, as a follower reads it
            part = lab.request("GET", f"/api/experiments/{job}/logs?from={at}")
            text += len(part["logs"])
            if part["ended"]:
                break
            self.assertGreater(part["next"], at)
            at = part["next"]
        self.assertEqual(part["next"], size)

    def test_a_script_that_leaves_strange_things(self):
        lab = self.lab
        job = lab.submit(r"""
import os, socket, stat
os.symlink("/etc/passwd", "link")
os.symlink("/etc", "folder-link")
os.symlink(".", "loop")
os.mkfifo("fifo")
socket.socket(socket.AF_UNIX).bind("socket")
for name, make in (("device", lambda: os.mknod("device", 0o666 | stat.S_IFBLK, os.makedev(8, 0))), ("null", lambda: os.mknod("null", 0o666 | stat.S_IFCHR, os.makedev(1, 3)))):
    try: make()
    except OSError: pass
with open("huge", "wb") as f:
    try: f.truncate(1 << 40); print("HUGE")
    except OSError: pass
for name in ("sparse-1", "sparse-2"):  # each fits, both do not
    with open(name, "wb") as f: f.truncate(50 << 20)
for name in ("new\nline", "quote\"'$(x)", "back\\slash", "..\\..\\up", "-rf", " ", "ümläut", "\x1b[31m", b"not-\xff-utf8", "x" * 255):
    with open(name, "wb") as f: f.write(b"kept")
os.mkdir("shut"); open("shut/inside", "w").write("kept"); os.chmod("shut/inside", 0); os.chmod("shut", 0)
deep = os.getcwd()
for n in range(70):
    os.mkdir("d" * 200); os.chdir("d" * 200)
    open("f", "w").write("deep")
os.chdir(deep)
os.link("-rf", "hard-link")
print("made")
""", output_limit="64m")
        ended = lab.wait_end(job)
        self.assertEqual(ended["status"], "completed", lab.logs(job))
        self.assertIn("made", lab.logs(job))
        names = {f["name"] for f in lab.request("GET", f"/api/experiments/{job}/results")["results"]["files"]}
        files = lab.results(job)
        kept = {"new\nline", "quote\"'$(x)", "back\\slash", "..\\..\\up", "-rf", " ", "ümläut", "\x1b[31m", "x" * 255, "hard-link", "shut/inside"}
        for name in kept:
            self.assertEqual(files.get("output/" + name), b"kept", (name, sorted(files)[:30]))
        self.assertTrue(any("not-" in name and content == b"kept" for name, content in files.items()), sorted(files))
        self.assertLessEqual(set(files), names)
        for name in ("link", "folder-link", "loop", "fifo", "socket", "device", "null"):
            self.assertNotIn("output/" + name, names)
        self.assertNotIn("HUGE", lab.logs(job))
        self.assertEqual([len(files[name]) for name in files if "sparse" in name], [50 << 20])
        for name in files:
            self.assertFalse(name.startswith("/") or ".." in name.split("/"), name)
        self.assertFalse(any(b"root:" in content for content in files.values()))
        self.assertIn("[labhub]", lab.logs(job))

    def test_a_script_that_hammers_the_hub(self):
        lab = self.lab
        job = lab.submit("""
import http.client, json, threading, time
until = time.time() + 6
done = []
def hammer(n):
    count = 0
    while time.time() < until:
        hub = http.client.HTTPConnection("127.0.0.1", 8000, timeout=30)
        try:
            for k in range(50):
                if n % 3 == 0: hub.request("POST", "/api/hardware/stirrer", json.dumps({"duty_cycle": 20 + k % 10}))
                elif n % 3 == 1: hub.request("GET", "/api/hardware/sensors")
                else: hub.request("POST", "/api/hardware/control", "{" * 1000)
                reply = hub.getresponse(); reply.read(); count += 1
                if reply.status >= 500 and reply.status != 503: print("STATUS", reply.status, flush=True)
        except OSError as e:
            pass
        finally:
            hub.close()
    done.append(count)
threads = [threading.Thread(target=hammer, args=(n,)) for n in range(50)]
for t in threads: t.start()
for t in threads: t.join()
print("requests", sum(done), flush=True)
""")
        lab.wait_status(job, "running", limit=20)
        with Pulse(lab) as pulse:
            ended = lab.wait_end(job)
        pulse.check(self)
        logs = lab.logs(job)
        self.assertEqual(ended["status"], "completed", logs)
        self.assertNotIn("STATUS", logs)
        self.assertGreater(int(logs.split("requests ")[1].split()[0]), 200)
        self.assertTrue(lab.is_safe(), lab.outputs())


class Broker:
    """The few lines of MQTT 3.1.1 that a liar needs."""

    def __init__(self, port):
        self.line = socket.create_connection(("127.0.0.1", port), timeout=10)
        name = f"liar-{random.randrange(1 << 30)}".encode()
        self.send(0x10, b"\0\4MQTT\4\2\0\x3c" + struct.pack(">H", len(name)) + name)
        if self.line.recv(4)[:1] != b"\x20":
            raise OSError("the broker refused")

    def send(self, kind, body):
        length, left = b"", len(body)
        while True:
            left, digit = left >> 7, left & 127
            length += bytes([digit | (128 if left else 0)])
            if not left:
                break
        self.line.sendall(bytes([kind]) + length + body)

    def publish(self, topic, payload, retained=False):
        topic = topic.encode()
        self.send(0x31 if retained else 0x30, struct.pack(">H", len(topic)) + topic + payload)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.send(0xE0, b"")
        self.line.close()


def sparkplug(text):
    return subprocess.run(["protoc", "--encode=labhub.sparkplug_b.Payload", "-I", str(ROOT), str(ROOT / "shared/proto/sparkplug_b.proto")],
                          input=text.encode(), capture_output=True, check=True).stdout


class Liars(unittest.TestCase):
    """Others on the broker and noise on the serial line."""

    def setUp(self):
        self.lab = Lab().__enter__()
        self.addCleanup(self.lab.__exit__)

    def test_noise_and_forged_messages_on_the_broker(self):
        lab, chance = self.lab, random.Random(4)
        job = lab.submit("import labhub\nv = labhub.vessel()\nv.set(stirrer=44)\nprint('set', flush=True)\nfor s in v.stream(duration=6): v.set(stirrer=44)\nprint('done')\n")
        lab.wait_log(job, "set")
        stored = rows(lab, "SELECT count(*) FROM leases WHERE ended_ms IS NULL")
        with Pulse(lab) as pulse, Broker(lab.broker_port) as liar:
            kinds = ["NBIRTH", "DBIRTH", "NDATA", "DDATA", "NDEATH", "DDEATH", "NCMD", "DCMD", "STATE", "XYZ", ""]
            for _ in range(3000):
                kind, node = chance.choice(kinds), chance.choice(["sim-1", "ghost", "..", "a b", "ü", "x" * 200])
                topic = "/".join(["spBv1.0", chance.choice(["labhub", "other", ""]), kind, node, *chance.choice([[], ["vessel"], ["ghost"], ["a", "b"]])])
                if kind in ("NBIRTH", "DBIRTH", "NDATA", "DDATA", "NDEATH") and node == "sim-1" and chance.random() < 0.5:
                    continue
                liar.publish(topic, chance.randbytes(chance.randrange(0, 300)))
            for topic in ("spBv1.0/STATE/labhub", "spBv1.0/labhub"):
                liar.publish(topic, b'{"online":false,"timestamp":99999999999999}' * 2)
            forged = sparkplug('timestamp: 1 seq: 0 metrics { name: "bdSeq" datatype: 4 long_value: 9 } metrics { name: "Node Control/Rebirth" datatype: 11 boolean_value: false }')
            liar.publish("spBv1.0/labhub/NBIRTH/ghost", forged)
            liar.publish("spBv1.0/labhub/DBIRTH/ghost/vessel", sparkplug('timestamp: 1 seq: 1 metrics { name: "stirrer" datatype: 10 double_value: 1 }'))
            liar.publish("spBv1.0/labhub/NDEATH/sim-1", sparkplug('timestamp: 1 metrics { name: "bdSeq" datatype: 4 long_value: 250 }'))
            liar.publish("spBv1.0/labhub/NDEATH/sim-1", b"")
            liar.publish("spBv1.0/labhub/DCMD/sim-1/vessel", sparkplug('timestamp: 1 metrics { name: "stirrer" datatype: 10 double_value: 99 }'))
            liar.publish("spBv1.0/labhub/DCMD/sim-1/vessel", sparkplug(f'timestamp: {int(time.time() * 1000)} metrics {{ name: "stirrer" datatype: 10 double_value: 99 }}'))
            liar.publish("spBv1.0/labhub/DCMD/sim-1/vessel", sparkplug('metrics { name: "pump_A_in" datatype: 10 double_value: 5 } metrics { name: "nonsense" datatype: 12 string_value: "x" }'))
            ended = lab.wait_end(job)
        pulse.check(self)
        self.assertEqual(ended["status"], "completed", lab.logs(job))
        self.assertEqual(stored, [(1,)])
        driven = [e for e in lab.events() if e["event"] == "output"]
        self.assertNotIn(99, [e["value"] for e in driven if e["metric"] == "stirrer"])
        self.assertEqual([e for e in driven if e["metric"] == "pump_A_in" and e["value"]], [])
        self.assertEqual([n["node"] for n in lab.request("GET", "/api/nodes")["nodes"]], ["sim-1"])
        self.assertEqual([d["device"] for d in lab.request("GET", "/api/devices")["devices"]], ["sim-1/vessel"])
        wait_for("the hub healthy", lambda: lab.request("GET", "/health")["status"] == "healthy", 30)
        self.assertTrue(lab.is_safe())

    def test_a_retained_command_does_nothing_when_an_agent_comes(self):
        lab = self.lab
        command = sparkplug('metrics { name: "stirrer" datatype: 10 double_value: 77 }')
        lab.kill("agent sim-1")
        with Broker(lab.broker_port) as liar:
            liar.publish("spBv1.0/labhub/DCMD/sim-1/vessel", command, retained=True)
            liar.publish("spBv1.0/labhub/NCMD/sim-1", sparkplug('metrics { name: "Node Control/Reboot" datatype: 11 boolean_value: true }'), retained=True)
        lab.start_agent("sim-1")
        wait_for("the device back", lambda: lab.request("GET", "/health")["status"] == "healthy", 30)
        applied = wait_for("a command applied", lambda: self.set_stirrer(21))
        self.assertEqual(applied[0]["value"], 21)
        wait_for("the board's stirrer at 21", lambda: lab.outputs().get("stirrer") == 21)
        self.assertNotIn(77, [e["value"] for e in lab.events() if e["event"] == "output" and e["metric"] == "stirrer"])

    def set_stirrer(self, value):
        try:
            return self.lab.request("POST", "/api/devices/sim-1/vessel/set", {"values": {"stirrer": value}})["applied"]
        except Refused as refused:
            self.assertEqual(refused.status, 503, refused.error)
            return None

    def test_an_experiment_completes_on_a_line_with_garbage(self):
        lab = self.lab
        lab.kill("simulator sim-1")
        lab.start_simulator("sim-1", "--garbage", "0.0001")
        wait_for("the device back", lambda: self.set_stirrer(20), 20)
        job = lab.submit("""
import labhub
vessel = labhub.vessel()
n = 0
for sample in vessel.stream(duration=8):
    wanted = 20 + n % 30
    got = vessel.set(stirrer=wanted)["stirrer"]
    if got != wanted: print("WRONG", wanted, got, flush=True)
    n += 1
print("commands", n, flush=True)
""")
        ended = lab.wait_end(job)
        logs = lab.logs(job)
        self.assertEqual(ended["status"], "completed", (ended, logs))
        self.assertNotIn("WRONG", logs)
        commands = int(logs.split("commands")[1])
        self.assertTrue(10 < commands < 60, "a stream gives one sample for each sampling, not for each command: " + logs)
        self.assert_plausible(lab.results(job)["telemetry.csv"].decode())
        wait_for("the vessel safe", lab.is_safe, 5)

    def test_much_garbage_on_the_serial_line_is_never_taken_for_a_value(self):
        """Here the link breaks again and again; what does come through is right."""
        lab = self.lab
        lab.kill("simulator sim-1")
        lab.start_simulator("sim-1", "--garbage", "0.002")
        wait_for("the device back", lambda: self.set_stirrer(20), 30)
        job = lab.submit("import time\ntime.sleep(6)\n")
        lab.wait_status(job, "running", *FINAL)
        until, answers = time.monotonic() + 6, []
        while time.monotonic() < until:
            try:
                answers.append(lab.request("GET", "/api/hardware/sensors"))
            except Refused as refused:
                self.assertEqual(refused.status, 503, refused.error)
            time.sleep(0.05)
        self.assertGreater(len(answers), 5)
        for answer in answers:
            self.assertTrue(all(v is None or -1 <= v <= 20 for v in answer["photodiodes"] + answer["io_temperatures"]), answer)
            self.assertTrue(all(v is None or -20 <= v <= 90 for v in answer["vial_temperatures"]), answer)
        ended = lab.wait_end(job)
        self.assertIn((ended["status"], ended["reason"]), {("completed", ""), ("failed", "node_lost")}, ended)
        self.assert_plausible(lab.results(job)["telemetry.csv"].decode())

    def assert_plausible(self, telemetry):
        table = list(csv.DictReader(io.StringIO(telemetry)))
        self.assertGreater(len(table), 5)
        for row in table:
            for name, text in row.items():
                if not text or name in ("time", "elapsed_s", "ring_light", "led"):
                    continue
                low, high = (-20, 90) if name.endswith("_temp") else (-100, 100) if name in ("peltier", "stirrer") else (-1, 20)
                self.assertTrue(low <= float(text) <= high, (name, text))
        for event in self.lab.events():
            if event["event"] == "output" and event["metric"] == "stirrer":
                self.assertIn(event["value"], [0, *range(20, 50)])

    def test_a_board_that_falls_silent(self):
        lab = self.lab
        lab.kill("simulator sim-1")
        lab.start_simulator("sim-1", "--silent-after", "6")
        wait_for("the device back", lambda: self.set_stirrer(1), 20)
        job = lab.submit("""
import http.client, json, time
for _ in range(400):
    hub = http.client.HTTPConnection("127.0.0.1", 8000, timeout=30)
    hub.request("POST", "/api/hardware/stirrer", json.dumps({"duty_cycle": 30}))
    reply = hub.getresponse()
    body = json.loads(reply.read())
    print("status", reply.status, body.get("detail", ""), flush=True)
    hub.close()
    time.sleep(0.05)
""")
        lab.wait_log(job, "status 200")
        with Pulse(lab) as pulse:
            lab.wait_log(job, "status 503", 30)
            wait_for("the node names the silent device", lambda: self.problem(), 20)
        pulse.check(self)
        with self.assertRaises(Refused) as refused:
            lab.request("GET", "/api/hardware/sensors")
        self.assertEqual(refused.exception.status, 503)
        self.assertIn("vessel", refused.exception.message)
        with contextlib.suppress(Refused):
            lab.request("POST", f"/api/experiments/{job}/stop")
        ended = lab.wait_end(job)
        self.assertIn(ended["reason"], ("user", "node_lost"), ended)
        statuses = {line.split()[1] for line in lab.logs(job).splitlines() if line.startswith("status")}
        self.assertLessEqual(statuses, {"200", "409", "503", "504"}, lab.logs(job))
        wait_for("the vessel safe by the board's own dead-man", lab.is_safe, 10)

    def problem(self):
        device = self.lab.request("GET", "/api/nodes")["nodes"][0]["devices"][0]
        return device["problem"] if not device["connected"] else None


class Kills(unittest.TestCase):
    ROUNDS = 8

    def setUp(self):
        self.lab = Lab().__enter__()
        self.addCleanup(self.lab.__exit__)

    def test_killed_at_any_moment_every_experiment_ends_once_and_no_lease_is_left(self):
        lab, chance = self.lab, random.Random(20)
        known = []
        for turn in range(self.ROUNDS):
            over = threading.Event()
            submitter = threading.Thread(target=self.keep_submitting, args=(turn, known, over))
            submitter.start()
            time.sleep(chance.uniform(0.05, 1.2))
            lab.kill("coordinator")
            over.set()
            submitter.join()
            lab.start_coordinator()
        self.assertGreater(len(known), self.ROUNDS)
        ends = {job: lab.wait_end(job, 90) for job in known}
        for job, end in ends.items():
            fine = (end["status"], end["reason"]) in {("completed", ""), ("stopped", "user"), ("failed", "runner_lost"), ("failed", "node_lost")}
            self.assertTrue(fine, (end, lab.logs(job)))
            self.assertTrue(end["message"] and end["ended_at"], end)
        self.assertGreater([e["status"] for e in ends.values()].count("completed"), len(ends) // 3, ends)
        stored = dict(rows(lab, "SELECT id, status FROM jobs"))
        wait_for("every stored experiment ended", lambda: set(dict(rows(lab, "SELECT id, status FROM jobs")).values()) <= FINAL, 60)
        self.assertLessEqual(set(known), set(stored))
        wait_for("no open lease", lambda: rows(lab, "SELECT count(*) FROM leases WHERE ended_ms IS NULL") == [(0,)], 20)
        self.assertEqual(rows(lab, "SELECT device FROM leases GROUP BY device HAVING count(*) > 0 AND sum(ended_ms IS NULL) > 1"), [])
        for job in known:
            runs = [line for line in lab.results(job)["stdout.txt"].decode().splitlines() if line == "ran"] if "stdout.txt" in lab.results(job) else []
            self.assertLessEqual(len(runs), 1, job)
        wait_for("the vessel safe", lab.is_safe, 10)
        again = lab.submit("print('ok')\n")
        self.assertEqual(lab.wait_end(again)["status"], "completed")

    def keep_submitting(self, turn, known, over):
        """Short experiments, some of which are stopped at once, until the hub is gone."""
        for n in range(4):
            job = f"turn-{turn}-{n}"
            try:
                self.lab.submit("import labhub\nlabhub.vessel().set(stirrer=31)\nprint('ran', flush=True)\n", experiment_id=job, time_limit="10s")
                known.append(job)
                if n == 2:
                    self.lab.request("POST", f"/api/experiments/{job}/stop")
            except (OSError, Refused, ValueError):
                pass
            except Exception:  # an answer cut off in the middle
                pass
            if over.wait(0.1):
                return


if __name__ == "__main__":
    unittest.main()
