// The console's page: sessions on the left, records as they come, details of
// the one that is picked.
import { Stream, call, useToken, Unauthorized } from "./stream.js";
import { detail, el, row, shortID, size, summary } from "./view.js";

const $ = id => document.getElementById(id);
const list = $("list"), filter = $("filter"), more = $("more");
const maxRows = 2000, sessionsEvery = 2000;

const records = new Map(); // by the id of their row
let picked = null, waiting = [], missed = 0, following = true;

// Rows are added once per frame of the screen, however many records come.
function add(item) {
  if (waiting.push(item) === 1) requestAnimationFrame(flush);
  if (waiting.length > 2 * maxRows) waiting.splice(0, maxRows); // a tab that nobody sees draws nothing
}

function flush() {
  const items = waiting.slice(-maxRows), rows = document.createDocumentFragment();
  let fresh = 0;
  waiting = [];
  for (const item of items) {
    const line = item.lost ? el("li", { class: "lost" }, `${item.lost} records were lost: they came faster than this page took them`) : row(item);
    if (!item.lost) {
      records.set(line.id, item);
      line.hidden = !shown(item);
      if (!line.hidden) fresh++;
    }
    rows.append(line);
  }
  list.append(rows);
  while (list.childElementCount > maxRows) {
    records.delete(list.firstElementChild.id);
    list.firstElementChild.remove();
  }
  if (following) list.scrollTop = list.scrollHeight;
  else tellMissed(missed + fresh);
}

function tellMissed(n) {
  missed = n;
  more.hidden = n === 0;
  more.textContent = n + " new ↓";
}

function follow() {
  following = true;
  tellMissed(0);
  list.scrollTop = list.scrollHeight;
}

list.addEventListener("scroll", () => {
  const atEnd = list.scrollTop + list.clientHeight >= list.scrollHeight - 8;
  if (atEnd && !following) follow();
  following = atEnd;
});
more.addEventListener("click", follow);

function shown(r) {
  const text = filter.elements.text.value.toLowerCase();
  return !text || (summary(r) + " " + (r.before?.text ?? "") + " " + (r.reason ?? "")).toLowerCase().includes(text);
}

function pick(line) {
  if (!line || !records.has(line.id)) return;
  if (picked) picked.setAttribute("aria-selected", "false");
  picked = line;
  line.setAttribute("aria-selected", "true");
  list.setAttribute("aria-activedescendant", line.id);
  line.scrollIntoView({ block: "nearest" });
  if (!$("detail").hidden) open();
}

function open() {
  const r = records.get(picked?.id);
  if (!r) return;
  $("detail").replaceChildren(...detail(r, close, actions(r.session)));
  $("detail").hidden = false;
  document.querySelector("main").classList.add("open");
}

function close() {
  $("detail").hidden = true;
  document.querySelector("main").classList.remove("open");
  list.focus();
}

// actions are what one can do to an open session.
function actions(id) {
  if (!sessions.some(s => s.id === id)) return null;
  const text = el("input", { placeholder: "text message", "aria-label": "Text message" });
  const answer = el("span", { role: "status" });
  const say = async (path, body) => {
    const { ok, json } = await call("POST", `sessions/${id}/${path}`, body);
    answer.textContent = ok ? "done" : json.error;
    answer.className = ok ? "good" : "bad";
  };
  const send = to => () => say("send", { to, text: text.value });
  return el("div", { class: "actions" }, text,
    el("button", { type: "button", click: send("host") }, "Send → host"),
    el("button", { type: "button", click: send("client") }, "Send ← client"),
    el("button", { type: "button", click: () => confirm("Close session " + shortID(id) + "?") && say("close", {}) }, "Close session"), answer);
}

list.addEventListener("click", event => {
  const line = event.target.closest("li");
  if (!line || !records.has(line.id)) return;
  pick(line);
  open();
});

// step is the next row that is shown, or the one before.
function step(from, next) {
  const to = from => next ? from.nextElementSibling : from.previousElementSibling;
  let line = from ? to(from) : list.lastElementChild;
  while (line && (line.hidden || !records.has(line.id))) line = to(line);
  return line;
}

const keys = {
  j: () => pick(step(picked, true)), ArrowDown: () => pick(step(picked, true)),
  k: () => pick(step(picked, false)), ArrowUp: () => pick(step(picked, false)),
  Enter: open, Escape: close, G: follow, f: follow,
  g: () => { list.scrollTop = 0; pick(list.firstElementChild); },
  "/": () => filter.elements.text.focus(),
};

