"""The rules for edge nodes."""
import edge_scenario
import sparkplug
from rules import Rule, every, move_before, remove, require, rewrite, spoil, spoil_metric, spoil_payload, spoil_will, spoil_will_payload

NODE_VERBS, DEVICE_VERBS = ("NBIRTH", "NDATA", "NDEATH"), ("DBIRTH", "DDATA", "DDEATH")
BIRTHS, DATA = ("NBIRTH", "DBIRTH"), ("NDATA", "DDATA")
NUMBERED = ("NBIRTH", "DBIRTH", "NDATA", "DDATA", "DDEATH")
REBIRTH = edge_scenario.REBIRTH
A_MINUTE = 60_000


def published(session, *verbs):
    return [p for p in session if p.kind == "publish" and (not verbs or p.verb in verbs)]


# --- topics and MQTT -------------------------------------------------------------------------------------------------

def topic_form(verb):
    device = verb in DEVICE_VERBS
    shape = f"spBv1.0/labhub/{verb}/sim-1" + ("/DEVICE" if device else "")
    wanted = {edge_scenario.topic(verb, d) for d in edge_scenario.DEVICES} if device else {edge_scenario.topic(verb)}
    return every(f"the topic of {verb} is {shape}", (verb,), lambda p: p.topic in wanted,
                 spoil(verb, topic=lambda t: t.replace("spBv1.0", "spAv1.0")), spoil(verb, topic=lambda t: t.replace("sim-1", "sim-2")))


def topic_level(says, level, wanted):
    """The same level of every topic published."""
    def judge(recording):
        for packet in recording.sent():
            assert packet.levels[level] == wanted, f"{packet}: {says}"
    return Rule(says, judge, spoil("DDATA", topic=lambda t: "/".join("x+" if i == level else part for i, part in enumerate(t.split("/")))))


def _structure(recording):
    for packet in recording.sent():
        levels = packet.levels
        assert levels[0] == "spBv1.0" and len(levels) in (4, 5) and levels[2] in sparkplug.VERBS and all(levels), f"{packet} has another structure"


structure = Rule("every topic published is spBv1.0/GROUP/TYPE/NODE or spBv1.0/GROUP/TYPE/NODE/DEVICE", _structure,
                 spoil("DDATA", topic=lambda t: t + "/more"), spoil("NBIRTH", topic="labhub/sim-1/status"))
with_device = every("DBIRTH, DDATA and DDEATH name their device in the topic, and no other does so", DEVICE_VERBS, lambda p: len(p.levels) == 5,
                    spoil("DBIRTH", topic=lambda t: t.rsplit("/", 1)[0]))
without_device = every("NBIRTH, NDATA and NDEATH have no device in the topic", NODE_VERBS, lambda p: len(p.levels) == 4,
                       spoil("NDATA", topic=lambda t: t + "/vessel"))


def valid_id(what, level):
    def is_right(packet):
        part = packet.levels[level]
        return part and not set(part) & set("+#") and part.isprintable() and not part.startswith("$")
    verbs = DEVICE_VERBS if level == 4 else NODE_VERBS + DEVICE_VERBS
    return every(f"the {what} in every topic is non-empty UTF-8 without + / # and control characters", verbs, is_right,
                 spoil("DDATA", topic=lambda t: "/".join("a#b" if i == level else part for i, part in enumerate(t.split("/")))))


def mqtt(verb, qos=0, retain=False):
    return every(f"{verb} goes out with QoS {qos} and retain {str(retain).lower()}", (verb,), lambda p: p.qos == qos and p.retain is retain,
                 spoil(verb, qos=1 - qos), spoil(verb, retain=not retain))


def qos(verb, value=0):
    return every(f"{verb} goes out with QoS {value}", (verb,), lambda p: p.qos == value, spoil(verb, qos=1 - value))


def retain(verb, value=False):
    return every(f"{verb} goes out with retain {str(value).lower()}", (verb,), lambda p: p.retain is value, spoil(verb, retain=not value))


def _clean(recording):
    for connect in require(recording.of_client("connect"), "CONNECT"):
        assert connect.record["version"] == 4 and connect.record["clean"] is True, f"{connect} keeps a session"


clean_session = Rule("each CONNECT is of MQTT 3.1.1 with Clean Session", _clean, spoil(kind="connect", clean=False))


def _client_id(recording):
    for connect in require([p for p in recording.packets if p.kind == "connect"], "CONNECT"):
        assert connect.client == "labhub-sim-1", f"{connect} has the client id {connect.client}"


own_client_id = Rule("the MQTT client id is made of group and node, so that a broker never holds two nodes of one name", _client_id,
                     spoil(kind="connect", client="labhub"))


