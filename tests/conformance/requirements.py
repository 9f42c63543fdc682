"""Every testable requirement of Sparkplug B 3.0.0, and what becomes of it here: the source of the tests and of
docs/reference/sparkplug-conformance.md.

The ids are those of the specification, without their prefix tck-id-. `edge` is judged on labhub-agent, `host` on
labhub-coordinator. A rule beside `not_kept` or `not_applicable` guards the reason: it fails once the reason is gone.
"""
import dataclasses
from typing import Optional

import edge_payload_rules as p
import edge_rules as e
import host_rules as h
from rules import Rule


@dataclasses.dataclass
class Requirement:
    id: str
    chapter: str
    edge: Optional[Rule] = None
    host: Optional[Rule] = None
    edge_verdict: str = ""
    host_verdict: str = ""
    why: str = ""


TABLE = []
_chapter = ""


def chapter(name):
    global _chapter
    _chapter = name


def kept(id, edge=None, host=None, why=""):
    TABLE.append(Requirement(id, _chapter, edge, host, "kept" if edge else "", "kept" if host else "", why))


def not_kept(id, why, edge=None, host=None):
    TABLE.append(Requirement(id, _chapter, edge, host, "not kept" if edge else "", "not kept" if host else "", why))


def not_applicable(id, why, edge=None, host=None, concerns=""):
    """To whom it would apply: edge or host, by default whose guard is given; "server" for neither."""
    to = concerns or ("host" if host else "edge")
    TABLE.append(Requirement(id, _chapter, edge, host, "not applicable" if to == "edge" else "", "not applicable" if to == "host" else "", why))


MQTT_5 = "both programs speak MQTT 3.1.1"
NO_ALIASES = "no alias is sent: many decoders can't read a message that has aliases alone"
NO_TEMPLATES = "no template is sent: no device has a value of such a shape"
NO_DATA_SETS = "no data set is sent: no device has a value of such a shape"
NO_DCMD = "the coordinator sends no DCMD: setpoints go to the agent over SSH, where each is answered; the agent takes DCMD from other hosts"
NO_WAITING = ("the agent doesn't offer to wait for a primary host: it keeps its readings in its spool until the host has acknowledged them, "
              "so that none is lost while the host is away, and other hosts are served meanwhile")
SERVER = "a demand on MQTT servers"
TYPED = "SHOULD NOT: without the datatype the decoders in common use (npm's sparkplug-payload, Node-RED) read every value as null; on receipt it may be missing"
PERIODIC = "SHOULD NOT: a laboratory's curve needs its points at known times, and a value that stays the same is a measurement too; metrics of the node itself are sent by exception"

chapter("1 Introduction")
kept("intro-sparkplug-host-state", host=h.both_states)
kept("intro-group-id-string", edge=e.topic_level("the group id stands in every topic", 1, "labhub"))
kept("intro-group-id-chars", edge=e.valid_id("group id", 1))
kept("intro-edge-node-id-string", edge=e.topic_level("the node id stands in every topic", 3, "sim-1"))
kept("intro-edge-node-id-chars", edge=e.valid_id("node id", 3))
kept("intro-device-id-string", edge=e.with_device)
kept("intro-device-id-chars", edge=e.valid_id("device id", 4))
kept("intro-edge-node-id-uniqueness", edge=e.own_client_id)

chapter("2 Principles")
not_kept("principles-rbe-recommended", PERIODIC, edge=p.periodic)
kept("principles-birth-certificates-order", edge=e.birth_first, host=h.birth_first)
kept("principles-persistence-clean-session-311", edge=e.clean_session)
not_applicable("principles-persistence-clean-session-50", MQTT_5, edge=e.clean_session)

chapter("3 Components")
kept("components-ph-state", host=h.both_states)

