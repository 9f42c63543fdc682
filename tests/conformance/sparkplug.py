"""Sparkplug B payloads read and written by Google's own Python, from the schema: nothing of labhub's codec."""
import functools
import importlib
import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]

INT8, INT16, INT32, INT64, UINT8, UINT16, UINT32, UINT64 = range(1, 9)
FLOAT, DOUBLE, BOOLEAN, STRING, DATETIME, TEXT = range(9, 15)
LAST_TYPE = 34
FIELDS = {DOUBLE: "double_value", FLOAT: "float_value", BOOLEAN: "boolean_value", STRING: "string_value", TEXT: "string_value",
          INT64: "long_value", UINT64: "long_value", DATETIME: "long_value"}
VERBS = ("NBIRTH", "NDEATH", "NDATA", "NCMD", "DBIRTH", "DDEATH", "DDATA", "DCMD")


@functools.lru_cache
def schema():
    """The module protoc makes of shared/proto/sparkplug_b.proto."""
    if shutil.which("protoc") is None:
        raise unittest.SkipTest("protoc is not installed")
    with tempfile.TemporaryDirectory() as folder:
        proto = pathlib.Path(folder) / "labhub_conformance_sparkplug_b.proto"
        # Under a name and package of its own: other tests may load the same schema into this process.
        proto.write_text((ROOT / "shared/proto/sparkplug_b.proto").read_text().replace("package labhub.sparkplug_b;", "package labhub.conformance.sparkplug_b;"))
        subprocess.run(["protoc", f"--proto_path={folder}", f"--python_out={folder}", proto.name], check=True)
        sys.path.insert(0, folder)
        try:
            return importlib.import_module("labhub_conformance_sparkplug_b_pb2")
        finally:
            sys.path.remove(folder)


@functools.lru_cache(maxsize=100_000)
def decoded(payload):
    """The message these bytes are; None where they are none. Shared by all who ask: never change it."""
    message = schema().Payload()
    try:
        message.ParseFromString(payload)
    except Exception:  # protobuf's own DecodeError has several homes
        return None
    return message


def metric(name, value=None, datatype=DOUBLE, time=None, field=None, alias=None, historical=False, **properties):
    """`field` puts the value where the datatype wouldn't; datatype None leaves it out; value None is null."""
    made = schema().Payload().metrics.add()
    if name is not None:
        made.name = name
    if datatype is not None:
        made.datatype = datatype
    if time is not None:
        made.timestamp = time
    if alias is not None:
        made.alias = alias
    if historical:
        made.is_historical = True
    if value is None:
        made.is_null = True
    else:
        setattr(made, field or FIELDS.get(datatype, "int_value"), value)
    for key, (kind, content) in properties.items():
        made.properties.keys.append(key)
        entry = made.properties.values.add()
        entry.type = kind
        setattr(entry, FIELDS.get(kind, "int_value"), content)
    return made


def payload(metrics=(), time=None, seq=None):
    made = schema().Payload()
    if time is not None:
        made.timestamp = time
    if seq is not None:
        made.seq = seq
    made.metrics.extend(metrics)
    return made.SerializeToString()