def _one_server(recording):
    is_open = False
    for packet in recording.of_client("connect", "closed"):
        assert not (packet.kind == "connect" and is_open), f"{packet} while the former connection is open"
        is_open = packet.kind == "connect"


one_server = Rule("there is never more than one connection at a time", _one_server, remove(kind="closed"))


def _connected_first(recording):
    connected = set()
    for packet in recording.of_client("connect", "publish"):
        if packet.kind == "connect":
            connected.add(packet.connection)
        assert packet.connection in connected, f"{packet} comes before CONNECT"


connected_first = Rule("births go out on a connection that began with CONNECT", _connected_first, remove(kind="connect"))


def _birth_first(recording):
    for session in recording.sessions():
        first = require(published(session), "a publication")[0]
        assert first.verb == "NBIRTH", f"the session's first message is {first}"


birth_first = Rule("NBIRTH is the first message of every session", _birth_first,
                   move_before(lambda r: r.find("DDATA"), lambda r: r.find("NBIRTH")))


# --- the Will and bdSeq ----------------------------------------------------------------------------------------------

def wills(recording):
    for connect in require(recording.of_client("connect"), "CONNECT"):
        assert connect.will, f"{connect} has no Will"
        yield connect.will


def every_will(says, is_right, *spoilers):
    def judge(recording):
        for will in wills(recording):
            assert is_right(will), f"{will} breaks: {says}"
    return Rule(says, judge, *spoilers)


def no_will(recording):
    recording.of_client("connect")[1].record["will"] = None


will = every_will("each CONNECT carries a Will", lambda w: True, no_will)
will_topic = every_will("the Will's topic is the node's NDEATH topic", lambda w: w.topic == edge_scenario.topic("NDEATH"),
                        spoil_will(lambda w: w.update(topic="spBv1.0/labhub/NDEATH/other")))
will_protobuf = every_will("the Will's payload is a Sparkplug B payload", lambda w: w.payload is not None and len(w.payload.metrics) > 0,
                           spoil_will(lambda w: w.update(payload=b"\xff\xff".hex())), spoil_will(lambda w: w.update(payload="")))
will_qos = every_will("the Will has QoS 1", lambda w: w.qos == 1, spoil_will(lambda w: w.update(qos=0)))
will_retain = every_will("the Will is not retained", lambda w: w.retain is False, spoil_will(lambda w: w.update(retain=True)))


def bd_seq(packet):
    metric = packet.metric("bdSeq")
    assert metric.datatype == sparkplug.INT64 and metric.HasField("long_value"), f"bdSeq of {packet} is no Int64"
    return metric.long_value


def _bd_seq_steps(recording):
    previous = 255
    seen = []
    for packet in recording.packets:
        if packet.kind == "mark" and packet.record["name"] == "bdSeq is now 254":
            previous = 254
        if packet.kind != "connect" or packet.client != recording.watched:
            continue
        assert packet.will, f"{packet} has no Will"
        seen.append(bd_seq(packet.will))
        assert seen[-1] == (previous + 1) % 256, f"bdSeq {seen[-1]} of {packet} does not follow {previous}"
        previous = seen[-1]
    assert 255 in seen and seen[-1] == 0, "nothing to judge: bdSeq did not come round"


bd_seq_steps = Rule("the Will's only metric is bdSeq, Int64: 0 at first, one more at every CONNECT, also after a restart or kill, 255 → 0", _bd_seq_steps,
                    spoil_will_payload(lambda m: setattr(m.metrics[0], "long_value", 0), which=1),
                    spoil_will_payload(lambda m: setattr(m.metrics[0], "long_value", 5), which=3),
                    spoil_will_payload(lambda m: setattr(m.metrics[0], "datatype", sparkplug.UINT64)))


def _bd_seq_matches(recording):
    for session in recording.sessions():
        for birth in require(published(session, "NBIRTH"), "NBIRTH"):
            assert bd_seq(birth) == bd_seq(session[0].will), f"bdSeq of {birth} is not its Will's"


bd_seq_matches = Rule("NBIRTH has a metric bdSeq, Int64, equal to that of the Will of its CONNECT", _bd_seq_matches,
                      spoil_metric(lambda m: setattr(m, "long_value", m.long_value + 1), "NBIRTH", where=lambda m: m.name == "bdSeq"),
                      spoil_metric(lambda m: setattr(m, "name", "bdseq"), "NBIRTH", where=lambda m: m.name == "bdSeq"))


def deaths(recording):
    """Every form in which an NDEATH is seen: registered, published, and sent by the broker."""
    found = list(wills(recording)) + recording.sent("NDEATH")
    return found + require([p for p in recording.packets if p.kind == "will" and p.client == recording.watched], "a Will that was sent")


def every_death(says, is_right, *spoilers):
    def judge(recording):
        for death in deaths(recording):
            assert is_right(death), f"{death} breaks: {says}"
    return Rule(says, judge, *spoilers)


