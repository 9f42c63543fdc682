"""The rules for edge nodes, of what is in their messages and in which order they come."""
import itertools

import sparkplug
from edge_rules import A_MINUTE, BIRTHS, DATA, NUMBERED, REBIRTH, bd_seq, published
from rules import Rule, every, move_before, remove, require, rewrite, spoil, spoil_metric, spoil_payload

YEAR_2020 = 1_577_836_800_000
HAS_VALUE = "value"


# --- seq and time ----------------------------------------------------------------------------------------------------

def seq_present(*verbs):
    name = ", ".join(verbs)
    return every(f"{name}: seq is there, 0 to 255", verbs, lambda p: p.payload.HasField("seq") and p.payload.seq <= 255,
                 *[spoil_payload(lambda m: m.ClearField("seq"), verb) for verb in verbs], spoil_payload(lambda m: setattr(m, "seq", 256), verbs[0]))


seq_zero = every("the seq of NBIRTH is 0", ("NBIRTH",), lambda p: p.payload.HasField("seq") and p.payload.seq == 0,
                 spoil_payload(lambda m: setattr(m, "seq", 1), "NBIRTH"), spoil_payload(lambda m: m.ClearField("seq"), "NBIRTH"))


def seq_follows(*verbs):
    def judge(recording):
        judged = rounds = 0
        for session in recording.sessions():
            previous = None
            for packet in published(session, *NUMBERED):
                assert packet.payload.HasField("seq"), f"{packet} has no seq"
                if packet.verb in verbs and packet.verb != "NBIRTH":
                    assert previous is not None and packet.payload.seq == (previous + 1) % 256, f"seq {packet.payload.seq} of {packet} does not follow {previous}"
                    judged, rounds = judged + 1, rounds + (previous == 255)
                previous = packet.payload.seq
        assert judged, f"nothing to judge: no {verbs}"
        assert len(verbs) == 1 or rounds, "nothing to judge: seq did not come round"
    name = ", ".join(verbs)
    return Rule(f"{name}: seq is one more than in the node's last message, whether of the node or of any device, and 0 after 255", judge,
                spoil_payload(lambda m: setattr(m, "seq", (m.seq + 1) % 256), verbs[0]), spoil_payload(lambda m: m.ClearField("seq"), verbs[0]),
                spoil_payload(lambda m: setattr(m, "seq", 0 if m.seq else 9), verbs[-1]))


seq_follows_everywhere = seq_follows("DBIRTH", "NDATA", "DDATA", "DDEATH")


