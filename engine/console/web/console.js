// The console's page: sessions on the left, records as they come, details of
// the one that is picked.
import { Stream, call, useToken, Unauthorized } from "./stream.js";
import { detail, el, plural, row, shortID, size, summary } from "./view.js";

const $ = id => document.getElementById(id);
const list = $("list"), filter = $("filter"), more = $("more");
const maxRows = 2000, refreshEvery = 2000;

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
  tellEmpty();
}

// tellEmpty says why the list is empty, and what to do about it.
function tellEmpty() {
  const filtered = [...filter.elements].some(field => field.name && field.value);
  $("all").hidden = !filtered;
  $("empty").hidden = list.querySelector("li:not([hidden])") !== null;
  if ($("empty").hidden) return;
  $("empty").replaceChildren(...filtered ? [el("p", {}, "Nothing matches the filter.")] :
    [el("p", {}, "Upgrades, frames and closes appear here as they happen."), ...urls.length ? [el("p", {}, "To see some: ", el("code", {}, "framegate connect " + urls[0]))] : []]);
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

// Only who scrolls up stops following: a list also leaves its end when it gets
// lower or longer, before it is scrolled on.
let lastTop = 0;
list.addEventListener("scroll", () => {
  const atEnd = list.scrollTop + list.clientHeight >= list.scrollHeight - 8;
  if (atEnd) follow();
  else if (list.scrollTop < lastTop) following = false;
  lastTop = list.scrollTop;
});
new ResizeObserver(() => following && follow()).observe(list);
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
  picked.scrollIntoView({ block: "nearest" }); // the list is narrower now
}

function close() {
  $("detail").hidden = true;
  document.querySelector("main").classList.remove("open");
  list.focus();
}

// actions are what one can do to an open session.
function actions(id) {
  if (!sessions.some(s => s.id === id)) return null;
  const text = el("input", { placeholder: "a text message to send", "aria-label": "Text message to send" });
  const answer = el("span", { role: "status" });
  const say = async (path, body) => {
    const error = await tried(() => call("POST", `sessions/${id}/${path}`, body));
    answer.textContent = error || "done";
    answer.className = error ? "bad" : "good";
  };
  const send = to => () => say("send", { to, text: text.value });
  return el("div", {}, el("h3", {}, "Session " + shortID(id)), el("div", { class: "actions" }, text,
    el("button", { type: "button", click: send("host") }, "Send → host"),
    el("button", { type: "button", click: send("client") }, "Send ← client"),
    el("button", { type: "button", click: () => confirm("Close session " + shortID(id) + "?") && say("close", {}) }, "Close session"), answer));
}

// tried makes a call and tells what went wrong; nothing when it went well.
async function tried(asking) {
  try {
    const { ok, json } = await asking();
    return ok ? "" : json.error;
  } catch (error) {
    return error instanceof Unauthorized ? "the gateway wants its token" : "the gateway did not answer";
  }
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
  let line = from?.isConnected ? to(from) : list.lastElementChild;
  while (line && (line.hidden || !records.has(line.id))) line = to(line);
  return line;
}

const keys = {
  j: () => pick(step(picked, true)), ArrowDown: () => pick(step(picked, true)),
  k: () => pick(step(picked, false)), ArrowUp: () => pick(step(picked, false)),
  Enter: open, Escape: close, G: follow, f: follow,
  g: () => { list.scrollTop = 0; pick(list.querySelector("[role=option]:not([hidden])")); },
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

let sessions = [], urls = [], asked = null;

// refresh asks for what the stream does not tell: counters and the
// configuration, which whoever saves a file under --watch changes.
async function refresh() {
  try {
    if (!document.hidden) await Promise.all([showSessions(), showGateway()]);
  } catch (error) {
    if (error instanceof Unauthorized) return; // the stream asks for the token
  }
  refreshIn(refreshEvery);
}

function refreshIn(ms) {
  clearTimeout(asked);
  asked = setTimeout(refresh, ms);
}

async function showSessions() {
  const { ok, json } = await call("GET", "sessions");
  if (ok) sessions = json.sessions;
  drawSessions();
}

function drawSessions() {
  $("open").textContent = sessions.length;
  $("nosessions").hidden = sessions.length > 0;
  const focused = document.activeElement?.dataset?.session, wanted = filter.elements.session.value;
  $("sessionlist").replaceChildren(...sessions.slice(-500).map(s => {
    const b = el("button", { type: "button", "data-session": s.id, "aria-pressed": String(s.id === wanted), title: `${s.id}\n${s.client} → ${s.host} ${s.address}`, click: () => only(s.id) },
      el("span", { class: "mono" }, shortID(s.id)), " ", s.path, " ", el("span", { class: "quiet" }, s.subject), el("br"),
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

const tell = (text, live) => { $("state").textContent = text; $("state").className = live ? "live" : "lost"; };

const stream = new Stream({
  record: r => {
    add(r);
    if (r.kind !== "frame") refreshIn(100);
  },
  lost: n => add({ lost: n }),
  restart: clear,
  state: (text, live) => { tell(text, live); if (live) refreshIn(0); },
  unauthorized: wrong => {
    $("login").hidden = false;
    document.querySelector("main").hidden = true;
    tell(wrong ? "that is not the token" : "a token is needed", false);
    $("login").elements.token.focus();
  },
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
  tellEmpty();
});
$("clear").addEventListener("click", () => { clear(); tellEmpty(); });
$("all").addEventListener("click", () => { filter.reset(); restart(); drawSessions(); });

function showProblems(problems) {
  const errors = problems.filter(p => !p.warning).length;
  $("problems").hidden = problems.length === 0;
  $("problems").replaceChildren(
    el("h2", {}, errors ? `The configuration has ${plural(errors, "error")}; the one loaded before still runs.` : `The configuration has ${plural(problems.length, "warning")}.`),
    ...problems.map(p => el("pre", { class: p.warning ? "warn" : "bad" }, p.excerpt.trimEnd())));
}

let drawn = "", said = null; // the answer that the page shows; when to forget what a reload said

async function showGateway() {
  const { ok, json } = await call("GET", "gateway");
  const { version, revision, ports, problems } = json, news = JSON.stringify([version, revision, ports, problems]);
  if (!ok || news === drawn) return;
  drawn = news;
  urls = ports.flatMap(p => (p.addresses ?? []).flatMap(at => p.websockets.map(path => `${p.tls ? "wss" : "ws"}://${at}${path}`)));
  $("gateway").textContent = urls.join("  ") || "no websocket is served";
  $("gateway").title = urls.join("\n");
  $("version").textContent = `${version.split(" go")[0]}${revision ? " · revision " + revision.slice(0, 8) : ""}`;
  $("version").title = version + "\n" + revision;
  showProblems(problems);
  tellEmpty();
}

$("reload").addEventListener("click", async () => {
  $("reload").disabled = true;
  const error = await tried(() => call("POST", "reload", {}));
  $("reloaded").textContent = error ? "not reloaded: " + error : "reloaded";
  $("reloaded").className = error ? "bad" : "good";
  $("reload").disabled = false;
  refreshIn(0);
  clearTimeout(said);
  said = setTimeout(() => { $("reloaded").textContent = ""; }, error ? 15000 : 5000);
});

$("login").addEventListener("submit", event => {
  event.preventDefault();
  useToken($("login").elements.token.value);
  $("login").reset();
  $("login").hidden = true;
  document.querySelector("main").hidden = false;
  begin();
});

function begin() {
  refresh();
  restart();
}
begin();