death_payload = every_death("NDEATH holds the metric bdSeq and no other", lambda d: [m.name for m in d.payload.metrics] == ["bdSeq"],
                            spoil_payload(lambda m: m.metrics.add(name="reason"), "NDEATH"), spoil_will_payload(lambda m: m.metrics.pop()))
death_without_seq = every_death("NDEATH has no seq", lambda d: not d.payload.HasField("seq"),
                                spoil_payload(lambda m: setattr(m, "seq", 0), "NDEATH"), spoil_will_payload(lambda m: setattr(m, "seq", 0)))
death_topic = every_death("the topic of NDEATH is spBv1.0/labhub/NDEATH/sim-1", lambda d: d.topic == edge_scenario.topic("NDEATH"),
                          spoil("NDEATH", topic=lambda t: t + "/vessel"))


def _death_bd_seq(recording):
    for session in recording.sessions():
        births = {bd_seq(b) for b in published(session, "NBIRTH")}
        for death in [session[0].will] + published(session, "NDEATH"):
            assert {bd_seq(death)} == births, f"bdSeq of {death} is not its NBIRTH's"


death_bd_seq = Rule("NDEATH, as a Will and as published, has the bdSeq of its NBIRTH", _death_bd_seq,
                    spoil_metric(lambda m: setattr(m, "long_value", 77), "NDEATH"), spoil_will_payload(lambda m: setattr(m.metrics[0], "long_value", 77)))


def _will_is_sent(recording):
    sent = require([p for p in recording.after("kill", "bdSeq is now 254") if p.kind == "will" and p.client == recording.watched], "the Will after a kill")[0]
    registered = [p.will for p in recording.of_client("connect") if p.place < sent.place][-1]
    assert registered, "the CONNECT has no Will"
    assert (sent.topic, sent.bytes, sent.qos, sent.retain) == (registered.topic, registered.bytes, registered.qos, registered.retain), "the Will sent is another"


will_is_sent = Rule("NDEATH is registered as the Will, and sent by the broker when the node is killed", _will_is_sent,
                    remove(kind="will"), spoil_will(lambda w: w.update(topic="x"), which=1))


def _says_goodbye(recording):
    leaves = [s for s in recording.sessions() if any(p.kind == "disconnect" for p in s)]
    for session in require(leaves, "DISCONNECT"):
        place = next(i for i, p in enumerate(session) if p.kind == "disconnect")
        last = published(session)[-1]
        assert last.verb == "NDEATH" and session.index(last) < place, f"the last message before DISCONNECT is {last}"


says_goodbye = Rule("a stopping node publishes NDEATH before DISCONNECT", _says_goodbye, remove("NDEATH"),
                    move_before(lambda r: r.find("DDATA"), lambda r: r.find(kind="disconnect")))


def _disconnects(recording):
    for death in recording.sent("NDEATH"):
        following = [p for p in recording.of_client() if p.place > death.place and p.connection == death.connection and p.kind != "puback"]
        assert following and following[0].kind == "disconnect", f"no DISCONNECT follows {death}"


disconnects = Rule("DISCONNECT follows the published NDEATH directly", _disconnects, remove(kind="disconnect"))


# --- subscriptions ---------------------------------------------------------------------------------------------------

def subscribed(session, topic, before):
    place = session.index(before)
    return any(s == {"topic": topic, "qos": 1} for p in session[:place] if p.kind == "subscribe" for s in p.record["subscriptions"])


def unsubscribe(part, **change):
    def do(recording):
        for packet in recording.of_client("subscribe"):
            for each in packet.record["subscriptions"]:
                if part in each["topic"]:
                    each.update(change)
                    return
        raise LookupError(part)
    return do


def subscription(says, part, topic_of, before):
    def judge(recording):
        for session in recording.sessions():
            for birth in require(published(session, before), before):
                assert subscribed(session, topic_of(birth), birth), f"{topic_of(birth)} is not subscribed with QoS 1 before {birth}"
    return Rule(says, judge, unsubscribe(part, qos=0), unsubscribe(part, topic="spBv1.0/other"))


ncmd_subscribed = subscription("the node's NCMD topic is subscribed with QoS 1 before NBIRTH", "/NCMD/", lambda b: edge_scenario.topic("NCMD"), "NBIRTH")
dcmd_subscribed = subscription("each device's DCMD topic is subscribed with QoS 1 before its DBIRTH", "/DCMD/", lambda b: edge_scenario.topic("DCMD", b.device), "DBIRTH")
state_subscribed = subscription("the primary host's STATE is subscribed with QoS 1 before NBIRTH", "/STATE/", lambda b: edge_scenario.STATE, "NBIRTH")
