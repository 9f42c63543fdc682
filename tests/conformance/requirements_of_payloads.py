"""Chapters 6 and 10 of the table: see requirements.py."""
import edge_payload_rules as p
import edge_rules as e
import host_rules as h
from requirements import NO_ALIASES, NO_DATA_SETS, NO_DCMD, NO_TEMPLATES, MQTT_5, SERVER, TYPED, chapter, kept, not_applicable, not_kept

chapter("6 Payloads")
kept("payloads-timestamp-in-UTC", edge=p.payload_time("NBIRTH", "DBIRTH", "NDATA", "DDATA", "DDEATH"), host=p.payload_time("NCMD"))
kept("payloads-sequence-num-always-included", edge=p.seq_present("NBIRTH", "DBIRTH", "NDATA", "DDATA", "DDEATH"))
kept("payloads-sequence-num-req-nbirth", edge=p.seq_zero)
kept("payloads-sequence-num-incrementing", edge=p.seq_follows_everywhere)
kept("payloads-name-requirement", edge=p.named, host=h.named)
not_applicable("payloads-alias-uniqueness", NO_ALIASES, edge=p.no_alias)
not_applicable("payloads-alias-birth-requirement", NO_ALIASES, edge=p.no_alias)
not_applicable("payloads-alias-data-cmd-requirement", NO_ALIASES, edge=p.no_alias)
kept("payloads-name-birth-data-requirement", edge=p.metric_time)
not_applicable("payloads-name-cmd-requirement", "a permission (MAY); the coordinator's commands have them, and the agent ignores them", concerns="host")
kept("payloads-metric-timestamp-in-UTC", edge=p.metric_time_utc)
kept("payloads-metric-datatype-value-type", edge=p.known_types)
kept("payloads-metric-datatype-value", edge=p.known_types)
kept("payloads-metric-datatype-req", edge=p.birth_types)
not_kept("payloads-metric-datatype-not-req", TYPED, edge=p.typed_data, host=h.typed_commands)
kept("payloads-propertyset-keys-array-size", edge=p.property_sizes)
kept("payloads-propertyset-values-array-size", edge=p.property_sizes)
kept("payloads-metric-propertyvalue-type-type", edge=p.property_types)
kept("payloads-metric-propertyvalue-type-value", edge=p.property_types)
kept("payloads-metric-propertyvalue-type-req", edge=p.property_typed)
kept("payloads-propertyset-quality-value-type", edge=p.quality_type)
kept("payloads-propertyset-quality-value-value", edge=p.quality_value)
for name in ("column-size", "column-num-headers", "types-def", "types-num", "types-type", "types-value", "parameter-type-req"):
    not_applicable(f"payloads-dataset-{name}", NO_DATA_SETS, edge=p.simple_values)
for name in ("dataset-value", "definition-nbirth-only", "definition-is-definition", "definition-ref", "definition-members", "definition-nbirth",
             "definition-parameters", "definition-parameters-default", "instance-is-definition", "instance-ref", "instance-members",
             "instance-members-birth", "instance-members-data", "instance-parameters", "version", "ref-definition", "ref-instance", "is-definition",
             "is-definition-definition", "is-definition-instance", "parameter-name-required", "parameter-name-type", "parameter-value-type",
             "parameter-type-value", "parameter-type-req", "parameter-value"):
    not_applicable(f"payloads-template-{name}", NO_TEMPLATES, edge=p.simple_values)
kept("payloads-nbirth-timestamp", edge=p.payload_time("NBIRTH"))
kept("payloads-nbirth-edge-node-descriptor", edge=e.own_client_id)
kept("payloads-nbirth-seq", edge=p.seq_present("NBIRTH"))
kept("payloads-nbirth-bdseq", edge=e.bd_seq_matches)
kept("payloads-nbirth-bdseq-repeat", edge=e.bd_seq_matches)
kept("payloads-nbirth-rebirth-req", edge=p.rebirth_whole)
kept("payloads-nbirth-qos", edge=e.qos("NBIRTH"))
kept("payloads-nbirth-retain", edge=e.retain("NBIRTH"))
for name, verb in (("dbirth", "DBIRTH"), ("ndata", "NDATA"), ("ddata", "DDATA")):
    kept(f"payloads-{name}-timestamp", edge=p.payload_time(verb))
    kept(f"payloads-{name}-seq", edge=p.seq_present(verb))
    kept(f"payloads-{name}-seq-inc", edge=p.seq_follows(verb))
    kept(f"payloads-{name}-order", edge=p.births_together("NDATA" if verb == "NDATA" else "DDATA"))
    kept(f"payloads-{name}-qos", edge=e.qos(verb))
    kept(f"payloads-{name}-retain", edge=e.retain(verb))
kept("payloads-ncmd-timestamp", host=p.payload_time("NCMD"))
kept("payloads-ncmd-seq", host=h.ncmd_without_seq)
kept("payloads-ncmd-qos", host=e.qos("NCMD"))
kept("payloads-ncmd-retain", host=e.retain("NCMD"))
for name in ("timestamp", "seq", "qos", "retain"):
    not_applicable(f"payloads-dcmd-{name}", NO_DCMD, host=h.no_dcmd)
kept("payloads-ndeath-seq", edge=e.death_without_seq)
kept("payloads-ndeath-will-message", edge=e.will_is_sent)
kept("payloads-ndeath-will-message-qos", edge=e.will_qos)
kept("payloads-ndeath-will-message-retain", edge=e.will_retain)
kept("payloads-ndeath-bdseq", edge=e.death_bd_seq)
kept("payloads-ndeath-will-message-publisher", edge=e.says_goodbye)
kept("payloads-ndeath-will-message-publisher-disconnect-mqtt311", edge=e.says_goodbye)
not_applicable("payloads-ndeath-will-message-publisher-disconnect-mqtt50", MQTT_5, edge=e.clean_session)
kept("payloads-ddeath-timestamp", edge=p.payload_time("DDEATH"))
kept("payloads-ddeath-seq", edge=p.seq_present("DDEATH"))
kept("payloads-ddeath-seq-inc", edge=p.seq_follows("DDEATH"))
kept("payloads-ddeath-seq-number", edge=p.seq_present("DDEATH"))
kept("payloads-state-will-message", host=h.will_registered)
kept("payloads-state-will-message-qos", host=h.will_qos)
kept("payloads-state-will-message-retain", host=h.will_retain)
kept("payloads-state-will-message-payload", host=h.will_payload)
kept("payloads-state-subscribe", host=h.subscribed)
kept("payloads-state-birth", host=h.birth_mqtt)
kept("payloads-state-birth-payload", host=h.birth_payload)

chapter("10 Conformance")
kept("conformance-primary-host", host=h.both_states)
for name in ("qos0", "qos1", "will-messages", "retained", "aware-basic", "aware-store", "aware-nbirth-mqtt-topic", "aware-nbirth-mqtt-retain",
             "aware-dbirth-mqtt-topic", "aware-dbirth-mqtt-retain", "aware-ndeath-timestamp"):
    not_applicable(f"conformance-mqtt-{name}", SERVER, concerns="server")