chapter("4 Topics and messages")
kept("topic-structure", edge=e.structure, host=h.structure)
kept("topic-structure-namespace-a", edge=e.topic_level("every topic begins with spBv1.0", 0, "spBv1.0"), host=h.namespace)
kept("topic-structure-namespace-valid-group-id", edge=e.valid_id("group id", 1))
kept("topic-structure-namespace-unique-edge-node-descriptor", edge=e.own_client_id)
kept("topic-structure-namespace-valid-edge-node-id", edge=e.valid_id("node id", 3))
kept("topic-structure-namespace-valid-device-id", edge=e.valid_id("device id", 4))
kept("topic-structure-namespace-unique-device-id", edge=p.device_once)
kept("topic-structure-namespace-duplicate-device-id-across-edge-node", host=h.same_device_elsewhere)
kept("topic-structure-namespace-device-id-associated-message-types", edge=e.with_device)
kept("topic-structure-namespace-device-id-non-associated-message-types", edge=e.without_device, host=h.without_device)
kept("topics-nbirth-topic", edge=e.topic_form("NBIRTH"))
kept("topics-nbirth-mqtt", edge=e.mqtt("NBIRTH"))
kept("topics-nbirth-seq-num", edge=p.seq_zero)
kept("topics-nbirth-timestamp", edge=p.payload_time("NBIRTH"))
kept("topics-nbirth-metric-reqs", edge=p.announced("NBIRTH", "NDATA"))
kept("topics-nbirth-metrics", edge=p.full_metrics("NBIRTH"))
not_applicable("topics-nbirth-templates", NO_TEMPLATES, edge=p.simple_values)
kept("topics-nbirth-bdseq-included", edge=e.bd_seq_matches)
kept("topics-nbirth-bdseq-matching", edge=e.bd_seq_matches)
kept("topics-nbirth-bdseq-increment", edge=e.bd_seq_steps)
kept("topics-nbirth-rebirth-metric", edge=p.rebirth_whole)
kept("topics-ndata-topic", edge=e.topic_form("NDATA"))
kept("topics-ndata-mqtt", edge=e.mqtt("NDATA"))
kept("topics-ndata-seq-num", edge=p.seq_follows("NDATA"))
kept("topics-ndata-timestamp", edge=p.payload_time("NDATA"))
kept("topics-ndata-payload", edge=p.reports_changes)
kept("topics-ndeath-topic", edge=e.death_topic)
kept("topics-ndeath-payload", edge=e.death_payload)
kept("topics-ndeath-seq", edge=e.death_without_seq)
kept("topics-ncmd-topic", edge=e.ncmd_subscribed, host=h.ncmd_topic)
kept("topics-ncmd-mqtt", host=e.mqtt("NCMD"))
kept("topics-ncmd-timestamp", host=p.payload_time("NCMD"))
kept("topics-ncmd-payload", host=h.acknowledges)
kept("topics-dbirth-topic", edge=e.topic_form("DBIRTH"))
kept("topics-dbirth-mqtt", edge=e.mqtt("DBIRTH"))
kept("topics-dbirth-seq", edge=p.seq_follows("DBIRTH"))
kept("topics-dbirth-timestamp", edge=p.payload_time("DBIRTH"))
kept("topics-dbirth-metric-reqs", edge=p.announced("DBIRTH", "DDATA"))
kept("topics-dbirth-metrics", edge=p.full_metrics("DBIRTH"))
kept("topics-ddata-topic", edge=e.topic_form("DDATA"))
kept("topics-ddata-mqtt", edge=e.mqtt("DDATA"))
kept("topics-ddata-seq-num", edge=p.seq_follows("DDATA"))
kept("topics-ddata-timestamp", edge=p.payload_time("DDATA"))
kept("topics-ddata-payload", edge=p.carries_out)
kept("topics-ddeath-topic", edge=e.topic_form("DDEATH"))
kept("topics-ddeath-mqtt", edge=e.mqtt("DDEATH"))
kept("topics-ddeath-seq-num", edge=p.seq_follows("DDEATH"))
kept("topics-dcmd-topic", edge=e.dcmd_subscribed)
not_applicable("topics-dcmd-mqtt", NO_DCMD, host=h.no_dcmd)
not_applicable("topics-dcmd-timestamp", NO_DCMD, host=h.no_dcmd)
not_applicable("topics-dcmd-payload", NO_DCMD, host=h.no_dcmd)
kept("host-topic-phid-birth-message", host=h.birth_first)
kept("host-topic-phid-birth-qos", host=h.birth_qos)
kept("host-topic-phid-birth-retain", host=h.birth_retain)
kept("host-topic-phid-birth-topic", host=h.birth_topic)
kept("host-topic-phid-birth-sub-required", host=h.subscribed)
kept("host-topic-phid-birth-required", host=h.birth_first)
kept("host-topic-phid-birth-payload", host=h.birth_payload)
kept("host-topic-phid-birth-payload-timestamp", host=h.same_time)
kept("host-topic-phid-death-qos", host=h.will_qos)
kept("host-topic-phid-death-retain", host=h.will_retain)
kept("host-topic-phid-death-topic", host=h.will_topic)
kept("host-topic-phid-death-required", host=h.will_registered)
kept("host-topic-phid-death-payload", host=h.will_payload)
kept("host-topic-phid-death-payload-timestamp-connect", host=h.will_payload)
kept("host-topic-phid-death-payload-timestamp-disconnect-clean", host=h.farewell_time)
kept("host-topic-phid-death-payload-timestamp-disconnect-with-no-disconnect-packet", host=h.farewell_time, why="the same message is published, and DISCONNECT sent as well")

