// How records look. What comes from the network is only ever set as text.

// el makes an element; children are elements or text.
export function el(tag, attributes, ...children) {
  const e = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes ?? {})) {
    if (typeof value === "function") e.addEventListener(name, value);
    else if (value !== null && value !== undefined && value !== false) e.setAttribute(name, value);
  }
  for (const child of children) if (child !== null && child !== undefined) e.append(child);
  return e;
}

export const shortID = id => id.slice(0, 6);

export function size(n) {
  if (n < 1024) return n + " B";
  return n < 1 << 20 ? (n / 1024).toFixed(1) + " KiB" : (n / (1 << 20)).toFixed(1) + " MiB";
}

export function millis(ms) {
  if (!ms) return "";
  if (ms < 1000) return ms.toFixed(ms < 10 ? 2 : 0) + " ms";
  const s = ms / 1000;
  return s < 120 ? s.toFixed(1) + " s" : Math.round(s / 60) + " min";
}

export const plural = (n, what) => n + " " + what + (n === 1 ? "" : "s");

const two = (n, digits = 2) => String(n).padStart(digits, "0");

function time(at) {
  const t = new Date(at);
  return `${two(t.getHours())}:${two(t.getMinutes())}:${two(t.getSeconds())}.${two(t.getMilliseconds(), 3)}`;
}

function date(at) {
  const t = new Date(at);
  return `${t.getFullYear()}-${two(t.getMonth() + 1)}-${two(t.getDate())} ${time(at)}`;
}

function bytes(base64) {
  return Uint8Array.from(atob(base64), c => c.charCodeAt(0));
}

const hex = b => b.toString(16).padStart(2, "0");

function oneLine(payload) {
  if (!payload) return "";
  if (payload.base64) return Array.from(bytes(payload.base64).slice(0, 24), hex).join(" ");
  return (payload.text ?? "").slice(0, 300);
}

function dump(base64) {
  const all = bytes(base64), lines = [];
  for (let at = 0; at < all.length; at += 16) {
    const row = Array.from(all.slice(at, at + 16));
    const text = row.map(b => b > 31 && b < 127 ? String.fromCharCode(b) : ".").join("");
    lines.push(at.toString(16).padStart(6, "0") + "  " + row.map(hex).join(" ").padEnd(48) + "  " + text);
  }
  return lines.join("\n");
}

export const arrow = r => r.dir === "client" ? "→" : r.dir === "host" ? "←" : r.kind === "close" ? "×" : "+";

const bad = ["refused", "failed", "aborted", "closed", "dropped", "cut"];

function outcomeClass(outcome) {
  return bad.includes(outcome) ? "bad" : outcome === "changed" || outcome === "replied" ? "warn" : "";
}

// summary is a record in one line of text.
export function summary(r) {
  if (r.kind === "upgrade") return `${r.path} ${r.host ? "→ " + r.host : r.reason ?? ""}`;
  if (r.kind === "request") return `${r.method} ${r.path} ${r.host ? "→ " + r.host : r.reason ?? ""}`;
  if (r.kind === "close") return `${r.path} by ${r.by}: ${r.codeText}${r.reason ? " (" + r.reason + ")" : ""}`;
  const said = oneLine(r.after ?? r.before);
  return bad.includes(r.outcome) && r.reason ? r.reason + (said && " · " + said) : said || r.reason || "";
}

// row is a record in the list.
export function row(r) {
  const what = r.kind === "frame" ? r.op : r.kind;
  const state = r.kind === "upgrade" || r.kind === "request" ? r.outcome + " " + r.status : r.kind === "close" ? String(r.code) : r.outcome;
  return el("li", { role: "option", id: "r" + r.seq, "aria-selected": "false" },
    el("time", { datetime: r.at, title: r.at }, time(r.at)),
    el("span", { class: "session", title: r.session }, shortID(r.session)),
    el("span", { class: r.dir ?? "quiet" }, arrow(r)),
    el("span", {}, what),
    el("span", { class: "size" }, r.kind === "frame" ? size(r.size) : millis(r.durationMs)),
    el("span", { class: outcomeClass(r.outcome) }, state ?? ""),
    el("span", {}, summary(r)));
}

function facts(pairs) {
  const list = el("dl");
  for (const [name, value] of pairs) if (value) list.append(el("dt", {}, name), el("dd", {}, value));
  return list;
}

// differs cuts a text in three: what it begins with like the other, what is
// different, what it ends with like the other. It cuts no character in two.
function differs(text, other) {
  const most = Math.min(text.length, other.length);
  let head = 0, tail = 0;
  while (head < most && text[head] === other[head]) head++;
  while (tail < most - head && text.at(-1 - tail) === other.at(-1 - tail)) tail++;
  const inPair = at => at > 0 && at < text.length && /[\uDC00-\uDFFF]/.test(text[at]);
  if (inPair(head)) head--;
  if (inPair(text.length - tail)) tail--;
  return [text.slice(0, head), text.slice(head, text.length - tail), text.slice(text.length - tail)];
}

