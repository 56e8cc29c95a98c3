// What a framegate script may touch. Put it beside your scripts and set "lib": ["ES2022"] in tsconfig.json or
// jsconfig.json: scripts run in no browser and in no Node.js, so there is nothing else.
//
//   export function invoke(msg: Message): boolean { … }
//
// true is the success arrow, false the failure arrow, throwing aborts. async functions may be used as long as nothing
// waits for anything outside of the script.

/** The message that the policy runs on. It is of use only while the script's function runs. */
interface Message {
  /** content.body: a string for text, a Uint8Array for binary. Writing replaces the message's payload. */
  body: any;
  /** "text" or "binary" for data messages, else the hook: "upgrade", "request" or "close". */
  readonly kind: "text" | "binary" | "upgrade" | "request" | "close";
  /** websock.context: the attributes of the upgrade, read-only. Undefined in the upgrade itself. */
  readonly context: UpgradeContext;
  /** http.headers of an upgrade or a request, which may be changed. Undefined for data messages and closes. */
  readonly headers: HeaderSet;
  /** The upgrade or the request. Undefined for data messages and closes. */
  readonly request: HTTPRequest;
  readonly session: Session;
  /** An attribute by its dotted name, such as "content.body"; undefined when it is not set. Objects are copies. */
  get(attribute: string): any;
  /** Sets an attribute; null removes it. Throws for attributes that only the gateway sets. */
  put(attribute: string, value: any): void;
  has(attribute: string): boolean;
  /** The same as has, as in Axway's messages. */
  containsKey(attribute: string): boolean;
  remove(attribute: string): void;
  /** The message is not passed on. */
  drop(): void;
  /** Sends body back to where the message came from, instead of passing the message on. */
  reply(body: string | Uint8Array): void;
  /** Sends a new message, before this one is passed on. At most 100 a call. "host" is the same as "server". */
  send(side: "client" | "server" | "host", body: string | Uint8Array): void;
  /** Ends the session on both sides. The code is 1000 by default; the reason has at most 123 bytes. */
  close(code?: number, reason?: string): void;
  /** The value of a selector such as "${http.request.path}". Throws when the attribute is not set and has no default. */
  select(selector: string): any;
  /** Runs a policy on this message: true when it passes, false when it fails. Its abort is thrown. */
  call(policy: string): boolean;
}

/** websock.context. Writing to it throws. */
interface UpgradeContext {
  readonly headers: HeaderSet;
  /** An attribute of the upgrade; "http.headers" is its header set. */
  get(attribute: string): any;
  has(attribute: string): boolean;
  containsKey(attribute: string): boolean;
  /** Throws. */
  put(attribute: string, value: any): never;
  /** Throws. */
  set(attribute: string, value: any): never;
  /** Throws. */
  remove(attribute: string): never;
}

/** A header set: in the order and the case it came with, looked up without regard to case. */
interface HeaderSet {
  /** The first value; null when there is no such header. */
  get(name: string): string | null;
  getAll(name: string): string[];
  has(name: string): boolean;
  entries(): [string, string][];
  keys(): string[];
  values(): string[];
  forEach(f: (value: string, name: string, headers: HeaderSet) => void): void;
  /** Changing throws, except in the headers of an upgrade or a request. */
  set(name: string, value: string): void;
  append(name: string, value: string): void;
  delete(name: string): void;
}

interface HTTPRequest {
  readonly method: string;
  /** Path and query as they came. */
  readonly uri: string;
  readonly path: string;
  readonly host: string;
  /** The client's address, without the port. */
  readonly client: string;
  readonly query: Query;
}

/** The query of the request. */
interface Query {
  /** The first value, decoded; null when there is none. */
  get(name: string): string | null;
  has(name: string): boolean;
}

interface Session {
  readonly id: string;
  /** What the session keeps; both directions share it. At most 256 values of 64 KiB each. */
  readonly vars: { [name: string]: any };
}

/** Lines go to the trail of the message. */
interface Console {
  log(...values: any[]): void;
  info(...values: any[]): void;
  debug(...values: any[]): void;
  trace(...values: any[]): void;
  warn(...values: any[]): void;
  error(...values: any[]): void;
}

/** The stores of the configuration. */
interface Stores {
  /** The record under a key; undefined when there is none. Throws for a store that does not exist. */
  get(store: string, key: string): any;
}

/** What outlives sessions. Values are kept as JSON. */
interface State {
  get(key: string): any;
  /** ttl in seconds; without one the value stays until it is deleted. */
  put(key: string, value: any, ttl?: number): void;
  delete(key: string): void;
}

type Hash = "SHA-256" | "SHA-384" | "SHA-512" | "SHA-1";
type Encoding = "hex" | "base64" | "base64url" | "bytes";
type Data = string | ArrayBuffer | ArrayBufferView;

/** Random values and digests. Digests answer at once; the encoding is hex by default. */
interface Crypto {
  randomUUID(): string;
  getRandomValues<T extends ArrayBufferView>(array: T): T;
  digest(hash: Hash, data: Data, encoding?: Encoding): any;
  hmac(hash: Hash, key: Data, data: Data, encoding?: Encoding): any;
  timingSafeEqual(a: Data, b: Data): boolean;
}

/** Texts to UTF-8. */
interface TextEncoder {
  readonly encoding: string;
  encode(text?: string): Uint8Array;
}

/** UTF-8 to texts. */
interface TextDecoder {
  readonly encoding: string;
  readonly fatal: boolean;
  decode(data?: Data): string;
}

/** A parsed URL, read-only. */
interface URL {
  readonly href: string;
  readonly origin: string;
  readonly protocol: string;
  readonly username: string;
  readonly password: string;
  readonly host: string;
  readonly hostname: string;
  readonly port: string;
  readonly pathname: string;
  readonly search: string;
  readonly hash: string;
  readonly searchParams: URLSearchParams;
  toString(): string;
  toJSON(): string;
}

interface URLSearchParams {
  get(name: string): string | null;
  getAll(name: string): string[];
  has(name: string): boolean;
  append(name: string, value: string): void;
  set(name: string, value: string): void;
  delete(name: string): void;
  entries(): [string, string][];
  toString(): string;
}

declare const console: Console;
declare const stores: Stores;
declare const state: State;
declare const crypto: Crypto;
declare const TextEncoder: { new (): TextEncoder };
declare const TextDecoder: { new (label?: string, options?: { fatal?: boolean }): TextDecoder };
declare const URL: { new (url: string, base?: string | URL): URL };
declare const URLSearchParams: { new (init?: string | { [name: string]: string }): URLSearchParams };
/** Base64 to a text of characters below U+0100. */
declare function atob(text: string): string;
/** A text of characters below U+0100 to base64. */
declare function btoa(text: string): string;
declare function structuredClone<T>(value: T): T;
