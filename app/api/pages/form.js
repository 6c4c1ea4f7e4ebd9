"use strict";
// Finds the proof that its ticket asks for, in slices, so that the page stays usable meanwhile.
const form = document.querySelector("form");
const status_ = document.getElementById("status");
const button = form.querySelector("button");
const K = new Uint32Array(64), H = new Uint32Array(8);
for (let n = 2, found = 0; found < 64; n++) {
  let prime = true;
  for (let d = 2; d * d <= n; d++) if (n % d === 0) { prime = false; break; }
  if (!prime) continue;
  if (found < 8) H[found] = (Math.sqrt(n) % 1) * 4294967296;
  K[found++] = (Math.cbrt(n) % 1) * 4294967296;
}
const W = new Uint32Array(64), block = new Uint8Array(128);
const words = new DataView(block.buffer), state = new Uint32Array(8);
const turn = (x, n) => (x >>> n) | (x << (32 - n));
function compress(offset) {
  for (let i = 0; i < 16; i++) W[i] = words.getUint32(offset + 4 * i);
  for (let i = 16; i < 64; i++) {
    const a = W[i - 15], b = W[i - 2];
    W[i] = W[i - 16] + (turn(a, 7) ^ turn(a, 18) ^ (a >>> 3)) + W[i - 7] + (turn(b, 17) ^ turn(b, 19) ^ (b >>> 10));
  }
  let [a, b, c, d, e, f, g, h] = state;
  for (let i = 0; i < 64; i++) {
    const t = (h + (turn(e, 6) ^ turn(e, 11) ^ turn(e, 25)) + ((e & f) ^ (~e & g)) + K[i] + W[i]) | 0;
    const u = ((turn(a, 2) ^ turn(a, 13) ^ turn(a, 22)) + ((a & b) ^ (a & c) ^ (b & c))) | 0;
    h = g; g = f; f = e; e = (d + t) | 0; d = c; c = b; b = a; a = (t + u) | 0;
  }
  state[0] += a; state[1] += b; state[2] += c; state[3] += d; state[4] += e; state[5] += f; state[6] += g; state[7] += h;
}
function leadingZeros(text) {
  block.fill(0);
  for (let i = 0; i < text.length; i++) block[i] = text.charCodeAt(i);
  block[text.length] = 128;
  const size = text.length < 56 ? 64 : 128;
  words.setUint32(size - 4, text.length * 8);
  state.set(H);
  for (let offset = 0; offset < size; offset += 64) compress(offset);
  return Math.clz32(state[0]);
}
const sleep = (ms) => new Promise((done) => setTimeout(done, ms));
async function prove() {
  const began = performance.now(), bits = Number(form.dataset.bits), ticket = form.elements.ticket.value;
  for (let n = 0; ; ) {
    const until = performance.now() + 30;
    while (performance.now() < until) {
      if (leadingZeros(ticket + "." + n) >= bits) {
        await sleep(Math.max(0, Number(form.dataset.wait) - (performance.now() - began)));
        return String(n);
      }
      n++;
    }
    await sleep(0);
  }
}
const proven = prove().then((proof) => { form.elements.proof.value = proof; });
let sending = false;
form.addEventListener("submit", async (event) => {
  event.preventDefault();
  if (sending) return;
  sending = true;
  button.disabled = true;
  status_.textContent = "Sending\u2026";
  await proven;
  form.submit();
});
addEventListener("pageshow", (event) => { if (event.persisted) location.reload(); });
const summary = document.getElementById("summary");
if (summary && !document.querySelector("[autofocus]")) summary.focus();
