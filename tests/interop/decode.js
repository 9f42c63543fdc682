// Reads a Sparkplug B payload as hexadecimal text on stdin and prints, as JSON, what npm's sparkplug-payload makes of it.
"use strict";

const sparkplug = require("sparkplug-payload").get("spBv1.0");

/** 64-bit numbers come as Long objects; as numbers they can be compared. */
function plain(key, value) {
  const isLong = value !== null && typeof value === "object" && "low" in value && "high" in value;
  return isLong ? Number(BigInt.asIntN(64, (BigInt(value.high) << 32n) | BigInt(value.low >>> 0))) : value;
}

const hex = require("fs").readFileSync(0, "ascii").trim();
const payload = sparkplug.decodePayload(Uint8Array.from(Buffer.from(hex, "hex")));
process.stdout.write(JSON.stringify(payload, plain) + "\n");
