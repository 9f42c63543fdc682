"""The mirror for people: retained JSON topics of every present value, and `…/set`, over a real mosquitto."""
import contextlib
import json
import socket
import subprocess
import threading
import unittest

import paho.mqtt.client as mqtt

from lab import BIN, Lab, free_port, wait_for

VESSEL = "labhub/labhub/sim-1/vessel"


class Listener:
    """Everything published under `topic`, by topic; the last message of each and all of them in order."""

    def __init__(self, port, topic="labhub/#", user=None, password=None):
        self.last, self.all, self.lock = {}, [], threading.Lock()
        self.client = mqtt.Client()
        if user:
            self.client.username_pw_set(user, password)
        self.client.on_message = self._take
        subscribed = threading.Event()
        self.client.on_connect = lambda client, *_: client.subscribe(topic, 1)
        self.client.on_subscribe = lambda *_: subscribed.set()
        self.client.connect("127.0.0.1", port)
        self.client.loop_start()
        subscribed.wait(10)

    def _take(self, _client, _data, message):
        with self.lock:
            self.last[message.topic] = message
            self.all.append(message)

    def json(self, topic):
        message = self.last.get(topic)
        return json.loads(message.payload) if message is not None and message.payload else {}

    def results(self, metric):
        with self.lock:
            return [json.loads(m.payload) for m in self.all if m.topic == f"{VESSEL}/{metric}/result"]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.client.loop_stop()
        self.client.disconnect()


def listen(port, *arguments):
    """A listener, or None where no broker answers yet."""
    try:
        return Listener(port, *arguments)
    except OSError:
        return None


