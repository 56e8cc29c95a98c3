export function invoke(msg) {
  const m = JSON.parse(msg.body);
  m.seen = true;
  msg.body = JSON.stringify(m);
  return true;
}
