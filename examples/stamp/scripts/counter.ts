/** Makes a function that counts from 1. */
export function counter(): () => number {
  let n = 0;
  return () => ++n;
}
