"""What a rule is: a judge of recordings, and ways to break what it judges.

A judge raises AssertionError where the recording breaks the rule, and where it holds nothing to judge. Each spoiler breaks the
rule in a copy of a good recording; the self-test sees the judge notice every one.
"""
import json

import sparkplug


class Rule:
    def __init__(self, says, judge, *spoilers):
        self.says, self.judge, self.spoilers = says, judge, spoilers

    def check(self, recording):
        self.judge(recording)

    def check_notices(self, recording):
        """Every spoilt copy must be refused. A spoiler that finds nothing to spoil raises LookupError."""
        assert self.spoilers, "the rule has no spoiler"
        for number, spoil in enumerate(self.spoilers):
            copy = recording.copy()
            spoil(copy)
            try:
                self.judge(copy.again())
            except AssertionError:
                continue
            raise AssertionError(f"spoiler {number} of '{self.says}' went unnoticed")


def require(found, what):
    assert found, f"nothing to judge: {what}"
    return found


def every(says, verbs, is_right, *spoilers):
    """Each message of these kinds that the watched client published."""
    def judge(recording):
        for packet in recording.sent(*verbs):
            assert packet.payload is not None, f"{packet} is no Sparkplug B payload"
            assert is_right(packet), f"{packet} breaks: {says}"
    return Rule(says, judge, *spoilers)


# --- spoilers --------------------------------------------------------------------------------------------------------

def rewrite(packet, change):
    """Changes a packet's payload, or a CONNECT's Will's."""
    record = packet.record if packet.kind != "connect" else packet.record["will"]
    message = sparkplug.schema().Payload()
    message.ParseFromString(bytes.fromhex(record["payload"]))
    change(message)
    record["payload"] = message.SerializeToString().hex()


def spoil(*verbs, kind="publish", where=lambda packet: True, pick="find", **fields):
    """Sets fields of the record itself: topic, qos, retain, payload, …; a function gets the old value."""
    def do(recording):
        record = getattr(recording, pick)(*verbs, kind=kind, where=where).record
        for name, value in fields.items():
            record[name] = value(record[name]) if callable(value) else value
    return do


def spoil_payload(change, *verbs, where=lambda packet: True, pick="last"):
    def do(recording):
        rewrite(getattr(recording, pick)(*verbs, where=where), change)
    return do


def spoil_metric(change, *verbs, where=lambda metric: True, pick="last"):
    """Changes the first such metric of the last message that has one."""
    def has(packet):
        return packet.payload is not None and any(where(m) for m in packet.payload.metrics)

    def do(recording):
        packet = getattr(recording, pick)(*verbs, where=has)
        rewrite(packet, lambda message: change(next(m for m in message.metrics if where(m))))
    return do


def spoil_will(change, which=0):
    """Changes the Will of a CONNECT: a dictionary of topic, payload, qos, retain."""
    def do(recording):
        change([p for p in recording.of_client("connect")][which].record["will"])
    return do


def spoil_will_payload(change, which=0):
    def do(recording):
        rewrite([p for p in recording.of_client("connect")][which], change)
    return do


def remove(*verbs, kind="publish", where=lambda packet: True, pick="find"):
    def do(recording):
        recording.records.remove(getattr(recording, pick)(*verbs, kind=kind, where=where).record)
    return do


def move_before(mover, target):
    """Puts a copy of the packet mover() finds before the one target() finds."""
    def do(recording):
        copy, place = dict(mover(recording).record), recording.records.index(target(recording).record)
        copy["connection"] = target(recording).connection
        recording.records.insert(place, copy)
    return do


def spoil_json(change, kind="publish", where=lambda packet: True, pick="find"):
    """Changes the JSON of a STATE message."""
    def do(recording):
        record = getattr(recording, pick)("STATE", kind=kind, where=where).record
        content = json.loads(bytes.fromhex(record["payload"]))
        change(content)
        record["payload"] = json.dumps(content).encode().hex()
    return do


def spoil_will_json(change, which=0):
    def do(recording):
        will = recording.of_client("connect")[which].record["will"]
        content = json.loads(bytes.fromhex(will["payload"]))
        change(content)
        will["payload"] = json.dumps(content).encode().hex()
    return do
