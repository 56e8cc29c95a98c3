// The console's way to its gateway: JSON calls and the live stream. The stream
// is read with fetch instead of EventSource, which cannot send a token.

let token = sessionStorage.getItem("framegate.token");

export function useToken(text) {
  token = text;
  sessionStorage.setItem("framegate.token", text);
}

// Unauthorized is thrown when the gateway wants a token, or another one.
export class Unauthorized extends Error {}

// Refused is thrown when the gateway answers, but not with a stream.
class Refused extends Error {}

function request(method, path, body, signal) {
  const headers = {};
  if (token) headers.Authorization = "Bearer " + token;
  if (method !== "GET") headers["Content-Type"] = "application/json";
  return fetch("/api/v1/" + path, {
    method, headers, signal, cache: "no-store", body: body === undefined ? undefined : JSON.stringify(body),
  }).then(answer => {
    if (answer.status === 401) throw new Unauthorized();
    return answer;
  });
}

// call returns the status and the JSON of an answer.
export async function call(method, path, body) {
  const answer = await request(method, path, body);
  return { ok: answer.ok, status: answer.status, json: await answer.json() };
}

// parse reads server-sent events from a stream of text and calls on for each.
export async function parse(chunks, on) {
  let rest = "", event = { type: "message", data: "" };
  for await (const chunk of chunks) {
    const lines = (rest + chunk).split("\n");
    rest = lines.pop();
    for (const line of lines) {
      if (line === "") {
        if (event.data) on(event);
        event = { type: "message", data: "" };
        continue;
      }
      const colon = line.indexOf(":");
      const name = line.slice(0, colon), value = line.slice(colon + 2);
      if (name === "data") event.data = value;
      if (name === "event") event.type = value;
      if (name === "id") on({ type: "id", id: value });
    }
  }
}

async function* texts(body) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    yield value;
  }
}

const firstPause = 250, longestPause = 5000, lastFirst = 200;

// Stream follows the traffic log and comes back when the gateway does. It calls
// on.record, on.lost, on.state(text, live), on.restart and on.unauthorized.
export class Stream {
  #on; #query = ""; #id = null; #instance = null; #abort = null; #pause = firstPause;

  constructor(on) { this.#on = on; }

  // start begins anew with a query; what is there already comes first.
  start(query) {
    this.#query = query;
    this.#id = null;
    this.#abort?.abort();
    this.#abort = new AbortController();
    this.#run(this.#abort.signal);
  }

  async #run(signal) {
    while (!signal.aborted) {
      let why = "the gateway is gone";
      try {
        await this.#follow(signal);
      } catch (error) {
        if (error instanceof Unauthorized) return this.#on.unauthorized(token !== null);
        if (error instanceof Refused) why = error.message;
      }
      if (signal.aborted) return;
      this.#on.state(why + ", trying again…", false);
      await new Promise(done => setTimeout(done, this.#pause));
      this.#pause = Math.min(2 * this.#pause, longestPause);
    }
  }

  async #follow(signal) {
    const from = this.#id === null ? "last=" + lastFirst : "after=" + this.#id;
    const answer = await request("GET", `stream?${from}&${this.#query}`, undefined, signal);
    if (!answer.ok) throw new Refused((await answer.json()).error);
    this.#on.state("live", true);
    this.#pause = firstPause;
    await parse(texts(answer.body), event => {
      if (!signal.aborted) this.#take(event);
    });
  }

  #take(event) {
    if (event.type === "id") {
      this.#id = event.id;
      return;
    }
    const data = JSON.parse(event.data);
    if (event.type === "lost") this.#on.lost(data.lost);
    if (event.type === "message") this.#on.record(data);
    if (event.type !== "gateway") return;
    const restarted = this.#instance !== null && this.#instance !== data.instance;
    this.#instance = data.instance;
    if (restarted) {
      this.#on.restart();
      this.start(this.#query);
    }
  }
}
