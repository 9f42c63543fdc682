"""An edge node's life, as labhub-agent leads it: recorded once, judged many times."""
import functools
import json
import sqlite3
import time

import sparkplug
from observed import ObservedLab, wait_for
from recording import Recording

GROUP, NODE, HOST = "labhub", "sim-1", "labhub"
DEVICES = ("second", "vessel")
CLIENT = f"{GROUP}-{NODE}"
STATE = f"spBv1.0/STATE/{HOST}"
REBIRTH = "Node Control/Rebirth"


def topic(verb, device=None):
    return "/".join(["spBv1.0", GROUP, verb, NODE] + ([device] if device else []))


def now():
    return int(time.time() * 1000)


class EdgeScenario(ObservedLab):
    """Two devices on one node, sampled so often that seq comes round within seconds."""

    def _configure(self):
        super()._configure()
        with open(self.folder / NODE / "agent.toml", "a") as config:
            config.write(f'[[device]]\nid = "second"\ndriver = "board"\nport = "{self.folder}/{NODE}/board-2"\nperiod = "{self.period}"\n')

    def start_second(self):
        self.start("simulator second", "labhub-vessel-sim", "--link", self.folder / NODE / "board-2", "--speed", self.speed, "--seed", 9)
        wait_for("the second simulator's line", (self.folder / NODE / "board-2").exists)

    def __exit__(self, *problem):
        self.end("simulator second")
        super().__exit__(*problem)

    # --- looking at the wire -----------------------------------------------------------------------------------------

    def sees(self, verb, device=None):
        return lambda r: r["packet"] == "publish" and r["client"] == CLIENT and r["topic"] == topic(verb, device)

    def wait_births(self, since):
        self.observer.wait("NBIRTH", self.sees("NBIRTH"), since)
        for device in DEVICES:
            self.observer.wait(f"DBIRTH of {device}", self.sees("DBIRTH", device), since)
        self.observer.wait("data", self.sees("DDATA", "vessel"), since)

    def command(self, verb, device, *metrics):
        self.observer.publish(topic(verb, device), sparkplug.payload(metrics, time=now()))

    def birth_of(self, device):
        births = [r for r in self.observer.records if self.sees("DBIRTH", device)(r)]
        return sparkplug.decoded(bytes.fromhex(births[-1]["payload"]))

    # --- the scenes --------------------------------------------------------------------------------------------------

    def play(self):
        self.start_simulator(NODE)
        self.start_second()
        self.start_agent(NODE)
        self.wait_births(0)
        self.observer.wait_count("seq going round", lambda r: r["packet"] == "publish", 300)
        self.ask_for_rebirth()
        self.send_odd_commands()
        self.set_an_actuator()
        self.lose_a_device()
        self.hear_of_hosts()
        self.stop_and_start_again()
        self.die()
        self.let_bd_seq_come_round()
        self.observer.mark("last stop")
        self.end(f"agent {NODE}")
        self.observer.wait("the connection's end", lambda r: r["packet"] == "closed" and r["client"] == CLIENT, self.place("last stop"))

    def place(self, mark):
        return next(i for i, r in enumerate(self.observer.records) if r["packet"] == "mark" and r["name"] == mark)

    def ask_for_rebirth(self):
        time.sleep(1.1)  # the agent answers a second request within a second of the births with a delay
        place = self.observer.mark("rebirth asked for")
        self.command("NCMD", None, sparkplug.metric(REBIRTH, True, sparkplug.BOOLEAN))
        self.wait_births(place)

    def send_odd_commands(self):
        place = self.observer.mark("odd commands")
        self.command("NCMD", None, sparkplug.metric("No/Such Metric", True, sparkplug.BOOLEAN))
        self.command("NCMD", None, sparkplug.metric(REBIRTH, False, sparkplug.BOOLEAN))
        self.command("DCMD", "vessel", sparkplug.metric("no_such_metric", 1.0))
        self.observer.publish(topic("NCMD"), b"\xff\xff\xff not a payload")
        self.observer.publish(topic("DCMD", "vessel"), b"\x12\x7f")
        self.observer.wait("word of the refused command", lambda r: self.sees("NDATA")(r) and b"no_such_metric" in bytes.fromhex(r["payload"]), place)
        self.observer.wait_count("data going on", self.sees("DDATA", "vessel"), 3, len(self.observer.records))

    def set_an_actuator(self):
        actuator = next(m for m in self.birth_of("vessel").metrics if m.datatype == sparkplug.DOUBLE
                        and any(k == "readOnly" and not v.boolean_value for k, v in zip(m.properties.keys, m.properties.values)))
        limit = dict(zip(actuator.properties.keys, actuator.properties.values))["engHigh"].double_value
        value = limit / 2
        place = self.observer.mark("command", device="vessel", metric=actuator.name, value=value)
        self.command("DCMD", "vessel", sparkplug.metric(actuator.name, value))

        def shows(record):
            if not self.sees("DDATA", "vessel")(record):
                return False
            data = sparkplug.decoded(bytes.fromhex(record["payload"]))
            return any(m.name == actuator.name and m.double_value == value for m in data.metrics)
        self.observer.wait("the new value", shows, place)
        self.observer.wait("word of the command's end", lambda r: self.sees("NDATA")(r) and b"done" in bytes.fromhex(r["payload"]), place)

    def lose_a_device(self):
        place = self.observer.mark("device lost", device="second")
        self.kill("simulator second")
        self.observer.wait("DDEATH", self.sees("DDEATH", "second"), place)
        place = self.observer.mark("device back", device="second")
        self.start_second()
        self.observer.wait("DBIRTH", self.sees("DBIRTH", "second"), place)
        self.observer.wait("its data", self.sees("DDATA", "second"), place)

    def hear_of_hosts(self):
        place = self.observer.mark("hosts speak")
        self.observer.publish(f"STATE/{HOST}", b"OFFLINE", qos=1, retain=True)
        self.observer.publish(STATE, b"ONLINE", qos=1)
        self.observer.publish(STATE, json.dumps({"online": True, "timestamp": now()}).encode(), qos=1, retain=True)
        self.observer.publish(STATE, json.dumps({"online": False, "timestamp": now() + 1}).encode(), qos=1, retain=True)
        self.observer.wait_count("data going on", self.sees("DDATA", "vessel"), 5, place)

    def stop_and_start_again(self):
        place = self.observer.mark("stop")
        self.end(f"agent {NODE}")
        self.observer.wait("the connection's end", lambda r: r["packet"] == "closed" and r["client"] == CLIENT, place)
        place = self.observer.mark("start again")
        self.start_agent(NODE)
        self.wait_births(place)

    def die(self):
        place = self.observer.mark("kill")
        self.kill(f"agent {NODE}")
        self.observer.wait("the Will", lambda r: r["packet"] == "will" and r["client"] == CLIENT, place)

    def let_bd_seq_come_round(self):
        database = next(p for p in (self.folder / NODE / "state").iterdir() if self._has_bd_seq(p))
        with sqlite3.connect(database) as stored:
            stored.execute("UPDATE node_state SET value = 254 WHERE key = 'bd_seq'")
        place = self.observer.mark("bdSeq is now 254")
        self.start_agent(NODE)
        self.wait_births(place)
        place = self.observer.mark("line broken")
        self.observer.drop(CLIENT)
        self.wait_births(place)

    @staticmethod
    def _has_bd_seq(path):
        if not path.is_file() or not path.read_bytes().startswith(b"SQLite format 3") or path.name.endswith(("-wal", "-shm")):
            return False
        with sqlite3.connect(path) as stored:
            return bool(stored.execute("SELECT 1 FROM sqlite_master WHERE name = 'node_state'").fetchall())


@functools.lru_cache
def edge_recording():
    with EdgeScenario(period="20ms", speed=1) as scenario:
        scenario.play()
        return Recording(list(scenario.observer.records), CLIENT)
