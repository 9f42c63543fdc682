"""What was seen on the wire, and ways to spoil it."""
import copy
import json

import sparkplug


class Packet:
    """One record of the observer, with its Sparkplug topic and payload taken apart."""

    def __init__(self, record, place):
        self.record, self.place = record, place
        self.kind, self.t = record["packet"], record["t"]
        self.client, self.connection = record.get("client", ""), record.get("connection")
        self.topic = record.get("topic", "")
        self.qos, self.retain = record.get("qos"), record.get("retain")
        self.levels = self.topic.split("/")
        # By name, wherever it stands: so a message with a wrong topic is still known for what it should be.
        self.verb = next((level for level in self.levels if level in sparkplug.VERBS), "STATE" if "STATE" in self.levels else "")

    @property
    def bytes(self):
        return bytes.fromhex(self.record["payload"])

    @property
    def payload(self):
        return sparkplug.decoded(self.bytes)

    @property
    def json(self):
        return json.loads(self.bytes.decode("utf-8"))

    @property
    def device(self):
        return self.levels[4] if len(self.levels) > 4 else ""

    @property
    def will(self):
        """The Will of a CONNECT, as a packet of its own; None where there is none."""
        given = self.record.get("will")
        return Packet({**given, "packet": "registered will", "t": self.t}, self.place) if given else None

    def metric(self, name):
        found = [m for m in self.payload.metrics if m.name == name]
        assert len(found) == 1, f"{self} has {len(found)} metrics named {name}, not one"
        return found[0]

    def __repr__(self):
        return f"{self.kind} {self.topic} (line {self.place})"


class Recording:
    """`watched` is the client that is judged."""

    def __init__(self, records, watched):
        self.records, self.watched = records, watched
        self.packets = [Packet(record, place) for place, record in enumerate(records)]

    def copy(self):
        return Recording(copy.deepcopy(self.records), self.watched)

    def again(self):
        """Of the records as they are now, after they were spoilt."""
        return Recording(self.records, self.watched)

    # --- looking -----------------------------------------------------------------------------------------------------

    def of_client(self, *kinds):
        return [p for p in self.packets if p.client == self.watched and (not kinds or p.kind in kinds)]

    def sent(self, *verbs):
        """What the client published of these kinds; there must be some, or nothing would be judged."""
        found = [p for p in self.of_client("publish") if not verbs or p.verb in verbs]
        assert found, f"no {' or '.join(verbs)} of {self.watched} was seen"
        return found

    def sessions(self):
        """The client's packets from each CONNECT on, each a list."""
        numbers = {p.connection: [] for p in self.of_client("connect")}
        for packet in self.of_client():
            if packet.connection in numbers:
                numbers[packet.connection].append(packet)
        assert numbers, f"{self.watched} never connected"
        return list(numbers.values())

    def place_of(self, name):
        return next(p.place for p in self.packets if p.kind == "mark" and p.record["name"] == name)

    def after(self, name, until=None):
        """The packets between two marks, or from one to the end."""
        begin = self.place_of(name)
        return self.packets[begin:self.place_of(until) if until else None]

    def snapshot(self, name):
        """What the coordinator's API said at a mark."""
        return next(p.record["seen"] for p in self.packets if p.kind == "mark" and p.record["name"] == name)

    # --- spoiling ----------------------------------------------------------------------------------------------------

    def find(self, *verbs, kind="publish", where=lambda packet: True):
        """The first such packet; for spoiling."""
        for packet in self.packets:
            mine = packet.client == self.watched or kind in ("injected", "mark")
            if mine and packet.kind == kind and (not verbs or packet.verb in verbs) and where(packet):
                return packet
        raise LookupError(f"nothing to spoil: no {kind} {verbs}")

    def last(self, *verbs, kind="publish", where=lambda packet: True):
        for packet in reversed(self.packets):
            if packet.client == self.watched and packet.kind == kind and (not verbs or packet.verb in verbs) and where(packet):
                return packet
        raise LookupError(f"nothing to spoil: no {kind} {verbs}")
