// A host application made of npm's mqtt and sparkplug-payload: what it makes of a node, and commands as it sends them.
//
//   node sparkplug_host.js PORT GROUP NODE
//
// Prints a JSON line for each message of the node: {"verb", "device", "seq", "metrics": [{"name", "type", "value"}]}.
// Reads JSON lines: {"verb": "NCMD" or "DCMD", "device", "metrics"}. Ends with stdin.
"use strict";

const readline = require("readline");
const mqtt = require("mqtt");
const sparkplug = require("sparkplug-payload").get("spBv1.0");

const [port, group, node] = process.argv.slice(2);
const client = mqtt.connect(`tcp://127.0.0.1:${port}`, { clientId: "npm-host" });

/** 64-bit numbers come as Long objects; as numbers they can be compared. */
function plain(key, value) {
  const isLong = value !== null && typeof value === "object" && "low" in value && "high" in value;
  return isLong ? Number(BigInt.asIntN(64, (BigInt(value.high) << 32n) | BigInt(value.low >>> 0))) : value;
}
const say = (record) => process.stdout.write(JSON.stringify(record, plain) + "\n");

client.on("connect", () => client.subscribe(`spBv1.0/${group}/+/${node}/#`, () => say({ verb: "ready" })));
client.on("message", (topic, bytes) => {
  const [, , verb, , device] = topic.split("/");
  if (verb.endsWith("CMD")) return;
  const payload = sparkplug.decodePayload(bytes);
  const metrics = (payload.metrics || []).map(({ name, type, value }) => ({ name, type, value }));
  say({ verb, device: device || "", seq: payload.seq, metrics });
});

readline
  .createInterface({ input: process.stdin })
  .on("line", (line) => {
    const { verb, device, metrics } = JSON.parse(line);
    const topic = `spBv1.0/${group}/${verb}/${node}` + (device ? `/${device}` : "");
    client.publish(topic, Buffer.from(sparkplug.encodePayload({ timestamp: Date.now(), metrics })));
  })
  .on("close", () => client.end(true, () => process.exit(0)));
