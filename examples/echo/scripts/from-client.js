// Runs on every message from the client. content.body is what the client sent;
// what is put there is what the server gets.
function invoke(msg) {
  const context = msg.get("websock.context");              // the upgrade request, read-only
  const agent = context.get("http.headers").get("User-Agent") || "somebody";
  msg.put("content.body", `${agent} says: ${msg.get("content.body")}`);
  return true;
}
// The short forms: msg.body is content.body, msg.context is websock.context,
// msg.context.headers is its http.headers.