chapter("5 Operational behavior")
kept("case-sensitivity-sparkplug-ids", edge=p.different_ids)
kept("case-sensitivity-metric-names", edge=p.different_names)
kept("message-flow-phid-sparkplug-clean-session-311", host=h.clean_session)
not_applicable("message-flow-phid-sparkplug-clean-session-50", MQTT_5, host=h.clean_session)
kept("message-flow-phid-sparkplug-subscription", host=h.subscribed)
kept("message-flow-phid-sparkplug-state-publish", host=h.birth_first)
kept("message-flow-phid-sparkplug-state-publish-payload", host=h.birth_payload)
kept("message-flow-phid-sparkplug-state-publish-payload-timestamp", host=h.same_time)
kept("message-flow-hid-sparkplug-state-message-delivered", host=h.insists)
kept("message-flow-edge-node-ncmd-subscribe", edge=e.ncmd_subscribed)
kept("message-flow-edge-node-birth-publish-connect", edge=e.connected_first)
kept("message-flow-edge-node-birth-publish-will-message", edge=e.will)
kept("message-flow-edge-node-birth-publish-will-message-topic", edge=e.will_topic)
kept("message-flow-edge-node-birth-publish-will-message-payload", edge=e.will_protobuf)
kept("message-flow-edge-node-birth-publish-will-message-payload-bdSeq", edge=e.bd_seq_steps)
kept("message-flow-edge-node-birth-publish-will-message-qos", edge=e.will_qos)
kept("message-flow-edge-node-birth-publish-will-message-will-retained", edge=e.will_retain)
not_applicable("message-flow-edge-node-birth-publish-phid-wait", NO_WAITING)
not_applicable("message-flow-edge-node-birth-publish-phid-wait-id", NO_WAITING)
not_applicable("message-flow-edge-node-birth-publish-phid-wait-online", NO_WAITING)
not_applicable("message-flow-edge-node-birth-publish-phid-wait-timestamp", NO_WAITING)
kept("message-flow-edge-node-birth-publish-nbirth-topic", edge=e.topic_form("NBIRTH"))
kept("message-flow-edge-node-birth-publish-nbirth-payload", edge=p.full_metrics("NBIRTH"))
kept("message-flow-edge-node-birth-publish-nbirth-payload-bdSeq", edge=e.bd_seq_matches)
kept("message-flow-edge-node-birth-publish-nbirth-qos", edge=e.qos("NBIRTH"))
kept("message-flow-edge-node-birth-publish-nbirth-retained", edge=e.retain("NBIRTH"))
kept("message-flow-edge-node-birth-publish-nbirth-payload-seq", edge=p.seq_present("NBIRTH"))
not_applicable("message-flow-edge-node-birth-publish-phid-offline", NO_WAITING)
kept("operational-behavior-edge-node-intentional-disconnect-ndeath", edge=e.says_goodbye)
kept("operational-behavior-edge-node-intentional-disconnect-packet", edge=e.disconnects)
kept("operational-behavior-edge-node-termination-host-action-ndeath-node-offline", host=h.node_offline)
not_applicable("operational-behavior-edge-node-termination-host-action-ndeath-node-tags-stale",
               "the coordinator shows no values of a node's own metrics, only the node's state, which an NDEATH makes offline", host=h.node_offline)
