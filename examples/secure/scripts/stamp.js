// Stamps a client's message with who sent it, from the upgrade request.
export function invoke(msg) {
  const m = JSON.parse(msg.get("content.body"));            // short: msg.body
  const upgrade = msg.get("websock.context");               // short: msg.context
  m.device = upgrade.get("http.headers").get("X-Device-Id"); // short: msg.context.headers.get(…)
  m.from = upgrade.get("authentication.subject.id");
  msg.put("content.body", JSON.stringify(m));
  return true;
}
