// Removes a field that clients need not see.
export function invoke(msg) {
  const m = JSON.parse(msg.body);
  delete m.internal;
  msg.body = JSON.stringify(m);
  return true;
}
