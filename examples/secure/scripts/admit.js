// Who may enter which room? true: success arrow, false: failure arrow, throw: abort.
export function invoke(msg) {
  const room = msg.request.query.get("room") || "lobby";
  const who = msg.get("authentication.subject.attributes");
  if (!who.rooms.includes(room)) {
    console.log(`${msg.get("authentication.subject.id")} may not enter ${room}`);
    return false;
  }
  msg.put("chat.room", room);
  return true;
}