document.addEventListener("keydown", event => {
  const typing = event.target.matches("input, select, textarea");
  if (typing && event.key === "Escape") return event.target.blur();
  const onButton = event.key === "Enter" && event.target.matches("button");
  if (typing || onButton || event.ctrlKey || event.metaKey || event.altKey || !keys[event.key]) return;
  event.preventDefault();
  keys[event.key]();
});

let sessions = [], asked = null;

async function showSessions() {
  clearTimeout(asked);
  try {
    if (!document.hidden) {
      const { ok, json } = await call("GET", "sessions");
      if (ok) sessions = json.sessions;
      drawSessions();
    }
    asked = setTimeout(showSessions, sessionsEvery);
  } catch (error) {
    if (!(error instanceof Unauthorized)) asked = setTimeout(showSessions, sessionsEvery);
  }
}

function drawSessions() {
  $("open").textContent = sessions.length;
  const focused = document.activeElement?.dataset?.session, wanted = filter.elements.session.value;
  $("sessionlist").replaceChildren(...sessions.slice(-500).map(s => {
    const b = el("button", { type: "button", "data-session": s.id, "aria-pressed": String(s.id === wanted), title: `${s.id}\n${s.client} → ${s.host} ${s.address}`, click: () => only(s.id) },
      el("span", { class: "mono" }, shortID(s.id)), " ", s.path, el("br"),
      el("span", { class: "quiet" }, `→ ${s.in.messages} (${size(s.in.bytes)})  ← ${s.out.messages} (${size(s.out.bytes)})`));
    return el("li", {}, b);
  }));
  if (focused) document.querySelector(`[data-session="${CSS.escape(focused)}"]`)?.focus();
}

function only(id) {
  const field = filter.elements.session;
  field.value = field.value === id ? "" : id;
  restart();
  drawSessions();
}

function clear() {
  waiting = [];
  records.clear();
  picked = null;
  list.replaceChildren();
  follow();
}

const stream = new Stream({
  record: r => {
    add(r);
    if (r.kind !== "frame") {
      clearTimeout(asked);
      asked = setTimeout(showSessions, 100);
    }
  },
  lost: n => add({ lost: n }),
  restart: () => { clear(); showGateway(); },
  state: (text, live) => { $("state").textContent = text; $("state").className = live ? "live" : "lost"; },
  unauthorized: () => { $("login").hidden = false; $("state").textContent = "a token is needed"; $("login").elements.token.focus(); },
});

function restart() {
  const query = new URLSearchParams();
  for (const name of ["session", "path", "kind", "dir", "op", "outcome"]) {
    const value = filter.elements[name].value.trim();
    if (value) query.set(name, value);
  }
  clear();
  stream.start(query.toString());
}

filter.addEventListener("submit", event => event.preventDefault());
filter.addEventListener("change", event => event.target.name !== "text" && restart());
filter.elements.text.addEventListener("input", () => {
  for (const line of list.children) if (records.has(line.id)) line.hidden = !shown(records.get(line.id));
  if (following) follow();
});
$("clear").addEventListener("click", clear);

function showProblems(problems, error) {
  $("problems").hidden = !problems.length && !error;
  $("problems").textContent = [error, ...problems.map(p => p.excerpt)].filter(Boolean).join("\n\n");
}

async function showGateway() {
  try {
    const { json } = await call("GET", "gateway");
    const ports = json.ports.map(p => `${p.name} ${p.disabled ? "(disabled)" : (p.addresses ?? []).join(", ")} ${p.websockets.join(" ")}`);
    $("gateway").textContent = `${json.version} · ${json.revision ? "revision " + json.revision.slice(0, 12) : ""} · ${ports.join(" · ")}`;
    showProblems(json.problems, "");
  } catch { /* the stream says what is wrong */ }
}

$("reload").addEventListener("click", async () => {
  const { json } = await call("POST", "reload", {});
  if (json.problems) showProblems(json.problems, json.error);
  if (!json.error) showGateway();
});

$("login").addEventListener("submit", event => {
  event.preventDefault();
  useToken($("login").elements.token.value);
  $("login").reset();
  $("login").hidden = true;
  begin();
});

function begin() {
  showGateway();
  showSessions();
  restart();
}
begin();
