"""The rules for host applications."""
import sparkplug
from edge_scenario import REBIRTH, STATE
from host_scenario import ACKNOWLEDGE, CLIENT
from edge_rules import A_MINUTE, every_will, no_will, published
from rules import Rule, every, move_before, remove, require, rewrite, spoil, spoil_json, spoil_metric, spoil_payload, spoil_will, spoil_will_json


# --- STATE: the Will, the birth, the death ---------------------------------------------------------------------------

def is_state(content, online, near):
    """JSON {"online": …, "timestamp": …} with a time of now."""
    time = content.get("timestamp")
    return content.get("online") is online and isinstance(time, int) and not isinstance(time, bool) and abs(time - near) < A_MINUTE


SPOILT_STATES = (lambda c: c.pop("online"), lambda c: c.update(online="false"), lambda c: c.update(timestamp=str(c["timestamp"])),
                 lambda c: c.update(timestamp=c["timestamp"] // 1000), lambda c: c.pop("timestamp"))

will_topic = every_will("the Will's topic is spBv1.0/STATE/HOST_ID", lambda w: w.topic == STATE, spoil_will(lambda w: w.update(topic="STATE/labhub")))
will_qos = every_will("the Will has QoS 1", lambda w: w.qos == 1, spoil_will(lambda w: w.update(qos=0)))
will_retain = every_will("the Will is retained", lambda w: w.retain is True, spoil_will(lambda w: w.update(retain=False)))
will_registered = every_will("each CONNECT carries a Will on the host's STATE topic", lambda w: w.topic == STATE, no_will, spoil_will(lambda w: w.update(topic="x")))
will_payload = every_will("the Will is JSON with online false and a numeric timestamp, the UTC time of CONNECT in milliseconds", lambda w: is_state(w.json, False, w.t),
                          spoil_will_json(lambda c: c.update(online=True)), *[spoil_will_json(s) for s in SPOILT_STATES])


def births(recording):
    """The first STATE of each session."""
    return [require(published(session), "a publication")[0] for session in recording.sessions()]


def every_birth(says, is_right, *spoilers):
    def judge(recording):
        for birth in births(recording):
            assert is_right(birth), f"{birth} breaks: {says}"
    return Rule(says, judge, *spoilers)


def before_birth(recording):
    return recording.find("STATE")


birth_first = every_birth("the first message of every session is STATE online", lambda b: b.topic == STATE and b.json["online"] is True,
                          move_before(lambda r: r.find("NCMD"), before_birth), remove("STATE", pick="last"))
birth_topic = every_birth("the birth's topic is spBv1.0/STATE/HOST_ID", lambda b: b.topic == STATE, spoil("STATE", topic="STATE/labhub"))
birth_qos = every_birth("the birth has QoS 1", lambda b: b.qos == 1, spoil("STATE", qos=0))
birth_retain = every_birth("the birth is retained", lambda b: b.retain is True, spoil("STATE", retain=False))
birth_mqtt = every_birth("STATE online goes out on spBv1.0/STATE/HOST_ID with QoS 1, retained", lambda b: (b.topic, b.qos, b.retain) == (STATE, 1, True),
                         spoil("STATE", qos=0), spoil("STATE", retain=False), spoil("STATE", topic="STATE/labhub"))
birth_payload = every_birth("the birth is JSON with online true and a numeric timestamp in UTC milliseconds", lambda b: is_state(b.json, True, b.t),
                            spoil_json(lambda c: c.update(online=False)), *[spoil_json(s) for s in SPOILT_STATES])


def _same_time(recording):
    for session in recording.sessions():
        birth = require(published(session, "STATE"), "STATE")[0]
        assert session[0].will and birth.json["timestamp"] == session[0].will.json["timestamp"], f"{birth} has another time than its Will"


same_time = Rule("the timestamp of the birth is that of the Will", _same_time, spoil_json(lambda c: c.update(timestamp=c["timestamp"] + 1)))


def covers(subscription, topic):
    """Whether an MQTT topic filter matches a topic."""
    wanted, given = subscription.split("/"), topic.split("/")
    for place, part in enumerate(wanted):
        if part == "#":
            return True
        if place >= len(given) or part not in ("+", given[place]):
            return False
    return len(wanted) == len(given)


NEEDED = [STATE] + [f"spBv1.0/labhub/{verb}/any" for verb in ("NBIRTH", "NDATA", "NDEATH")] + [f"spBv1.0/labhub/{verb}/any/one" for verb in ("DBIRTH", "DDATA", "DDEATH")]


def _subscribed(recording):
    for session in recording.sessions():
        birth = require(published(session), "a publication")[0]
        filters = {s["topic"] for p in session[:session.index(birth)] if p.kind == "subscribe" for s in p.record["subscriptions"]}
        for topic in NEEDED:
            assert any(covers(f, topic) for f in filters), f"{topic} is not subscribed before {birth}"


def deaf_to(topic):
    def do(recording):
        for packet in recording.of_client("subscribe"):
            for each in packet.record["subscriptions"]:
                if covers(each["topic"], topic):
                    each["topic"] = "x"
    return do


subscribed = Rule("the own STATE and the nodes' births, data and deaths are subscribed after CONNECT, before STATE is published", _subscribed,
                  *[deaf_to(topic) for topic in NEEDED], move_before(before_birth, lambda r: r.find(kind="subscribe")))


def _clean(recording):
    for connect in require(recording.of_client("connect"), "CONNECT"):
        assert connect.record["version"] == 4 and connect.record["clean"] is True, f"{connect} keeps a session"


clean_session = Rule("each CONNECT is of MQTT 3.1.1 with Clean Session", _clean, spoil(kind="connect", clean=False))


def _client_id(recording):
    for connect in require([p for p in recording.packets if p.kind == "connect" and p.will and p.will.verb == "STATE"], "CONNECT"):
        assert connect.client == CLIENT, f"{connect} has the client id {connect.client}"


own_client_id = Rule("the MQTT client id is made of the host id, so that a broker never holds two hosts of one id", _client_id, spoil(kind="connect", client="x"))


def is_offline(packet):
    return packet.json["online"] is False


def last_words(recording):
    """The last message of each session that the host ended itself."""
    ended = [s for s in recording.sessions() if any(p.kind == "disconnect" for p in s)]
    return [published(session)[-1] for session in require(ended, "DISCONNECT")]


def every_farewell(says, is_right, *spoilers):
    def judge(recording):
        for word in last_words(recording):
            assert word.verb == "STATE" and is_right(word), f"{word} breaks: {says}"
    return Rule(says, judge, *spoilers)


farewell = every_farewell("a stopping host publishes STATE offline before it leaves", lambda w: w.topic == STATE and is_offline(w),
                          remove("STATE", where=is_offline), spoil_json(lambda c: c.update(online=True), where=is_offline))
farewell_topic = every_farewell("the death's topic is spBv1.0/STATE/HOST_ID", lambda w: w.topic == STATE, spoil("STATE", where=is_offline, topic="STATE/labhub"))
farewell_qos = every_farewell("the death has QoS 1", lambda w: w.qos == 1, spoil("STATE", where=is_offline, qos=0))
farewell_retain = every_farewell("the death is retained", lambda w: w.retain is True, spoil("STATE", where=is_offline, retain=False))
farewell_payload = every_farewell("the death is JSON with online false and a numeric timestamp in UTC milliseconds", lambda w: is_state(w.json, False, w.t),
                                  *[spoil_json(s, where=is_offline) for s in SPOILT_STATES[1:]])


def _farewell_time(recording):
    for session in recording.sessions():
        for word in published(session, "STATE"):
            if is_offline(word):
                assert word.json["timestamp"] > session[0].will.json["timestamp"] and abs(word.json["timestamp"] - word.t) < 5000, f"{word} is not stamped with its own time"
    last_words(recording)


def old_time(recording):
    will = [p for p in recording.of_client("connect")][1].will.json["timestamp"]
    spoil_json(lambda c: c.update(timestamp=will), where=is_offline)(recording)


farewell_time = Rule("the death published before leaving has the time of leaving, not that of the Will", _farewell_time, old_time)


def _disconnects(recording):
    for word in last_words(recording):
        following = [p for p in recording.of_client() if p.place > word.place and p.connection == word.connection and p.kind != "puback"]
        assert word.verb == "STATE" and is_offline(word) and following[0].kind == "disconnect", f"no DISCONNECT follows {word}"


disconnects = Rule("DISCONNECT follows the published STATE offline directly", _disconnects, remove("STATE", where=is_offline),
                   lambda r: r.records.insert(r.find(kind="disconnect").place, dict(r.find("NCMD").record, connection=r.find(kind="disconnect").connection)))


def _both_states(recording):
    assert any(p.json["online"] for p in recording.sent("STATE")), "never online"
    assert any(is_offline(p) for p in recording.sent("STATE")), "never offline when stopped"
    assert [p for p in recording.after("kill") if p.kind == "will" and p.topic == STATE and is_offline(p) and p.retain], "never offline when killed"


both_states = Rule("STATE says online while the host is there, offline after a stop and, as the Will, after a kill", _both_states,
                   remove("STATE", where=is_offline), remove(kind="will", pick="last"))


def _insists(recording):
    called = recording.after("called offline", "line broken")
    said = [p for p in called if p.client == CLIENT and p.kind == "publish" and p.verb == "STATE"]
    assert said and said[0].json["online"] is True and said[0].qos == 1 and said[0].retain, "called offline, the host does not say that it is online"
    own = [p.will for p in recording.of_client("connect") if p.place < said[0].place][-1].json["timestamp"]
    assert said[0].json["timestamp"] == own, "the repeated STATE has another time than the Will"
    assert not [p for p in recording.after("old states", "called offline") if p.client == CLIENT and p.kind == "publish"], "a STATE in the form of Sparkplug 2.2 was answered"


def answer_place(recording):
    return recording.find("STATE", where=lambda p: p.place > recording.place_of("called offline"))


insists = Rule("a host whose own STATE is said to be offline says online again, with the Will's timestamp", _insists,
               lambda r: r.records.remove(answer_place(r).record), lambda r: answer_place(r).record.update(retain=False))


# --- what the host makes of deaths -----------------------------------------------------------------------------------

def seen(name, says, is_right, *spoilers):
    """Of what the API said at a mark."""
    def judge(recording):
        live = recording.snapshot("live")
        assert live["node"]["state"] == live["device"]["state"] == "online" and all(m["quality"] == "good" for m in live["device"]["metrics"]), "nothing was online before"
        assert is_right(recording, recording.snapshot(name)), f"after '{name}': {says}"
    return Rule(says, judge, *spoilers)


def spoil_seen(name, change):
    def do(recording):
        change(recording.snapshot(name))
    return do


def stale(snapshot):
    return snapshot["device"]["metrics"] and all(m["quality"] == "stale" for m in snapshot["device"]["metrics"])


def revive(snapshot):
    snapshot["device"]["metrics"][0]["quality"] = "good"


def during_death(recording, time):
    marks = {p.record["name"]: p.record for p in recording.packets if p.kind == "mark"}
    return time is not None and marks["node dies"]["at"] - 1 <= time <= marks["node dead"]["at"] + 1


def of_session_only(recording):
    """A death of another session changes nothing."""
    for name in ("death of another session", "born again"):
        assert recording.snapshot(name)["node"]["state"] == "online", f"{name}: an NDEATH with another bdSeq was believed"
    return True


node_offline = seen("node dead", "NDEATH makes the node offline, since the host's own time; an NDEATH with another bdSeq does not",
                    lambda r, s: s["node"]["state"] == "offline" and during_death(r, s["node"].get("since")) and of_session_only(r),
                    spoil_seen("node dead", lambda s: s["node"].update(state="online")), spoil_seen("node dead", lambda s: s["node"].update(since=1)),
                    spoil_seen("death of another session", lambda s: s["node"].update(state="offline")))
devices_offline = seen("node dead", "NDEATH makes all devices of the node offline, since the host's own time",
                       lambda r, s: s["device"]["state"] == "offline" and during_death(r, s["device"].get("since")),
                       spoil_seen("node dead", lambda s: s["device"].update(state="online")), spoil_seen("node dead", lambda s: s["device"].update(since=1)))
devices_stale = seen("node dead", "NDEATH makes the metrics of all devices of the node stale, since the host's own time",
                     lambda r, s: stale(s) and during_death(r, s["device"].get("since")), spoil_seen("node dead", revive),
                     spoil_seen("node dead", lambda s: s["device"].pop("since")))


def death_time(recording):
    return next(p.record["death"] for p in recording.packets if p.kind == "mark" and p.record["name"] == "device dead")


device_offline = seen("device dead", "DDEATH makes the device offline, since the time in its payload; the node stays online",
                      lambda r, s: s["device"]["state"] == "offline" and s["node"]["state"] == "online" and s["device"].get("since") == death_time(r),
                      spoil_seen("device dead", lambda s: s["device"].update(state="online")), spoil_seen("device dead", lambda s: s["device"].update(since=1)))
device_stale = seen("device dead", "DDEATH makes the device's metrics stale, since the time in its payload",
                    lambda r, s: stale(s) and s["device"].get("since") == death_time(r), spoil_seen("device dead", revive),
                    spoil_seen("device dead", lambda s: s["device"].update(since=1)))
same_device_elsewhere = Rule("devices of one id on two nodes are told apart", lambda r: _told_apart(r),
                             spoil_seen("two of one id", lambda s: s.update(second=s["first"])))


def _told_apart(recording):
    both = recording.snapshot("two of one id")
    assert both["first"] == 22.0 and both["second"] == 31.0, f"the values are mixed up: {both}"


# --- order, rebirth, commands ----------------------------------------------------------------------------------------

def rebirth_requests(packets):
    return [p for p in packets if p.client == CLIENT and p.kind == "publish" and p.verb == "NCMD" and any(m.name == REBIRTH for m in p.payload.metrics)]


def settings(recording):
    return next(p.record for p in recording.packets if p.kind == "mark" and p.record["name"] == "settings")


def _window_kept(recording):
    after = recording.after("gap", "gap mended")
    gap = next(p for p in after if p.kind == "injected")
    asked = require(rebirth_requests(after), "a rebirth request")[0]
    window = settings(recording)["reorder_window_ms"]
    assert asked.t - gap.t >= window, f"the rebirth was asked for {asked.t - gap.t} ms after the gap, in a window of {window} ms"


window_kept = Rule("a message out of order starts a timer of mqtt.reorder_window; nothing is asked for before it ends", _window_kept,
                   lambda r: rebirth_requests(r.after("gap"))[0].record.update(t=r.after("gap")[1].t + 5))
window_set = Rule("the time is configurable (mqtt.reorder_window), and what is configured is what is waited", _window_kept,
                  lambda r: settings(r).update(reorder_window_ms=60_000))


def _late_is_fine(recording):
    waiting, came = recording.snapshot("waiting for the late one"), recording.snapshot("late one came")
    value = lambda s: next(m["value"] for m in s["device"]["metrics"] if m["name"] == "level")
    assert value(waiting) == 5.0, f"a message was taken before the one it follows: {value(waiting)}"
    assert value(came) == 13.0, f"the messages that had waited were lost: {value(came)}"
    assert not rebirth_requests(recording.after("late", "late one came")), "a rebirth was asked for, though nothing is missing"


late_is_fine = Rule("a missing message that arrives in time lets the others through in order, and no rebirth is asked for", _late_is_fine,
                    lambda r: r.records.insert(r.place_of("late one came"), dict(rebirth_requests(r.packets)[0].record)),
                    spoil_seen("late one came", lambda s: s["device"]["metrics"][0].update(value=5.0)),
                    spoil_seen("waiting for the late one", lambda s: s["device"]["metrics"][0].update(value=12.0)))


def _gap_asks(recording):
    assert rebirth_requests(recording.after("gap", "gap mended")), "no rebirth was asked for after a gap"
    for scene, end in (("data before birth", "malformed"), ("malformed", "oddly typed")):
        assert rebirth_requests(recording.after(scene, end)), f"no rebirth was asked for after {scene}"


gap_asks = Rule("a rebirth is asked for when the time ends without the missing message; also after data before a birth and a payload that is none", _gap_asks,
                lambda r: r.records.remove(rebirth_requests(r.after("gap"))[0].record), lambda r: r.records.remove(rebirth_requests(r.after("malformed"))[0].record))


def ncmd(says, is_right, *spoilers):
    return every(says, ("NCMD",), is_right, *spoilers)


def rebirth_request(says, is_right, *spoilers):
    def judge(recording):
        for packet in require(rebirth_requests(recording.packets), "a rebirth request"):
            assert is_right(packet), f"{packet} breaks: {says}"
    return Rule(says, judge, *spoilers)


ncmd_topic = ncmd("the topic of NCMD is spBv1.0/GROUP/NCMD/NODE", lambda p: p.topic in {f"spBv1.0/labhub/NCMD/bench-{i}" for i in (1, 2)},
                  spoil("NCMD", topic=lambda t: t + "/flask"), spoil("NCMD", topic=lambda t: t.replace("spBv1.0", "spAv1.0")))
ncmd_without_seq = ncmd("NCMD has no seq", lambda p: not p.payload.HasField("seq"), spoil_payload(lambda m: setattr(m, "seq", 0), "NCMD"))
ncmd_known_names = ncmd("NCMD names only metrics of the NBIRTH", lambda p: {m.name for m in p.payload.metrics} <= {REBIRTH, ACKNOWLEDGE},
                        spoil_metric(lambda m: setattr(m, "name", "Node Control/Reboot"), "NCMD"))
ncmd_typed = ncmd("NCMD gives values of the metric's type: true for Rebirth, Int64 for Acknowledge",
                  lambda p: all(m.HasField("boolean_value") if m.name == REBIRTH else m.HasField("long_value") for m in p.payload.metrics),
                  spoil_metric(lambda m: setattr(m, "string_value", "true"), "NCMD"))
rebirth_name = rebirth_request("a rebirth request has the metric Node Control/Rebirth by name", lambda p: [m.name for m in p.payload.metrics] == [REBIRTH] and not p.payload.metrics[0].HasField("alias"),
                               lambda r: rewrite(rebirth_requests(r.packets)[0], lambda m: m.metrics.add(name="more")))
rebirth_value = rebirth_request("a rebirth request has the value true, Boolean", lambda p: p.metric(REBIRTH).HasField("boolean_value") and p.metric(REBIRTH).boolean_value,
                                spoil_metric(lambda m: setattr(m, "boolean_value", False), "NCMD", where=lambda m: m.name == REBIRTH))


def _by_ncmd(recording):
    assert rebirth_requests(recording.packets), "nothing to judge: no rebirth request"
    verbs = {p.verb for p in recording.sent()}
    assert verbs <= {"STATE", "NCMD"}, f"the host publishes {verbs}"


by_ncmd = Rule("the host commands nodes by NCMD alone: rebirth requests and acknowledgements", _by_ncmd, spoil("NCMD", topic="spBv1.0/labhub/NDATA/bench-1"))
no_dcmd = Rule("the host publishes no DCMD", _by_ncmd, spoil("NCMD", topic="spBv1.0/labhub/DCMD/bench-1/flask"))


def _acknowledges(recording):
    position = next(p.record["position"] for p in recording.packets if p.kind == "mark" and p.record["name"] == "position sent")
    after = recording.after("position sent", "old states")
    told = [p.metric(ACKNOWLEDGE).long_value for p in after if p.client == CLIENT and p.verb == "NCMD" and p.kind == "publish" and p.payload.metrics[0].name == ACKNOWLEDGE]
    assert position in told, f"the position {position} was not acknowledged, but {told}"


acknowledges = Rule("NCMD holds what is to be written: true for a rebirth, the stored position for an acknowledgement", _acknowledges,
                    spoil_metric(lambda m: setattr(m, "long_value", 1), "NCMD", where=lambda m: m.name == ACKNOWLEDGE))


def _structure(recording):
    for packet in recording.sent():
        levels = packet.levels
        state = levels[:2] == ["spBv1.0", "STATE"] and len(levels) == 3
        assert state or (levels[0] == "spBv1.0" and len(levels) in (4, 5) and levels[2] in sparkplug.VERBS), f"{packet} has another structure"


structure = Rule("every topic published is spBv1.0/STATE/HOST or spBv1.0/GROUP/TYPE/NODE", _structure, spoil("STATE", topic="STATE/labhub"), spoil("NCMD", topic="labhub/bench-1/set"))
namespace = Rule("every topic published begins with spBv1.0", lambda r: _namespace(r), spoil("NCMD", topic=lambda t: t.replace("spBv1.0", "spAv1.0")), spoil("STATE", topic="STATE/labhub"))
without_device = Rule("NCMD and STATE have no device in the topic", lambda r: _without_device(r), spoil("NCMD", topic=lambda t: t + "/flask"), spoil("STATE", topic=lambda t: t + "/a/b"))


def _namespace(recording):
    assert all(p.levels[0] == "spBv1.0" for p in recording.sent()), "a topic of another namespace"


def _without_device(recording):
    for packet in recording.sent("NCMD", "STATE"):
        assert len(packet.levels) == (4 if packet.verb == "NCMD" else 3), f"{packet} has a device"


def _metric_types(recording):
    for packet in recording.sent("NCMD"):
        for metric in packet.payload.metrics:
            assert metric.HasField("datatype"), f"{packet} has no datatype, though the table says we send it"


typed_commands = Rule("every metric of NCMD carries its datatype", _metric_types, spoil_metric(lambda m: m.ClearField("datatype"), "NCMD"))
named = ncmd("every metric of NCMD has a name", lambda p: all(m.name for m in p.payload.metrics), spoil_metric(lambda m: m.ClearField("name"), "NCMD"))
