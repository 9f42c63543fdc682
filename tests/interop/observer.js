// A broker that tells what it sees: npm's aedes, and beside it every packet its clients send, as they sent it.
//
// Prints JSON lines: first {"packet": "listening", "port": …}, then one for each packet of a client (connect, subscribe,
// publish, puback, disconnect, …) and for what the broker does itself: "closed" when a connection has ended, "will" when
// it publishes a dead client's Will, "injected" when it publishes for us. Payloads are hexadecimal text; `t` is UTC
// milliseconds, `connection` counts the connections.
//
// Reads JSON lines: {"do": "publish", "topic", "payload", "qos", "retain"}, {"do": "drop", "client"} ends a client's
// connection as a broken line would, {"do": "mark", …} comes back as a line of its own among the packets. Ends with stdin.
"use strict";

const net = require("net");
const readline = require("readline");
const packets = require("mqtt-packet");
const aedes = require("aedes")();

const connections = new Map();
let count = 0;

function say(record) {
  process.stdout.write(JSON.stringify({ t: Date.now(), ...record }) + "\n");
}

const hex = (bytes) => Buffer.from(bytes || "").toString("hex");

function will(packet) {
  if (!packet.will) return null;
  return { topic: packet.will.topic, payload: hex(packet.will.payload), qos: packet.will.qos, retain: packet.will.retain };
}

const fields = {
  connect: (packet) => ({ version: packet.protocolVersion, clean: packet.clean, keepalive: packet.keepalive, will: will(packet) }),
  subscribe: (packet) => ({ subscriptions: packet.subscriptions.map(({ topic, qos }) => ({ topic, qos })) }),
  publish: (packet) => ({ topic: packet.topic, payload: hex(packet.payload), qos: packet.qos, retain: packet.retain, dup: packet.dup }),
};

const server = net.createServer((socket) => {
  const connection = { number: ++count, client: "", socket };
  connections.set(connection.number, connection);
  const parser = packets.parser();
  parser.on("packet", (packet) => {
    if (packet.cmd === "pingreq") return;
    if (packet.cmd === "connect") connection.client = packet.clientId;
    const more = fields[packet.cmd] ? fields[packet.cmd](packet) : {};
    say({ packet: packet.cmd, connection: connection.number, client: connection.client, ...more });
  });
  parser.on("error", (error) => say({ packet: "unreadable", connection: connection.number, why: error.message }));
  socket.on("data", (bytes) => parser.parse(bytes));
  socket.on("close", () => {
    connections.delete(connection.number);
    say({ packet: "closed", connection: connection.number, client: connection.client });
  });
  socket.on("error", () => {});
  aedes.handle(socket);
});

// Asked for each publication of a client and, once it is dead, for its Will.
aedes.authorizePublish = (client, packet, done) => {
  if (client && packet === client.will)
    say({ packet: "will", client: client.id, topic: packet.topic, payload: hex(packet.payload), qos: packet.qos, retain: packet.retain });
  done(null);
};

const actions = {
  publish({ topic, payload, qos = 0, retain = false }) {
    const packet = { cmd: "publish", topic, payload: Buffer.from(payload, "hex"), qos, retain, dup: false };
    say({ packet: "injected", topic, payload, qos, retain });
    aedes.publish(packet, () => {});
  },
  drop({ client }) {
    for (const connection of connections.values()) if (connection.client === client) connection.socket.destroy();
  },
  mark(order) {
    const { do: ignored, ...more } = order;
    say({ packet: "mark", ...more });
  },
};

readline
  .createInterface({ input: process.stdin })
  .on("line", (line) => {
    const order = JSON.parse(line);
    actions[order.do](order);
  })
  .on("close", () => process.exit(0));
server.listen(0, "127.0.0.1", () => say({ packet: "listening", port: server.address().port }));