class Mirror(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.lab = cls.enterClassContext(Lab())

    def setUp(self):
        self.listener = self.enterContext(Listener(self.lab.broker_port))

    def ask(self, metric, payload, retain=False):
        """The answer to a set."""
        before = len(self.listener.results(metric))
        self.listener.client.publish(f"{VESSEL}/{metric}/set", payload, 1, retain)
        return wait_for("the result", lambda: self.listener.results(metric)[before:])[0]

    def test_shows_every_metric_to_a_late_comer(self):
        topics = [f"{VESSEL}/{metric['name']}" for metric in self.lab.device()["metrics"]]
        wait_for("all metrics", lambda: all(self.listener.json(topic) for topic in topics))
        with Listener(self.lab.broker_port) as late:
            wait_for("all metrics", lambda: all(late.json(topic) for topic in topics))
            first = {message.topic: message for message in reversed(late.all)}
        self.assertEqual([topic for topic in topics if not first[topic].retain], [], "a retained topic comes first")
        reading = json.loads(first[f"{VESSEL}/vial_A_temp"].payload)
        self.assertEqual(set(reading), {"value", "unit", "time", "quality"})
        self.assertEqual(reading["unit"], "Cel")
        self.assertIn(reading["quality"], ("good", "uncertain"), "uncertain where no time server is followed")

    def test_follows_a_changing_value(self):
        first = wait_for("a reading", lambda: self.listener.json(f"{VESSEL}/vial_A_180_degree"))
        wait_for("a newer one", lambda: self.listener.json(f"{VESSEL}/vial_A_180_degree").get("time", "") > first["time"])

    def test_describes_the_node_and_says_how_it_is(self):
        node = wait_for("the description", lambda: self.listener.json("labhub/labhub/sim-1"))
        stirrer = next(m for m in node["devices"][0]["metrics"] if m["name"] == "stirrer")
        self.assertEqual((stirrer["kind"], stirrer["unit"], stirrer["maximum"]), ("actuator", "%", 100))
        self.assertEqual(wait_for("its state", lambda: self.listener.json("labhub/labhub/sim-1/state"))["state"], "online")
        self.assertTrue(wait_for("the device's", lambda: self.listener.json(f"{VESSEL}/state"))["connected"])
        wait_for("the hub's", lambda: self.listener.json("labhub/labhub/state").get("state") == "online")

    def test_carries_out_a_set_and_shows_what_was_applied(self):
        result = self.ask("stirrer", "31")
        self.assertEqual((result["ok"], result["value"], result["unit"]), (True, 31, "%"))
        wait_for("the new value", lambda: self.listener.json(f"{VESSEL}/stirrer").get("value") == 31)
        self.lab.request("POST", "/api/devices/sim-1/vessel/hold", {})

    def test_executes_a_set_with_an_id_once(self):
        first = self.ask("stirrer", '{"value": 21, "id": "wish-1"}')
        self.assertEqual((first["id"], first["ok"]), ("wish-1", True))
        self.ask("stirrer", "22")
        self.ask("stirrer", '{"value": 21, "id": "wish-1"}')
        self.assertEqual(self.lab.value("stirrer"), 22, "the repeated id changed nothing")
        self.lab.request("POST", "/api/devices/sim-1/vessel/hold", {})

    def test_refuses_what_any_command_would_be_refused_for(self):
        for metric, payload, error in [("stirrer", "140", "out_of_range"), ("stirrer", "fast", "malformed"),
                                       ("stirrer", "", "malformed"), ("vial_A_temp", "30", "forbidden"),
                                       ("warp", "1", "not_found")]:
            with self.subTest(metric=metric, payload=payload):
                result = self.ask(metric, payload)
                self.assertEqual((result["ok"], result["error"]), (False, error), result)
                self.assertTrue(result["message"])

    def test_refuses_a_retained_set(self):
        topic = f"{VESSEL}/stirrer/set"
        self.listener.client.publish(topic, "55", 1, True)
        try:
            # A fresh one is carried out, flag or no flag: the broker passes it on unretained. The stored copy comes back
            # when the coordinator connects again.
            wait_for("the first result", lambda: self.listener.results("stirrer"))
            before = len(self.listener.results("stirrer"))
            self.lab.request("POST", "/api/devices/sim-1/vessel/hold", {})
            self.lab.end("coordinator")
            self.lab.start_coordinator()
            refused = wait_for("the refusal", lambda: self.listener.results("stirrer")[before:])[0]
            self.assertEqual((refused["ok"], refused["error"]), (False, "malformed"), refused)
            self.assertIn("retained", refused["message"])
            self.lab.wait_until_online()
            self.assertEqual(self.lab.value("stirrer"), 0)
        finally:
            # Forgets the retained one, and is refused as empty itself: another test must not take that for its answer.
            self.assertEqual(self.ask("stirrer", "", retain=True)["error"], "malformed")

    def test_refuses_a_set_on_a_leased_device_and_says_who_holds_it(self):
        script = "import time\ntime.sleep(30)\n"
        started = self.lab.request("POST", "/api/experiments/start", {"script_content": script})
        experiment = started["experiment_id"]
        wait_for("it runs", lambda: self.lab.request("GET", f"/api/experiments/{experiment}/status")["experiment"]["status"] == "running")
        result = self.ask("stirrer", "10")
        self.assertEqual((result["ok"], result["error"]), (False, "conflict"), result)
        self.assertIn(experiment, result["message"] + (result["detail"] or ""))
        self.lab.request("POST", f"/api/experiments/{experiment}/stop")
        wait_for("the device is free", lambda: self.ask("stirrer", "10")["ok"])
        self.lab.request("POST", "/api/devices/sim-1/vessel/hold", {})

    def test_says_that_the_node_and_the_hub_are_gone(self):
        self.lab.kill("agent sim-1")
        wait_for("offline", lambda: self.listener.json("labhub/labhub/sim-1/state").get("state") == "offline", 40)
        self.lab.start_agent("sim-1")
        wait_for("online", lambda: self.listener.json("labhub/labhub/sim-1/state").get("state") == "online", 40)
        self.lab.kill("coordinator")
        wait_for("the hub's Will", lambda: self.listener.json("labhub/labhub/state").get("state") == "offline", 30)
        self.lab.start_coordinator()
        wait_for("the hub is back", lambda: self.listener.json("labhub/labhub/state").get("state") == "online", 30)
        self.lab.wait_until_online()

    def test_passes_the_brokers_own_counters_to_prometheus(self):
        def gauges():
            lines = self.lab.request("GET", "/metrics").decode().splitlines()
            return {name: float(value) for name, value in (line.split() for line in lines if line.startswith("labhub_broker"))}
        # Agent, ingest, mirror and watch; mosquitto says anew every ten seconds.
        wait_for("mosquitto's $SYS", lambda: gauges().get("labhub_broker_clients", 0) >= 4, 30)
        self.assertEqual(gauges()["labhub_broker_connected"], 1)
        self.assertEqual(gauges()["labhub_broker_dropped_messages_total"], 0)

    def test_ends_the_topics_of_what_is_gone(self):
        gone = ["labhub/labhub/long-gone", "labhub/labhub/long-gone/vessel/temp", "labhub/labhub/sim-1/former/temp",
                f"{VESSEL}/former_metric"]
        for topic in gone:
            self.listener.client.publish(topic, "{}", 1, True)
        wait_for("they are there", lambda: all(topic in self.listener.last for topic in gone))
        self.lab.end("coordinator")
        self.lab.start_coordinator()
        self.lab.wait_until_online()
        wait_for("they are ended", lambda: not any(self.listener.last[topic].payload for topic in gone), 40)
        with listen(self.lab.broker_port) as fresh:
            wait_for("what there is", lambda: fresh.json(f"{VESSEL}/vial_A_temp"))
            self.assertEqual(set(fresh.last) & set(gone), set())

    def test_comes_back_with_the_broker(self):
        self.lab.kill("broker")
        self.lab.start("broker", "mosquitto", "-c", self.lab.folder / "mosquitto.conf")
        with wait_for("the broker", lambda: listen(self.lab.broker_port)) as fresh:
            wait_for("every value again", lambda: fresh.json(f"{VESSEL}/vial_A_temp"), 40)
        self.lab.wait_until_online()


class BrokerConfig(unittest.TestCase):
    """What `labhub-coordinator broker-config` writes, under a real mosquitto."""

    def setUp(self):
        self.lab = Lab(nodes=2)
        self.addCleanup(self.lab.__exit__)
        self.lab._configure()
        self.folder, self.port = self.lab.folder / "broker", free_port()
        subprocess.run([BIN / "labhub-coordinator", "broker-config", "--config", self.lab.folder / "coordinator.toml",
                        "--output", self.folder, "--listen", f"127.0.0.1:{self.port}"], check=True, timeout=30)
        passwords = self.folder / "passwd"
        for create, user in [("-c", "coordinator"), (None, "sim-1"), (None, "sim-2"), (None, "people")]:
            subprocess.run(["mosquitto_passwd", "-b", *([create] if create else []), passwords, user, f"{user}!"], check=True, timeout=30)
        self.folder.parent.chmod(0o755)  # mosquitto reads its files as its own user
        for file in (self.folder, passwords):
            file.chmod(0o755)
        self.lab.start("broker", "mosquitto", "-c", self.folder / "labhub.conf")

    def listener(self, user):
        listener = wait_for("the broker", lambda: listen(self.port, "#", user, f"{user}!"))
        self.addCleanup(listener.__exit__)
        wait_for("the session", listener.client.is_connected)
        return listener

    def test_a_node_speaks_as_itself_alone(self):
        hears, node = self.listener("coordinator"), self.listener("sim-1")
        ours = ["spBv1.0/labhub/NBIRTH/sim-1", "spBv1.0/labhub/NDEATH/sim-1", "spBv1.0/labhub/DDATA/sim-1/vessel"]
        forged = ["spBv1.0/labhub/NBIRTH/sim-2", "spBv1.0/labhub/DDATA/sim-2/vessel", "spBv1.0/other/NBIRTH/sim-1",
                  "spBv1.0/labhub/NCMD/sim-2", "spBv1.0/STATE/labhub", f"{VESSEL}/stirrer"]
        for topic in forged + ours:
            node.client.publish(topic, b"x", 1)
        wait_for("the last of ours", lambda: ours[-1] in hears.last)
        self.assertEqual(set(hears.last) & set(forged), set())
        self.assertLessEqual(set(ours), set(hears.last))

    def test_a_node_hears_its_own_commands_alone(self):
        coordinator, node = self.listener("coordinator"), self.listener("sim-1")
        for topic in ["spBv1.0/labhub/NCMD/sim-2", "spBv1.0/labhub/DDATA/sim-2/vessel", "spBv1.0/labhub/NCMD/sim-1",
                      "spBv1.0/STATE/labhub"]:
            coordinator.client.publish(topic, b"x", 1)
        wait_for("the state", lambda: "spBv1.0/STATE/labhub" in node.last)
        self.assertEqual(set(node.last), {"spBv1.0/labhub/NCMD/sim-1", "spBv1.0/STATE/labhub"})

    def test_a_forged_will_is_not_delivered(self):
        hears = self.listener("coordinator")
        forger = mqtt.Client()
        forger.username_pw_set("sim-1", "sim-1!")
        forger.will_set("spBv1.0/labhub/NDEATH/sim-2", b"forged", 1)
        forger.connect("127.0.0.1", self.port)
        forger.loop_start()
        wait_for("the forger's session", forger.is_connected)
        forger.loop_stop()
        forger.socket().shutdown(socket.SHUT_RDWR)  # no DISCONNECT: the broker publishes the Will
        honest = self.listener("sim-1")
        honest.client.publish("spBv1.0/labhub/NDATA/sim-1", b"x", 1)
        wait_for("what was sent later", lambda: "spBv1.0/labhub/NDATA/sim-1" in hears.last)
        self.assertNotIn("spBv1.0/labhub/NDEATH/sim-2", hears.last)

    def test_people_read_the_mirror_and_ask_through_it(self):
        coordinator, people = self.listener("coordinator"), self.listener("people")
        people.client.publish(f"{VESSEL}/stirrer", b"999", 1)
        people.client.publish("spBv1.0/labhub/NCMD/sim-1", b"x", 1)
        people.client.publish(f"{VESSEL}/stirrer/set", b"40", 1)
        wait_for("the wish", lambda: f"{VESSEL}/stirrer/set" in coordinator.last)
        self.assertEqual(set(coordinator.last), {f"{VESSEL}/stirrer/set"})
        coordinator.client.publish(f"{VESSEL}/stirrer", b"40", 1)
        wait_for("the mirror", lambda: f"{VESSEL}/stirrer" in people.last)

    def test_nobody_connects_without_a_password(self):
        self.listener("coordinator")
        refused = []
        stranger = mqtt.Client()
        stranger.on_connect = lambda _client, _data, _flags, code: refused.append(code)
        stranger.connect("127.0.0.1", self.port)
        stranger.loop_start()
        wait_for("the refusal", lambda: refused)
        stranger.loop_stop()
        self.assertNotEqual(refused[0], 0)

    def test_nodes_and_coordinator_prove_who_they_are_by_certificate(self):
        """`--tls`: the whole lab over TLS, each client known by its certificate's common name."""
        tls, port = self.lab.folder / "tls", free_port()
        tls.mkdir()
        authority(tls, ["coordinator", "sim-1", "sim-2"])
        subprocess.run([BIN / "labhub-coordinator", "broker-config", "--config", self.lab.folder / "coordinator.toml", "--tls", tls,
                        "--output", self.folder, "--listen", f"127.0.0.1:{port}"], check=True, timeout=30)
        for file in [tls, *tls.iterdir(), *self.folder.iterdir()]:
            file.chmod(0o755)
        self.lab.end("broker")
        self.lab.start("broker", "mosquitto", "-c", self.folder / "labhub.conf")
        for file, name in [("coordinator.toml", "coordinator"), ("sim-1/agent.toml", "sim-1"), ("sim-2/agent.toml", "sim-2")]:
            path = self.lab.folder / file
            path.write_text(path.read_text().replace(f"[mqtt]\nport = {self.lab.broker_port}", f"""[mqtt]
host = "localhost"
port = {port}
tls_authority = "{tls}/ca.crt"
tls_certificate = "{tls}/{name}.crt"
tls_key = "{tls}/{name}.key"
"""))
        for name in self.lab.names:
            self.lab.start_simulator(name)
            self.lab.start_agent(name)
        self.lab.start_coordinator()
        self.lab.wait_until_online()
        stranger, welcomed = mqtt.Client(), []
        stranger.tls_set(str(tls / "ca.crt"))  # no certificate of its own
        stranger.on_connect = lambda _client, _data, _flags, code: welcomed.append(code)
        with contextlib.suppress(OSError):  # the broker's refusal
            stranger.connect("localhost", port)
            for _ in range(10):
                stranger.loop(0.1)
        self.assertEqual(welcomed, [])


def authority(folder, names):
    """ca.crt, server.crt for localhost and a certificate for each name, with their keys, by openssl."""
    def openssl(*arguments):
        subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True, timeout=60)
    key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
    openssl("req", "-x509", *key, "-keyout", folder / "ca.key", "-out", folder / "ca.crt", "-subj", "/CN=lab", "-days", 2)
    for name, common_name in [("server", "localhost"), *((name, name) for name in names)]:
        openssl("req", *key, "-keyout", folder / f"{name}.key", "-out", folder / f"{name}.csr", "-subj", f"/CN={common_name}")
        openssl("x509", "-req", "-in", folder / f"{name}.csr", "-CA", folder / "ca.crt", "-CAkey", folder / "ca.key", "-CAcreateserial",
                "-out", folder / f"{name}.crt", "-days", 2)


if __name__ == "__main__":
    unittest.main()
