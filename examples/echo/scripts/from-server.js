// Runs on every message from the server.
function invoke(msg) {
  msg.put("content.body", msg.get("content.body").toUpperCase());
  return true;
}
