// The kiosk's own script: hot keys, PIN keypad, finger marks, live preview. No framework, no external address.
"use strict";

// Hot keys: an element with data-key="x y" is pressed by any of these keys (a space is the space bar).
document.addEventListener("keydown", (event) => {
  if (event.repeat || event.ctrlKey || event.altKey || event.metaKey) return;
  const field = event.target.closest("input, select, textarea, summary");
  if (field && event.key !== "Escape") return;
  const finger = event.target.closest("[data-marks] .finger");
  if (finger && (event.key === " " || event.key === "Enter")) { event.preventDefault(); mark(finger); return; }
  const focused = event.target.closest("a, button");
  if (focused && event.key === "Enter") return;
  const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
  for (const one of document.querySelectorAll("[data-key]")) {
    const keys = one.dataset.key;
    const fits = key.length === 1 ? keys.length <= 2 && keys.includes(key) : keys === key;
    if (fits && !one.disabled) { event.preventDefault(); one.click(); return; }
  }
});

document.addEventListener("click", (event) => {
  const digit = event.target.closest("[data-digit]");
  if (digit) press(digit);
  const finger = event.target.closest("[data-marks] .finger");
  if (finger) mark(finger);
});

function press(button) {
  const input = document.getElementById(button.closest("[data-keypad]").dataset.keypad);
  const digit = button.dataset.digit;
  input.value = digit === "clear" ? "" : digit === "back" ? input.value.slice(0, -1) : input.value + digit;
}

// Missing fingers: none, XX, UP, none.
const NEXT_MARK = { "": "XX", XX: "UP", UP: "" };

function mark(finger) {
  const number = finger.dataset.finger;
  const input = document.querySelector(`input[name="missing_${number}"]`);
  input.value = NEXT_MARK[input.value];
  finger.classList.toggle("missing", input.value !== "");
  finger.querySelector("text").textContent = input.value || number;
  finger.setAttribute("aria-label", `Finger ${number}: ${input.value || "present"}`);
  tellMarks();
}

function tellMarks() {
  const line = document.querySelector("[data-marks-text]");
  if (!line) return;
  const marks = [...document.querySelectorAll('input[name^="missing_"]')].filter((one) => one.value);
  line.textContent = marks.length === 0 ? "All ten fingers are printed."
    : marks.map((one) => `${one.name.slice(8)}: ${one.value}`).join("   ");
}
tellMarks();

// Live preview: one WebSocket, one message in flight, drawn on a canvas, then acknowledged.
const capture = document.getElementById("capture");
if (capture) live(0);

function live(failures) {
  const socket = new WebSocket(`ws://${location.host}/live`);
  socket.binaryType = "arraybuffer";
  socket.onmessage = async (event) => {
    failures = 0;
    await showView(event.data);
    if (socket.readyState === WebSocket.OPEN) socket.send("ack");
  };
  socket.onclose = () => setTimeout(() => live(Math.min(failures + 1, 5)), 300 * (failures + 1));
}

const WORDS = {
  await_finger: "Waiting for the finger", capture: "Taking the impression", examine: "Checking the impression",
  result: "Checked", done: "Done", failed: "Stopped",
};

async function showView(data) {
  const size = new DataView(data).getUint32(0);
  const head = JSON.parse(new TextDecoder().decode(new Uint8Array(data, 4, size)));
  if (head.booking !== capture.dataset.booking) return;
  if (data.byteLength > 4 + size) await draw(new Blob([new Uint8Array(data, 4 + size)], { type: "image/jpeg" }));
  showHead(head);
}

async function draw(blob) {
  const picture = await createImageBitmap(blob);
  const canvas = document.getElementById("preview");
  if (canvas.width !== picture.width || canvas.height !== picture.height) {
    canvas.width = picture.width;
    canvas.height = picture.height;
  }
  canvas.getContext("2d").drawImage(picture, 0, 0);
  canvas.dataset.frames = Number(canvas.dataset.frames || 0) + 1;
  picture.close();
}

function showHead(head) {
  const state = document.getElementById("state");
  if (state && WORDS[head.state]) state.textContent = WORDS[head.state];
  const running = document.querySelector("#panel.running");
  if (running && head.state === "await_finger") clearCanvas();
  const hint = document.getElementById("hint");
  if (hint && head.state === "capture") hint.textContent = advice(head);
  meter(head.score, head.threshold);
  if (running && (head.state === "done" || head.state === "failed")) document.body.dispatchEvent(new Event("captured"));
}

// What to do now: hold still while it counts, else the worst trouble, else go on.
function advice(head) {
  if (head.contact === "hold" && head.needed && head.hint === "") return `Hold still: ${head.steady} of ${head.needed}`;
  if (head.contact === "take" || head.contact === "taken") return "Good: lift the finger when the reader says so";
  if (head.contact === "empty") return head.hint || "Place the finger on the glass";
  if (head.score >= head.threshold && !head.causes.some((one) => one.severity >= 0.5)) return head.needed ? "Good: keep still" : "Good: keep going";
  return head.hint || "Keep the finger still";
}

function clearCanvas() {
  const canvas = document.getElementById("preview");
  canvas.getContext("2d").clearRect(0, 0, canvas.width, canvas.height);
}

function meter(score, threshold) {
  const fill = document.getElementById("meter-fill");
  const known = typeof score === "number";
  fill.style.width = known ? `${score}%` : "0";
  fill.parentElement.classList.toggle("enough", known && score >= threshold);
  document.getElementById("meter-value").textContent = known ? String(score) : "–";
}

const threshold = document.getElementById("meter-mark");
if (threshold) threshold.style.left = `${threshold.dataset.threshold}%`;

// After a region was replaced, the main button has the focus, so that Space and Enter work without a mouse.
document.body.addEventListener("htmx:afterSwap", (event) => {
  if (event.detail.target.id === "panel") document.querySelector("#panel .primary")?.focus({ preventScroll: true });
});

// A still is shown when its pictures have arrived, or could not be fetched: then their words are shown.
function showStill(still) {
  if ([...still.querySelectorAll("img")].every((one) => one.complete)) still.classList.add("shown");
}
for (const name of ["load", "error"]) {
  document.addEventListener(name, (event) => {
    const still = event.target.closest?.("[data-still]");
    if (still) showStill(still);
  }, true);
}
document.querySelectorAll("[data-still]").forEach(showStill);

// The page says when its keys work: htmx, loaded before us, is ready by then too.
document.addEventListener("DOMContentLoaded", () => { document.documentElement.dataset.keys = "on"; });
