import { counter } from "./counter";

interface Stamped {
  [field: string]: unknown;
}

// Each session has its own copy of this module, so each counts for itself.
const next = counter();

export function invoke(msg: Message): boolean {
  const stamped: Stamped = JSON.parse(msg.body as string);
  stamped.device = msg.context.headers.get("X-Device-Id");
  stamped.number = next();
  msg.body = JSON.stringify(stamped);
  return true;
}
