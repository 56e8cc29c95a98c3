export function invoke(msg) {
  const m = JSON.parse(msg.body;
  return true;
}