// payload shows one side of a change, what is different in it marked, or a payload that nobody changed.
function payload(title, p, kind, other) {
  if (!p) return null;
  const shown = p.base64 ? dump(p.base64) : p.text ?? "";
  const [head, middle, tail] = p.text && other?.text ? differs(p.text, other.text) : [shown, "", ""];
  const note = p.truncated ? `, the log kept ${size(p.base64 ? bytes(p.base64).length : new Blob([shown]).size)}` : "";
  return el("div", {}, el("h3", {}, title + " ", el("span", { class: "quiet" }, size(p.size) + note)), el("pre", { class: kind }, head, middle ? el("mark", {}, middle) : null, tail));
}

const marks = { pass: ["✓", "good"], fail: ["✗", "bad"], abort: ["!", "bad"] };

const longest = 300; // characters of an attribute in a trail

function value(v) {
  const text = typeof v === "string" ? v : JSON.stringify(v);
  return text.length > longest ? text.slice(0, longest) + "…" : text;
}

// edited shows a long text of which a filter changed a part: that part and what
// stands around it. It is null where most of the text is different.
function edited(was, is) {
  if (typeof was !== "string" || typeof is !== "string") return null;
  const [head, gone, tail] = differs(was, is), [, come] = differs(is, was);
  if (head.length + tail.length < Math.max(gone.length, come.length)) return null;
  const around = 40; // characters
  return [head.length > around ? "…" + head.slice(-around) : head, gone && el("del", {}, value(gone)), come && el("ins", {}, value(come)),
    tail.length > around ? tail.slice(0, around) + "…" : tail];
}

// change shows an attribute that a filter set, changed or removed.
function change(c) {
  const was = c.before ?? null, is = c.after ?? null, edit = edited(was, is);
  if (edit) return el("div", { class: "mono" }, el("span", { class: "quiet" }, c.name + ": "), ...edit);
  return el("div", { class: "mono" }, el("span", { class: "quiet" }, c.name + (was === null ? " = " : ": ")),
    was === null ? null : el("del", {}, value(was)), was === null || is === null ? null : " → ",
    is === null ? null : el("ins", {}, value(is)), is === null ? " removed" : null);
}

function step(s) {
  const [mark, kind] = marks[s.result] ?? ["?", ""];
  const item = el("li", { class: s.depth ? "d" + Math.min(s.depth, 3) : null },
    el("div", { class: "step" },
      el("span", { class: kind, title: s.result }, mark), el("strong", {}, s.filter),
      s.type === s.filter ? null : el("span", { class: "quiet" }, s.type),
      el("span", {}, s.arrow), el("span", { class: "us" }, s.us ? s.us.toFixed(1) + " µs" : "")));
  if (s.reason) item.append(el("div", { class: kind }, s.reason));
  for (const line of s.log ?? []) item.append(el("div", { class: "mono" }, "│ " + line));
  for (const c of s.changes ?? []) item.append(change(c));
  return item;
}

function trail(r) {
  if (!r.trail?.length) return null;
  return el("div", {}, el("h3", {}, "Trail ", el("span", { class: "quiet" }, "policy " + r.policy)), el("ol", { class: "trail" }, ...r.trail.map(step)));
}

function headers(list) {
  if (!list?.length) return null;
  return el("div", {}, el("h3", {}, "Request headers"), el("pre", {}, list.map(h => `${h.name}: ${h.value}`).join("\n")));
}

function title(r) {
  if (r.kind === "upgrade") return `Upgrade: ${r.status} ${r.outcome}`;
  if (r.kind === "request") return `${r.method}: ${r.status} ${r.outcome}`;
  if (r.kind === "close") return `Close ${r.code}: ${r.codeText}`;
  return `${r.dir === "client" ? "client → host" : "client ← host"}: ${r.op}, ${r.outcome}`;
}

// bodies are what the log kept of a message, or of a request and its answer.
function bodies(r) {
  if (r.kind === "request") return [payload("Request body", r.before, ""), payload("Answer body", r.after, "")];
  return [payload(r.after ? "Before" : "Payload", r.before, r.after ? "before" : "", r.after), payload("After", r.after, "after", r.before)];
}

// detail is everything about a record; actions are buttons for its session.
export function detail(r, close, actions) {
  const count = t => t && `${plural(t.messages, "message")}, ${size(t.bytes)}`;
  const about = facts([
    ["time", el("time", { datetime: r.at, title: r.at }, date(r.at))], ["session", r.session], ["path", r.path], ["port", r.port], ["client", r.client], ["subject", r.subject], ["host", r.host],
    ["size", r.kind === "frame" && size(r.size)], ["on the wire", r.compressed && `${size(r.compressed)}, compressed`], ["fragments", r.fragments > 1 && String(r.fragments)], ["sent by", r.injected && "the gateway"],
    ["closed by", r.by], [r.kind === "close" ? "lasted" : "took", millis(r.durationMs)], ["from client", count(r.in)], ["from host", count(r.out)],
    ["policy", r.policy], ["reason", r.reason && el("span", { class: bad.includes(r.outcome) ? "bad" : null }, r.reason)], ["record", "#" + r.seq],
  ]);
  const parts = [
    el("div", { class: "top" }, el("h2", {}, title(r)), el("button", { type: "button", click: close, "aria-label": "Close details" }, "✕")),
    r.kind === "frame" ? null : about,
    ...bodies(r), trail(r),
    r.kind === "frame" ? about : null, headers(r.headers), actions,
  ];
  return parts.filter(part => part);
}