def payload_time(*verbs):
    def is_now(packet):
        return packet.payload.HasField("timestamp") and abs(packet.payload.timestamp - packet.t) < A_MINUTE
    name = ", ".join(verbs)
    return every(f"{name}: the payload's timestamp is there, and is the time of sending in UTC milliseconds", verbs, is_now,
                 *[spoil_payload(lambda m: m.ClearField("timestamp"), verb) for verb in verbs],
                 spoil_payload(lambda m: setattr(m, "timestamp", m.timestamp // 1000), verbs[0]),
                 spoil_payload(lambda m: setattr(m, "timestamp", m.timestamp + 3_600_000), verbs[0]))


def all_metrics(says, verbs, is_right, *spoilers):
    def judge(recording):
        judged = 0
        for packet in recording.sent(*verbs):
            for metric in packet.payload.metrics:
                assert is_right(metric, packet), f"metric {metric.name} of {packet} breaks: {says}"
                judged += 1
        assert judged, "nothing to judge: no metrics"
    return Rule(says, judge, *spoilers)


metric_time = all_metrics("every metric of births and data has a timestamp", BIRTHS + DATA, lambda m, p: m.HasField("timestamp"),
                          *[spoil_metric(lambda m: m.ClearField("timestamp"), verb) for verb in BIRTHS + DATA])
metric_time_utc = all_metrics("the timestamps of metrics are UTC milliseconds, none later than the message", BIRTHS + DATA,
                              lambda m, p: YEAR_2020 < m.timestamp <= p.t + 1000,
                              spoil_metric(lambda m: setattr(m, "timestamp", m.timestamp + 3_600_000), "DDATA"),
                              spoil_metric(lambda m: setattr(m, "timestamp", m.timestamp // 1000), "DBIRTH"))


# --- metrics ---------------------------------------------------------------------------------------------------------

def valued(metric):
    """A value, or is_null and none: one of the two."""
    return metric.is_null != (metric.WhichOneof(HAS_VALUE) is not None)


def no_value(metric):
    metric.ClearField(metric.WhichOneof(HAS_VALUE))


def has_value(metric):
    return metric.WhichOneof(HAS_VALUE) is not None


named = all_metrics("every metric has a name", BIRTHS + DATA, lambda m, p: m.name != "", spoil_metric(lambda m: m.ClearField("name"), "DDATA"),
                    spoil_metric(lambda m: m.ClearField("name"), "DBIRTH"))


def full_metrics(verb):
    return all_metrics(f"every metric of {verb} has a name, a datatype and a value (or is_null and no value)", (verb,),
                       lambda m, p: m.name and m.HasField("datatype") and valued(m), spoil_metric(lambda m: m.ClearField("name"), verb),
                       spoil_metric(lambda m: m.ClearField("datatype"), verb), spoil_metric(no_value, verb, where=has_value))


def values(verb):
    return all_metrics(f"every metric of {verb} has either a value or is_null", (verb,), lambda m, p: valued(m),
                       spoil_metric(no_value, verb, where=has_value), spoil_metric(lambda m: setattr(m, "is_null", True), verb, where=has_value))


birth_types = all_metrics("every metric of a birth has its datatype", BIRTHS, lambda m, p: m.HasField("datatype"),
                          *[spoil_metric(lambda m: m.ClearField("datatype"), verb) for verb in BIRTHS])
known_types = all_metrics("every datatype is a number of the specification's list", BIRTHS + DATA,
                          lambda m, p: not m.HasField("datatype") or 1 <= m.datatype <= sparkplug.LAST_TYPE,
                          spoil_metric(lambda m: setattr(m, "datatype", 99), "DDATA"), spoil_metric(lambda m: setattr(m, "datatype", 0), "NBIRTH"))


def _typed_data(recording):
    for packet in recording.sent(*DATA):
        for metric in packet.payload.metrics:
            assert metric.HasField("datatype"), f"metric {metric.name} of {packet} has no datatype, though the table says we send it"


typed_data = Rule("every metric of data carries its datatype", _typed_data, spoil_metric(lambda m: m.ClearField("datatype"), "DDATA"))
no_alias = all_metrics("no metric has an alias", BIRTHS + DATA, lambda m, p: not m.HasField("alias"), spoil_metric(lambda m: setattr(m, "alias", 3), "DDATA"))
simple_values = all_metrics("no metric is a template, a data set or an array", BIRTHS + DATA,
                            lambda m, p: m.WhichOneof(HAS_VALUE) not in ("template_value", "dataset_value", "bytes_value", "extension_value"),
                            spoil_metric(lambda m: m.template_value.SetInParent(), "NBIRTH"), spoil_metric(lambda m: m.dataset_value.SetInParent(), "DDATA"))


def announced(births, data):
    """What data reports was in the birth before it."""
    def judge(recording):
        judged = 0
        for session in recording.sessions():
            known = {}
            for packet in published(session, births, data):
                names = {m.name for m in packet.payload.metrics}
                if packet.verb == births:
                    known[packet.device] = names
                    continue
                judged += 1
                assert names <= known.get(packet.device, set()), f"{packet} has metrics its birth did not name: {names - known.get(packet.device, set())}"
        assert judged, f"nothing to judge: no {data}"
    def forget(recording):
        for packet in recording.sent(births):
            rewrite(packet, lambda m: m.ClearField("metrics"))
    return Rule(f"{births} names every metric that a later {data} of the session reports", judge,
                spoil_metric(lambda m: setattr(m, "name", "surprise"), data), forget)


def in_order(births, data):
    def judge(recording):
        repeated = 0
        for session in recording.sessions():
            latest = {}
            for packet in published(session, births, data):
                for metric in packet.payload.metrics:
                    if metric.is_historical:
                        continue
                    key = packet.device, metric.name
                    repeated += key in latest
                    assert metric.timestamp >= latest.get(key, 0), f"{metric.name} goes back in time in {packet}"
                    latest[key] = metric.timestamp
        assert repeated, "nothing to judge: no metric came twice"
    return Rule(f"the live values of a metric in {births} and {data} never go back in time", judge,
                spoil_metric(lambda m: setattr(m, "timestamp", m.timestamp - 60_000), data, where=lambda m: not m.is_historical))


def _different_names(recording):
    for packet in recording.sent(*BIRTHS):
        names = [m.name.lower() for m in packet.payload.metrics]
        assert len(names) == len(set(names)), f"{packet} has names that differ only by case"


different_names = Rule("no two metrics of a birth have names that differ only by case", _different_names,
                       spoil_payload(lambda m: setattr(m.metrics[1], "name", m.metrics[0].name.upper()), "DBIRTH"))


def _different_ids(recording):
    devices = {p.device for p in recording.sent("DBIRTH", "DDATA", "DDEATH")}
    assert len(devices) == len({d.lower() for d in devices}), f"ids differ only by case: {devices}"


different_ids = Rule("no two devices of the node have ids that differ only by case", _different_ids,
                     spoil("DDATA", topic=lambda t: t.replace("vessel", "Vessel").replace("second", "Second")))


# --- properties ------------------------------------------------------------------------------------------------------

def properties(says, is_right, *spoilers):
    def judge(recording):
        judged = 0
        for packet in recording.sent(*BIRTHS, *DATA):
            for metric in packet.payload.metrics:
                if metric.HasField("properties"):
                    judged += 1
                    assert is_right(metric.properties), f"properties of {metric.name} in {packet} break: {says}"
        assert judged, "nothing to judge: no properties"
    return Rule(says, judge, *spoilers)


def with_properties(metric):
    return len(metric.properties.values) > 0


property_sizes = properties("a property set has as many keys as values", lambda s: len(s.keys) == len(s.values),
                            spoil_metric(lambda m: m.properties.keys.pop(), "DBIRTH", where=with_properties),
                            spoil_metric(lambda m: m.properties.values.pop(), "DBIRTH", where=with_properties))
property_typed = properties("every property value has a type", lambda s: all(v.HasField("type") for v in s.values),
                            spoil_metric(lambda m: m.properties.values[0].ClearField("type"), "DBIRTH", where=with_properties))
property_types = properties("every property type is a number of the specification's list", lambda s: all(1 <= v.type <= 21 for v in s.values),
                            spoil_metric(lambda m: setattr(m.properties.values[0], "type", 40), "DBIRTH", where=with_properties))


def quality(says, is_right, *spoilers):
    def judge(recording):
        judged = 0
        for packet in recording.sent(*BIRTHS, *DATA):
            for metric in packet.payload.metrics:
                for key, value in zip(metric.properties.keys, metric.properties.values):
                    if key == "Quality":
                        judged += 1
                        assert is_right(value), f"Quality of {metric.name} in {packet} breaks: {says}"
        assert judged, "nothing to judge: no Quality"
    return Rule(says, judge, *spoilers)


def with_quality(metric):
    return "Quality" in metric.properties.keys


def quality_of(metric):
    return metric.properties.values[list(metric.properties.keys).index("Quality")]


quality_type = quality("Quality is of type 3, Int32", lambda v: v.type == 3, spoil_metric(lambda m: setattr(quality_of(m), "type", 7), "DBIRTH", "DDATA", where=with_quality))
quality_value = quality("Quality is 0, 192 or 500, in int_value", lambda v: v.HasField("int_value") and v.int_value in (0, 192, 500),
                        spoil_metric(lambda m: setattr(quality_of(m), "int_value", 1), "DBIRTH", "DDATA", where=with_quality),
                        spoil_metric(lambda m: setattr(quality_of(m), "long_value", 192), "DBIRTH", "DDATA", where=with_quality))


# --- the order of births and data ------------------------------------------------------------------------------------

def _births_together(recording):
    again = 0
    for session in recording.sessions():
        alive, sent = set(), published(session)
        for place, packet in enumerate(sent):
            if packet.verb == "NBIRTH":
                directly = set()
                for following in sent[place + 1:]:
                    if following.verb != "DBIRTH":
                        break
                    directly.add(following.device)
                assert alive <= directly, f"after {packet} come the births of {directly}, not of all of {alive}"
                again, alive = again + bool(alive), set()
            elif packet.verb == "DBIRTH":
                alive.add(packet.device)
            elif packet.verb == "DDEATH":
                alive.discard(packet.device)
            elif packet.verb == "DDATA":
                assert packet.device in alive, f"{packet} comes while its device is not born"
            elif packet.verb == "NDATA":
                assert any(p.verb == "NBIRTH" for p in sent[:place]), f"{packet} comes before NBIRTH"
    assert again, "nothing to judge: no rebirth"


def rebirth_of(recording):
    return recording.find("NBIRTH", where=lambda p: p.place > recording.place_of("rebirth asked for"))


def first_dbirth_after_rebirth(recording):
    return recording.find("DBIRTH", where=lambda p: p.place > rebirth_of(recording).place)


def births_together(verb):
    return Rule("after NBIRTH come the DBIRTHs of all devices that are there, before any data; a device that comes later is born before its data", _births_together,
                move_before(lambda r: r.find(verb), first_dbirth_after_rebirth), remove("DBIRTH"))


def _after_nbirth(recording):
    for session in recording.sessions():
        sent = published(session)
        for birth in published(session, "DBIRTH"):
            assert any(p.verb == "NBIRTH" for p in sent[:sent.index(birth)]), f"{birth} comes without an NBIRTH in its session"
    recording.sent("DBIRTH")


after_nbirth = Rule("NBIRTH comes before any DBIRTH of the same session", _after_nbirth, remove("NBIRTH", pick="last"))


def _same_node(recording):
    for session in recording.sessions():
        nodes = {(p.levels[1], p.levels[3]) for p in published(session, "NBIRTH")}
        assert len(nodes) == 1, f"births of several nodes in one session: {nodes}"
        for birth in published(session, "DBIRTH"):
            assert {(birth.levels[1], birth.levels[3])} == nodes, f"{birth} is of another node than its NBIRTH"


same_node = Rule("group and node in the topic of DBIRTH are those of the NBIRTH", _same_node, spoil("DBIRTH", topic=lambda t: t.replace("sim-1", "sim-2")),
                 spoil("DBIRTH", topic=lambda t: t.replace("labhub", "other")))


def _device_once(recording):
    for session in recording.sessions():
        born = []
        for packet in published(session, "NBIRTH", "DBIRTH", "DDEATH"):
            if packet.verb == "NBIRTH":
                born = []
            elif packet.verb == "DDEATH":
                born.remove(packet.device)
            else:
                assert packet.device not in born, f"{packet}: a device of this name is there already"
                born.append(packet.device)
    recording.sent("DBIRTH")


device_once = Rule("no two devices of the node have the same id", _device_once, spoil("DBIRTH", topic=lambda t: t.replace("vessel", "second"), where=lambda p: p.device == "vessel"))


# --- the node's own metrics, commands, rebirth -----------------------------------------------------------------------

def is_rebirth(metric):
    return metric.name == REBIRTH


def rebirth_metric(says, is_right, *spoilers):
    return every(says, ("NBIRTH",), lambda p: is_right(p.metric(REBIRTH)), *spoilers)


rebirth_named = rebirth_metric("NBIRTH has the metric Node Control/Rebirth", lambda m: True, spoil_metric(lambda m: setattr(m, "name", "Rebirth"), "NBIRTH", where=is_rebirth))
rebirth_type = rebirth_metric("Node Control/Rebirth is of type Boolean", lambda m: m.datatype == sparkplug.BOOLEAN,
                              spoil_metric(lambda m: setattr(m, "datatype", sparkplug.INT32), "NBIRTH", where=is_rebirth))
rebirth_false = rebirth_metric("Node Control/Rebirth is false in the birth", lambda m: m.HasField("boolean_value") and m.boolean_value is False,
                               spoil_metric(lambda m: setattr(m, "boolean_value", True), "NBIRTH", where=is_rebirth), spoil_metric(no_value, "NBIRTH", where=is_rebirth))
rebirth_whole = rebirth_metric("NBIRTH has the metric Node Control/Rebirth, Boolean, false", lambda m: m.datatype == sparkplug.BOOLEAN and m.HasField("boolean_value") and not m.boolean_value,
                               *rebirth_named.spoilers, *rebirth_type.spoilers, *rebirth_false.spoilers)
rebirth_without_alias = rebirth_metric("Node Control/Rebirth has no alias", lambda m: not m.HasField("alias"), spoil_metric(lambda m: setattr(m, "alias", 1), "NBIRTH", where=is_rebirth))


def rebirth_scene(recording):
    """What the node published after it was asked for a rebirth."""
    scene = recording.after("rebirth asked for", "odd commands")
    asked = next(p for p in scene if p.kind == "injected")
    sent = [p for p in scene if p.client == recording.watched and p.kind == "publish" and p.place > asked.place]
    return asked, require(sent, "a message after the rebirth request")


def _stops_data(recording):
    asked, sent = rebirth_scene(recording)
    before = next((i for i, p in enumerate(sent) if p.verb == "NBIRTH"), None)
    assert before is not None, "no NBIRTH follows the request"
    # What was under way when the node read the request is none of its later choice; two seconds are more than that takes.
    late = [p for p in sent[:before] if p.payload.timestamp > asked.t + 2000]
    assert not late, f"{len(late)} data messages between the request and NBIRTH, such as {late[0]}"


def go_on_sending(recording):
    birth, data = rebirth_of(recording), recording.find("DDATA")
    asked, _ = rebirth_scene(recording)
    recording.records.insert(birth.place, dict(data.record))
    copy = recording.again().packets[birth.place]
    rewrite(copy, lambda m: setattr(m, "timestamp", asked.t + 3000))


stops_data = Rule("once asked for a rebirth, the node sends no more data until it is born again", _stops_data, go_on_sending)


def _whole_birth(recording):
    _, sent = rebirth_scene(recording)
    place = next((i for i, p in enumerate(sent) if p.verb == "NBIRTH"), None)
    assert place is not None, "no NBIRTH follows the request"
    births = {(p.verb, p.device) for p in sent[place:place + 3]}
    assert births == {("NBIRTH", ""), ("DBIRTH", "vessel"), ("DBIRTH", "second")}, f"the births are {births}"


whole_birth = Rule("a rebirth is NBIRTH and the DBIRTH of every device", _whole_birth, lambda r: r.records.remove(first_dbirth_after_rebirth(r).record),
                   lambda r: r.records.remove(rebirth_of(r).record))


def _rebirth_bd_seq(recording):
    asked, sent = rebirth_scene(recording)
    birth = next(p for p in sent if p.verb == "NBIRTH")
    connect = [p for p in recording.of_client("connect") if p.place < asked.place][-1]
    assert birth.connection == connect.connection and bd_seq(birth) == bd_seq(connect.will), "the rebirth has another bdSeq"


rebirth_bd_seq = Rule("a rebirth has the bdSeq of the session's Will", _rebirth_bd_seq, lambda r: rewrite(rebirth_of(r), lambda m: setattr(m.metrics[0], "long_value", 9)))


def command_mark(recording):
    return next(p.record for p in recording.packets if p.kind == "mark" and p.record["name"] == "command")


def _carries_out(recording):
    wanted = command_mark(recording)
    data = [p for p in recording.after("command", "device lost") if p.kind == "publish" and p.verb == "DDATA" and p.device == wanted["device"]]
    assert any(m.name == wanted["metric"] and m.double_value == wanted["value"] for p in require(data, "DDATA") for m in p.payload.metrics), "no DDATA shows the new value"


def hide_command(recording):
    name = command_mark(recording)["metric"]
    for packet in recording.after("command", "device lost"):
        if packet.kind == "publish" and packet.verb == "DDATA":
            rewrite(packet, lambda message: [setattr(m, "name", "other") for m in message.metrics if m.name == name])


carries_out = Rule("a DCMD naming a metric of the DBIRTH is carried out, and a DDATA shows the new value", _carries_out, hide_command)


def tolerates(verb):
    def judge(recording):
        odd = recording.after("odd commands", "command")
        require([p for p in odd if p.kind == "injected" and p.verb == verb], f"an odd {verb}")
        mine = [p for p in odd if p.client == recording.watched]
        assert not [p for p in mine if p.kind in ("closed", "disconnect", "connect")], "the session ended"
        assert not [p for p in mine if p.kind == "publish" and p.verb in BIRTHS], "the node was born again without being asked"
        names = {m.name for p in mine if p.kind == "publish" for m in p.payload.metrics}
        assert "No/Such Metric" not in names and "no_such_metric" not in names, "a metric that does not exist is reported"
        require([p for p in mine if p.kind == "publish" and p.verb == "DDATA"], "data after the odd commands")

    def end_session(recording):
        record = dict(recording.find("DDATA", where=lambda p: p.place > recording.place_of("odd commands")).record)
        recording.records.insert(recording.place_of("command"), {**record, "packet": "closed"})

    def report_it(recording):
        packet = recording.find("DDATA", where=lambda p: p.place > recording.place_of("odd commands"))
        rewrite(packet, lambda m: setattr(m.metrics[0], "name", "no_such_metric"))
    return Rule(f"{verb}s with unknown metrics, with false for Node Control/Rebirth, or that are no payload change nothing", judge, end_session, report_it)


def changed_only(birth, data):
    def judge(recording):
        judged = 0
        for session in recording.sessions():
            last = {}
            for packet in published(session, birth, data):
                for metric in packet.payload.metrics:
                    value = getattr(metric, metric.WhichOneof(HAS_VALUE) or "is_null")
                    if packet.verb == data:
                        judged += 1
                        assert last.get(metric.name) != value, f"{metric.name} in {packet} has not changed"
                    last[metric.name] = value
        assert judged, f"nothing to judge: no {data}"

    def repeat(recording):
        packet = recording.last(data)
        recording.records.insert(packet.place + 1, dict(packet.record))
    return Rule(f"{data} holds only metrics whose value has changed", judge, repeat)


def _reports_changes(recording):
    for begin, end, text in (("odd commands", "command", "no_such_metric"), ("command", "device lost", "done")):
        data = [p for p in recording.after(begin, end) if p.kind == "publish" and p.verb == "NDATA"]
        assert any(text in m.string_value for p in data for m in p.payload.metrics), f"no NDATA says '{text}' after {begin}"


reports_changes = Rule("an NDATA reports the node's metrics that a command has changed (Last Command/…)", _reports_changes,
                       lambda r: rewrite(next(p for p in r.after("command") if p.kind == "publish" and p.verb == "NDATA"), lambda m: m.ClearField("metrics")))


def _periodic(recording):
    values = {}
    for packet in recording.sent("DDATA"):
        for metric in packet.payload.metrics:
            if metric.WhichOneof(HAS_VALUE):
                values.setdefault((packet.device, metric.name), []).append(getattr(metric, metric.WhichOneof(HAS_VALUE)))
    assert any(a == b for seen in values.values() for a, b in zip(seen, seen[1:])), "no DDATA repeats a value, though the table says that they are periodic"


def _only_new_values(recording):
    numbers = itertools.count()
    for packet in recording.sent("DDATA"):
        rewrite(packet, lambda message: [(no_value(m), setattr(m, "double_value", next(numbers))) for m in message.metrics if has_value(m)])


periodic = Rule("sensors are reported at their sampling period, also where the value is the same", _periodic, _only_new_values)


def _device_death(recording):
    gone = recording.after("device lost", "device back")
    deaths = [p for p in gone if p.kind == "publish" and p.verb == "DDEATH" and p.device == "second"]
    assert deaths, "no DDEATH of the lost device"
    later = [p for p in gone if p.place > deaths[0].place and p.kind == "publish" and p.device == "second"]
    assert not later, f"after its death the device sends {later[0]}"


device_death = Rule("a device that is lost is reported by DDEATH, and sends nothing until its DBIRTH", _device_death, remove("DDEATH"))
