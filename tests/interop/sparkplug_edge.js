// An edge node made of npm's sparkplug-client, with the faults it has: Will and commands at QoS 0, the same bdSeq after
// every CONNECT, UInt32 in long_value, no times on its metrics.
//
//   node sparkplug_edge.js PORT GROUP NODE HOST_KEY
//
// Prints JSON lines: {"event": "born"}, {"event": "ncmd" or "dcmd", "device", "metrics"}. Reads JSON lines:
// {"do": "data", "metrics", "options"} publishes DDATA of device "flask", {"do": "die"} ends without a word, {"do": "break"}
// cuts the connection. Ends with stdin.
"use strict";

const readline = require("readline");
const sparkplug = require("sparkplug-client");

const [port, groupId, edgeNode, hostKey] = process.argv.slice(2);
const say = (record) => process.stdout.write(JSON.stringify(record) + "\n");
const plain = (metrics) => metrics.map(({ name, value, type }) => ({ name, value, type }));

const client = sparkplug.newClient({
  serverUrl: `tcp://127.0.0.1:${port}`,
  username: "",
  password: "",
  groupId,
  edgeNode,
  clientId: `npm-${edgeNode}`,
  publishDeath: true,
  keepalive: 5,
  mqttOptions: { reconnectPeriod: 200 },
});

function bear() {
  client.publishNodeBirth({
    timestamp: Date.now(),
    metrics: [
      { name: "Node Control/Rebirth", type: "Boolean", value: false },
      { name: "Node Info/SSH Host Key", type: "String", value: hostKey },
    ],
  });
  client.publishDeviceBirth("flask", {
    timestamp: Date.now(),
    metrics: [
      { name: "level", type: "Double", value: 0.5 },
      { name: "count", type: "UInt32", value: 4000000000 },
      { name: "offset", type: "Int8", value: -5 },
      { name: "on", type: "Boolean", value: true },
      { name: "label", type: "String", value: "grün" },
      { name: "warmth", type: "Float", value: 36.5 },
      { name: "total", type: "Int64", value: -7 },
      { name: "Inputs/A", type: "Boolean", value: true },
      { name: "Supply Voltage", type: "Double", value: 24.5 },
      { name: "Temperatur °C", type: "Double", value: 21.25 },
    ],
  });
  say({ event: "born" });
}

client.on("birth", bear);
client.on("error", (error) => say({ event: "error", why: String(error) }));
client.on("ncmd", (payload) => {
  say({ event: "ncmd", metrics: plain(payload.metrics) });
  if (payload.metrics.some(({ name, value }) => name === "Node Control/Rebirth" && value === true)) bear();
});
client.on("dcmd", (device, payload) => say({ event: "dcmd", device, metrics: plain(payload.metrics) }));

const actions = {
  data: ({ metrics, options }) => client.publishDeviceData("flask", { timestamp: Date.now(), metrics }, options),
  die: () => process.kill(process.pid, "SIGKILL"),
  break: () => client.client.stream.destroy(),
};

readline
  .createInterface({ input: process.stdin })
  .on("line", (line) => {
    const order = JSON.parse(line);
    actions[order.do](order);
  })
  .on("close", () => {
    client.stop();
    setTimeout(() => process.exit(0), 200);
  });
