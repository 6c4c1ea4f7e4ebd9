// A receiver of webhooks: refuses what was not signed with the secret, and takes each event once and in order.
//
//     WEBHOOK_SECRET=whsec_... node receiver.mjs 8080
//
// It remembers in memory. Yours remembers in its database, in the transaction in which it does what the event asks for.

import { createHmac, timingSafeEqual } from "node:crypto";
import { createServer } from "node:http";

const MOST_BYTES = 1_000_000;
const TOLERANCE_S = 300;
const key = Buffer.from(process.env.WEBHOOK_SECRET.replace(/^whsec_/, ""), "base64");
const seen = new Set(); // the ids of what was taken: the oldest go first
const latest = new Map(); // the version of each record that was taken last

/** `body` is a Buffer as it came: parsed and written anew it would have another signature. */
function isGenuine(headers, body) {
  const { "webhook-id": id, "webhook-timestamp": timestamp = "", "webhook-signature": signatures = "" } = headers;
  if (!id || !/^\d+$/.test(timestamp)) return false;
  if (Math.abs(Date.now() / 1000 - Number(timestamp)) > TOLERANCE_S) return false;
  const expected = createHmac("sha256", key).update(`${id}.${timestamp}.`).update(body).digest();
  return signatures.split(" ").some((one) => {
    const [version, text = ""] = one.split(",");
    const given = Buffer.from(text, "base64");
    return version === "v1" && given.length === expected.length && timingSafeEqual(given, expected);
  });
}

/** An event can come twice, and after a replay an old one can come late. */
function take(id, sequence, event) {
  if (seen.has(id)) return "duplicate";
  seen.add(id);
  if (seen.size > 100_000) seen.delete(seen.values().next().value);
  if (sequence <= (latest.get(event.recordId) ?? 0)) return "stale";
  latest.set(event.recordId, sequence);
  return "taken"; // here you do what the event is for, or put it into a queue of your own
}

async function read(request) {
  const chunks = [];
  let size = 0;
  for await (const chunk of request) {
    size += chunk.length;
    if (size > MOST_BYTES) return null;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

const server = createServer(async (request, response) => {
  const body = await read(request).catch(() => null);
  if (body === null) return response.writeHead(413, { connection: "close" }).end();
  if (request.method !== "POST" || !isGenuine(request.headers, body)) {
    console.log("refused");
    return response.writeHead(400).end();
  }
  const event = JSON.parse(body);
  const sequence = Number(request.headers["webhook-sequence"]);
  console.log(take(request.headers["webhook-id"], sequence, event), event.type, event.recordId, sequence);
  return response.writeHead(204).end();
});

server.listen(Number(process.argv[2]), "127.0.0.1", () => console.log("listening on port", server.address().port));
