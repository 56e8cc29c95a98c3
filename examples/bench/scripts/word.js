export function invoke(msg) {
  return !msg.body.includes("forbidden");
}
