/// <reference path="../.framegate/framegate.d.ts" />

/**
 * Runs on every message from the client.
 * true: success arrow, false: failure arrow, throw: abort.
 * @param {Message} msg
 */
export function invoke(msg) {
  console.log(`${msg.kind} message of ${msg.body.length} characters`);
  return true;
}
