"""A host application's life, as labhub-coordinator leads it, with edge nodes played by the test. Recorded once."""
import functools
import json
import time

import sparkplug
from edge_scenario import GROUP, HOST, REBIRTH, STATE, now
from observed import ObservedLab, wait_for
from recording import Recording

CLIENT = f"labhub-host-{HOST}"
ACKNOWLEDGE = "Node Control/Acknowledge"
REORDER_WINDOW_MS = 1200


class FakeNode:
    """An edge node that breaks the rules on demand: its messages are published by the broker itself."""

    def __init__(self, observer, name, host_key, bd_seq=0):
        self.observer, self.name, self.host_key, self.bd_seq, self.seq = observer, name, host_key, bd_seq, 0

    def topic(self, verb, device=None):
        return "/".join(["spBv1.0", GROUP, verb, self.name] + ([device] if device else []))

    def send(self, verb, device, metrics, time=None, seq=None):
        """With the next seq, or with the one given."""
        used = self.seq if seq is None else seq
        self.observer.publish(self.topic(verb, device), sparkplug.payload(metrics, time=time or now(), seq=used))
        if seq is None:
            self.seq = (self.seq + 1) % 256

    def born(self):
        self.seq = 0
        t = now()
        self.send("NBIRTH", None, [sparkplug.metric("bdSeq", self.bd_seq, sparkplug.INT64, t), sparkplug.metric(REBIRTH, False, sparkplug.BOOLEAN, t),
                                   sparkplug.metric(ACKNOWLEDGE, 0, sparkplug.INT64, t), sparkplug.metric("Node Info/SSH Host Key", self.host_key, sparkplug.STRING, t)])

    def device_born(self, device, *metrics):
        self.send("DBIRTH", device, metrics or [sparkplug.metric("level", 0.0, sparkplug.DOUBLE, now())])

    def data(self, device, value, time=None, seq=None):
        t = time or now()
        self.send("DDATA", device, [sparkplug.metric("level", value, sparkplug.DOUBLE, t)], time=t, seq=seq)

    def dead(self, bd_seq=None):
        death = [sparkplug.metric("bdSeq", self.bd_seq if bd_seq is None else bd_seq, sparkplug.INT64, now())]
        self.observer.publish(self.topic("NDEATH"), sparkplug.payload(death, time=now()), qos=1)