kept("operational-behavior-edge-node-termination-host-action-ndeath-devices-offline", host=h.devices_offline)
kept("operational-behavior-edge-node-termination-host-action-ndeath-devices-tags-stale", host=h.devices_stale)
not_applicable("operational-behavior-edge-node-termination-host-offline", NO_WAITING)
not_applicable("operational-behavior-edge-node-termination-host-offline-reconnect", NO_WAITING)
not_applicable("operational-behavior-edge-node-termination-host-offline-timestamp", NO_WAITING)
kept("message-flow-device-dcmd-subscribe", edge=e.dcmd_subscribed)
kept("message-flow-device-birth-publish-nbirth-wait", edge=p.after_nbirth)
kept("message-flow-device-birth-publish-dbirth-topic", edge=e.topic_form("DBIRTH"))
kept("message-flow-device-birth-publish-dbirth-match-edge-node-topic", edge=p.same_node)
kept("message-flow-device-birth-publish-dbirth-payload", edge=p.full_metrics("DBIRTH"))
kept("message-flow-device-birth-publish-dbirth-qos", edge=e.qos("DBIRTH"))
kept("message-flow-device-birth-publish-dbirth-retained", edge=e.retain("DBIRTH"))
kept("message-flow-device-birth-publish-dbirth-payload-seq", edge=p.seq_follows("DBIRTH"))
kept("operational-behavior-device-ddeath", edge=p.device_death)
kept("operational-behavior-edge-node-termination-host-action-ddeath-devices-offline", host=h.device_offline)
kept("operational-behavior-edge-node-termination-host-action-ddeath-devices-tags-stale", host=h.device_stale)
kept("operational-behavior-host-reordering-param", host=h.window_set)
kept("operational-behavior-host-reordering-start", host=h.window_kept)
kept("operational-behavior-host-reordering-rebirth", host=h.gap_asks)
kept("operational-behavior-host-reordering-success", host=h.late_is_fine)
kept("operational-behavior-primary-application-state-with-multiple-servers-state-subs", edge=e.state_subscribed, host=h.birth_mqtt)
kept("operational-behavior-primary-application-state-with-multiple-servers-state", host=h.birth_first)
kept("operational-behavior-primary-application-state-with-multiple-servers-single-server", edge=e.one_server)
not_applicable("operational-behavior-primary-application-state-with-multiple-servers-walk", "the agent is configured with one broker. " + NO_WAITING)
not_applicable("operational-behavior-edge-node-birth-sequence-wait", NO_WAITING)
kept("operational-behavior-host-application-host-id", host=h.own_client_id)
kept("operational-behavior-host-application-connect-will", host=h.will_registered)
kept("operational-behavior-host-application-connect-will-topic", host=h.will_topic)
kept("operational-behavior-host-application-connect-will-payload", host=h.will_payload)
kept("operational-behavior-host-application-connect-will-qos", host=h.will_qos)
kept("operational-behavior-host-application-connect-will-retained", host=h.will_retain)
kept("operational-behavior-host-application-connect-birth", host=h.birth_first)
kept("operational-behavior-host-application-connect-birth-topic", host=h.birth_topic)
kept("operational-behavior-host-application-connect-birth-payload", host=h.birth_payload)
kept("operational-behavior-host-application-connect-birth-qos", host=h.birth_qos)
kept("operational-behavior-host-application-connect-birth-retained", host=h.birth_retain)
not_applicable("operational-behavior-host-application-multi-server-timestamp", "the coordinator is configured with one broker", concerns="host")
kept("operational-behavior-host-application-termination", host=h.farewell)
kept("operational-behavior-host-application-death-topic", host=h.farewell_topic)
kept("operational-behavior-host-application-death-payload", host=h.farewell_payload)
kept("operational-behavior-host-application-death-qos", host=h.farewell_qos)
kept("operational-behavior-host-application-death-retained", host=h.farewell_retain)
kept("operational-behavior-host-application-disconnect-intentional", host=h.disconnects)
kept("operational-behavior-data-publish-nbirth", edge=p.announced("NBIRTH", "NDATA"))
kept("operational-behavior-data-publish-nbirth-values", edge=p.values("NBIRTH"))
kept("operational-behavior-data-publish-nbirth-change", edge=p.changed_only("NBIRTH", "NDATA"))
kept("operational-behavior-data-publish-nbirth-order", edge=p.in_order("NBIRTH", "NDATA"))
kept("operational-behavior-data-publish-dbirth", edge=p.announced("DBIRTH", "DDATA"))
kept("operational-behavior-data-publish-dbirth-values", edge=p.values("DBIRTH"))
not_kept("operational-behavior-data-publish-dbirth-change", PERIODIC, edge=p.periodic)
kept("operational-behavior-data-publish-dbirth-order", edge=p.in_order("DBIRTH", "DDATA"))
kept("operational-behavior-data-commands-rebirth-name", edge=p.rebirth_named)
kept("operational-behavior-data-commands-rebirth-name-aliases", edge=p.rebirth_without_alias)
kept("operational-behavior-data-commands-rebirth-datatype", edge=p.rebirth_type)
kept("operational-behavior-data-commands-rebirth-value", edge=p.rebirth_false)
kept("operational-behavior-data-commands-ncmd-rebirth-verb", host=h.by_ncmd)
kept("operational-behavior-data-commands-ncmd-rebirth-name", host=h.rebirth_name)
kept("operational-behavior-data-commands-ncmd-rebirth-value", host=h.rebirth_value)
kept("operational-behavior-data-commands-rebirth-action-1", edge=p.stops_data)
kept("operational-behavior-data-commands-rebirth-action-2", edge=p.whole_birth)
kept("operational-behavior-data-commands-rebirth-action-3", edge=p.rebirth_bd_seq)
kept("operational-behavior-data-commands-ncmd-verb", edge=p.whole_birth, host=h.by_ncmd)
kept("operational-behavior-data-commands-ncmd-metric-name", edge=p.tolerates("NCMD"), host=h.ncmd_known_names)
kept("operational-behavior-data-commands-ncmd-metric-value", edge=p.tolerates("NCMD"), host=h.ncmd_typed)
kept("operational-behavior-data-commands-dcmd-verb", edge=p.carries_out)
kept("operational-behavior-data-commands-dcmd-metric-name", edge=p.tolerates("DCMD"))
kept("operational-behavior-data-commands-dcmd-metric-value", edge=p.carries_out)
