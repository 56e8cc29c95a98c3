export function invoke() {
  return true;
}