class HostScenario(ObservedLab):
    """The coordinator alone. The nodes are enrolled, so that the API shows them; nobody answers at their SSH address."""

    def _configure(self):
        super()._configure()
        key = next(line for line in (self.folder / "nodes.toml").read_text().splitlines() if line.startswith("host_key"))
        self.host_key = key.split('"')[1]
        (self.folder / "nodes.toml").write_text("".join(f'[[node]]\nid = "{n}"\nssh = "127.0.0.1:9"\n{key}\n' for n in ("bench-1", "bench-2")))
        coordinator = self.folder / "coordinator.toml"
        coordinator.write_text(coordinator.read_text().replace("[mqtt]\n", f'[mqtt]\nreorder_window = "{REORDER_WINDOW_MS}ms"\n'))

    # --- looking -----------------------------------------------------------------------------------------------------

    def says(self, online):
        return lambda r: r["packet"] == "publish" and r["client"] == CLIENT and r["topic"] == STATE and json.loads(bytes.fromhex(r["payload"]))["online"] is online

    def asks_rebirth(self, node):
        return lambda r: r["packet"] == "publish" and r["client"] == CLIENT and r["topic"] == node.topic("NCMD") and REBIRTH.encode() in bytes.fromhex(r["payload"])

    def node(self, name="bench-1"):
        return next(n for n in self.request("GET", "/api/nodes")["nodes"] if n["node"] == name)

    def shown(self, device="bench-1/flask"):
        return self.request("GET", f"/api/devices/{device}")["device"]

    def metric(self, name="level", device="bench-1/flask"):
        try:
            return next((m for m in self.shown(device)["metrics"] if m["name"] == name), {})
        except Exception:  # not announced yet
            return {}

    def wait_value(self, value, name="level", device="bench-1/flask"):
        wait_for(f"{device} {name} = {value}", lambda: self.metric(name, device).get("value") == value)

    def mark(self, name, **more):
        return self.observer.mark(name, at=now(), seen={"node": self.node(), "device": self.shown()}, **more)

    # --- the scenes --------------------------------------------------------------------------------------------------

    def play(self):
        self.observer.mark("settings", reorder_window_ms=REORDER_WINDOW_MS)
        self.start_coordinator()
        self.observer.wait("STATE online", self.says(True))
        self.node_one = FakeNode(self.observer, "bench-1", self.host_key, bd_seq=7)
        self.live_and_die()
        self.come_late()
        self.leave_a_gap()
        self.send_what_needs_a_rebirth()
        self.send_oddly_typed()
        self.acknowledge()
        self.contradict_the_state()
        self.break_the_line()
        self.stop_and_start_again()
        place = self.observer.mark("kill")
        self.kill("coordinator")
        self.observer.wait("the Will", lambda r: r["packet"] == "will" and r["client"] == CLIENT, place)

    def birth(self, value=1.0):
        self.node_one.born()
        self.node_one.device_born("flask")
        self.node_one.data("flask", value)
        self.wait_value(value)

    def live_and_die(self):
        node = self.node_one
        self.birth(1.0)
        self.mark("live")
        death = now() - 30_000
        node.send("DDEATH", "flask", [], time=death)
        wait_for("the device offline", lambda: self.shown()["state"] == "offline")
        self.mark("device dead", death=death)
        node.device_born("flask")
        node.data("flask", 2.0)
        self.wait_value(2.0)
        node.dead(bd_seq=6)
        node.data("flask", 3.0)
        self.wait_value(3.0)
        self.mark("death of another session")
        self.observer.mark("node dies", at=now())
        node.dead()
        wait_for("the node offline", lambda: self.node()["state"] == "offline")
        self.mark("node dead")
        node.bd_seq = 8
        self.birth(4.0)
        node.dead(bd_seq=7)
        node.data("flask", 5.0)
        self.wait_value(5.0)
        self.mark("born again")

    def come_late(self):
        """Three in a row, the first last: nothing is missing, so nothing is asked for."""
        node, seq, t = self.node_one, self.node_one.seq, now()
        self.observer.mark("late")
        node.data("flask", 12.0, time=t + 1, seq=(seq + 1) % 256)
        node.data("flask", 13.0, time=t + 2, seq=(seq + 2) % 256)
        time.sleep(0.3)
        self.mark("waiting for the late one")
        node.data("flask", 11.0, time=t, seq=seq)
        node.seq = (seq + 3) % 256
        self.wait_value(13.0)
        time.sleep(REORDER_WINDOW_MS / 1000 + 0.5)  # a rebirth would be asked for by now
        self.mark("late one came")

    def leave_a_gap(self):
        node = self.node_one
        place = self.observer.mark("gap")
        node.seq = (node.seq + 1) % 256
        node.data("flask", 21.0)
        self.observer.wait("a rebirth request", self.asks_rebirth(node), place)
        self.wait_value(21.0)
        self.birth(22.0)
        self.mark("gap mended")

    def send_what_needs_a_rebirth(self):
        stranger = FakeNode(self.observer, "bench-2", self.host_key)
        place = self.observer.mark("data before birth")
        stranger.data("flask", 1.0, seq=5)
        self.observer.wait("a rebirth request", self.asks_rebirth(stranger), place)
        stranger.born()
        stranger.device_born("flask")
        stranger.data("flask", 31.0)
        self.wait_value(31.0, device="bench-2/flask")
        self.observer.mark("two of one id", seen={"first": self.metric()["value"], "second": self.metric(device="bench-2/flask")["value"]})
        place = self.observer.mark("malformed")
        self.observer.publish(stranger.topic("DDATA", "flask"), b"\xff\xff\xff")
        self.observer.wait("a rebirth request", self.asks_rebirth(stranger), place)

    def send_oddly_typed(self):
        """What others send: UInt32 in either field, narrow integers extended to their own width or to 32 bits, no datatype, no times, aliases."""
        node, s = self.node_one, sparkplug
        self.observer.mark("oddly typed")
        node.send("DBIRTH", "odd", [
            s.metric("u32_spec", 4_000_000_000, s.UINT32, field="int_value"), s.metric("u32_tahu", 4_000_000_001, s.UINT32, field="long_value"),
            s.metric("i8_narrow", 0xFB, s.INT8), s.metric("i8_wide", 0xFFFFFFFB, s.INT8), s.metric("i16_narrow", 0xFFFB, s.INT16),
            s.metric("i64", 2 ** 64 - 5, s.INT64), s.metric("f32", 0.5, s.FLOAT), s.metric("text", "a", s.TEXT),
            s.metric("later", 0.0, s.DOUBLE, alias=12)])
        node.send("DDATA", "odd", [s.metric("u32_spec", 4_000_000_002, None, field="int_value"), s.metric("u32_tahu", 4_000_000_003, None, field="long_value"),
                                   s.metric("i8_narrow", 0xFA, None), s.metric(None, 6.5, None, alias=12, field="double_value")])
        self.wait_value(6.5, "later", "bench-1/odd")
        self.observer.mark("oddly typed read", seen={"values": {m["name"]: m["value"] for m in self.shown("bench-1/odd")["metrics"]}})

    def acknowledge(self):
        node = self.node_one
        place = self.observer.mark("position sent", position=4711)
        node.send("DDATA", "flask", [sparkplug.metric("level", 41.0, sparkplug.DOUBLE, now(), spool_position=(sparkplug.INT64, 4711))])
        self.observer.wait("its acknowledgement", lambda r: r["packet"] == "publish" and r["client"] == CLIENT and ACKNOWLEDGE.encode() in bytes.fromhex(r["payload"]), place)

    def contradict_the_state(self):
        self.observer.mark("old states")
        self.observer.publish(f"STATE/{HOST}", b"OFFLINE", qos=1, retain=True)
        self.observer.publish(STATE, b"OFFLINE", qos=1)
        self.node_one.data("flask", 50.0)
        self.wait_value(50.0)
        place = self.observer.mark("called offline")
        self.observer.publish(STATE, json.dumps({"online": False, "timestamp": now()}).encode(), qos=1, retain=True)
        self.observer.wait("STATE online", self.says(True), place)

    def break_the_line(self):
        place = self.observer.mark("line broken")
        self.observer.drop(CLIENT)
        wait_for("nothing known of the node", lambda: self.node()["state"] != "online")
        self.mark("without broker")
        self.observer.wait("STATE online", self.says(True), place)
        self.observer.wait("a rebirth request", self.asks_rebirth(self.node_one), place)
        self.birth(61.0)
        self.mark("with broker again")

    def stop_and_start_again(self):
        place = self.observer.mark("stop")
        self.end("coordinator")
        self.observer.wait("the connection's end", lambda r: r["packet"] == "closed" and r["client"] == CLIENT, place)
        place = self.observer.mark("start again")
        self.start_coordinator()
        self.observer.wait("STATE online", self.says(True), place)


@functools.lru_cache
def host_recording():
    with HostScenario() as scenario:
        scenario.play()
        return Recording(list(scenario.observer.records), CLIENT)
