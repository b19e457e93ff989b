"use strict";
// The server writes the page. This asks it for a new one each second, takes over what has changed,
// and says so. Nothing is made of text here: the new page comes from where the old one did.
const EVERY = 1000;
const PARTS = ["top", "counts", "notices", "groups", "readings", "happenings"];
const byId = (id) => document.getElementById(id);
const drawn = new Map();
let tag = "", asked = null, failures = 0;

function start() {
  byId("find").hidden = true;
  for (const id of PARTS) if (byId(id)) drawn.set(id, byId(id).outerHTML);
  for (const tile of document.querySelectorAll(".tile")) drawn.set(tile.id, tile.outerHTML);
  byId("tools").addEventListener("submit", (event) => { event.preventDefault(); refresh(); });
  byId("search").addEventListener("input", refresh);
  document.addEventListener("keydown", pressed);
  drawAges();
  watch();
}

async function watch() {
  await refresh();
  setTimeout(watch, document.hidden ? 10 * EVERY : EVERY);
}

async function refresh() {
  const query = byId("search").value;
  const url = query ? `?q=${encodeURIComponent(query)}` : "?";
  if (url !== asked) tag = "";
  asked = url;
  try {
    const headers = tag ? { "If-None-Match": tag } : {};
    const answer = await fetch(url, { headers, cache: "no-store", signal: AbortSignal.timeout(8000) });
    if (answer.status === 401 || answer.status === 403) return location.reload();
    if (!answer.ok && answer.status !== 304) throw new Error(String(answer.status));
    if (answer.status === 200) draw(await answer.text(), url, answer.headers.get("ETag"));
    failures = 0;
    lost(false);
  } catch {
    // One that is late is no reason to alarm anybody.
    failures += 1;
    lost(failures > 2);
  }
  drawAges();
  return undefined;
}

function draw(text, url, newTag) {
  // Somebody has gone on typing: this answers what they no longer ask.
  if (url !== asked) return;
  const fresh = new DOMParser().parseFromString(text, "text/html");
  const first = tag === "";
  tag = newTag || "";
  document.title = fresh.title;
  const spoken = [];
  for (const id of PARTS) drawPart(fresh, id, first ? null : spoken);
  if (spoken.length) byId("spoken").textContent = spoken.length > 3 ? `${spoken.length} hosts have changed` : spoken.join("; ");
}

function drawPart(fresh, id, spoken) {
  const part = fresh.getElementById(id), old = byId(id);
  if (!part || !old || drawn.get(id) === part.outerHTML) return;
  drawn.set(id, part.outerHTML);
  const focused = document.activeElement && document.activeElement.id;
  const wasOpen = [...old.querySelectorAll("details[open]")].map((each) => each.id);
  const present = new Map([...old.querySelectorAll(".tile")].map((tile) => [tile.id, tile]));
  const placed = document.importNode(part, true);
  const changed = [...placed.querySelectorAll(".tile")].filter((tile) => settle(tile, present));
  old.replaceWith(placed);
  for (const open of wasOpen) if (byId(open)) byId(open).open = true;
  if (focused && byId(focused) && document.activeElement.id !== focused) byId(focused).focus();
  if (spoken && id === "notices") spoken.push(placed.textContent);
  if (spoken && id === "groups") tell(changed, present, spoken);
}

// Keeps a tile that is as it was, so that nothing of it moves; says whether it is another one.
function settle(tile, present) {
  const html = tile.outerHTML, same = drawn.get(tile.id) === html && present.has(tile.id);
  drawn.set(tile.id, html);
  if (same) tile.replaceWith(present.get(tile.id));
  return !same;
}

function tell(changed, present, spoken) {
  for (const tile of changed) {
    if (tile.closest("details:not([open])")) continue;
    tile.classList.add("changed");
    spoken.push(`${tile.querySelector(".name").textContent}: ${tile.querySelector(".state").textContent}`);
  }
  for (const [id, tile] of present) {
    if (!byId(id)) spoken.push(`${tile.querySelector(".name").textContent}: no longer listed`);
  }
}

function lost(isLost) {
  document.body.classList.toggle("gone", isLost);
  const words = isLost ? "no answer; this is how things were" : "live";
  if (byId("pulse").textContent !== words) byId("pulse").textContent = words;
}

function drawAges() {
  for (const age of document.querySelectorAll(".age")) {
    const words = ` (${ageOf((Date.now() - Date.parse(age.dataset.at)) / 1000)})`;
    if (age.textContent !== words) age.textContent = words;
  }
}

function ageOf(seconds) {
  if (seconds < 90) return `${Math.max(0, Math.round(seconds))} s ago`;
  if (seconds < 5400) return `${Math.round(seconds / 60)} min ago`;
  if (seconds < 172800) return `${Math.round(seconds / 3600)} h ago`;
  return `${Math.round(seconds / 86400)} days ago`;
}

function pressed(event) {
  if (event.ctrlKey || event.altKey || event.metaKey) return;
  const typing = document.activeElement === byId("search");
  if (event.key === "Escape") leave();
  else if (event.key === "/" && !typing) { event.preventDefault(); byId("search").select(); }
  else if (event.key === "ArrowDown" || (event.key === "j" && !typing)) move(event, 1);
  else if (event.key === "ArrowUp" || (event.key === "k" && !typing)) move(event, -1);
}

function leave() {
  if (byId("search").value) { byId("search").value = ""; refresh(); }
  document.activeElement.blur();
}

function move(event, step) {
  const tiles = [...document.querySelectorAll(".tile")].filter((tile) => tile.checkVisibility());
  const next = tiles[tiles.indexOf(document.activeElement) + step];
  if (!next) return;
  event.preventDefault();
  next.focus();
}

start();
