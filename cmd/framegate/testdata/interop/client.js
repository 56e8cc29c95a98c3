// Sends messages and compares what comes back; prints the extension.
const WebSocket = require("ws");
const [, , url, cases] = process.argv;
const socket = new WebSocket(url, { perMessageDeflate: { threshold: 0 } });
const todo = JSON.parse(require("fs").readFileSync(cases, "utf8"));
let at = 0;
const next = () => {
  if (at === todo.length) return socket.close(4001, "done");
  const { binary, send } = todo[at];
  socket.send(binary ? Buffer.from(send, "latin1") : send, { binary });
};
socket.on("open", () => (console.log(`connected ${socket.extensions.split(";")[0] || "plain"}`), next()));
socket.on("message", (data, binary) => {
  const { binary: wantBinary, want } = todo[at];
  const got = data.toString(binary ? "latin1" : "utf8");
  if (binary !== wantBinary || got !== want) throw new Error(`message ${at} came back as ${got.slice(0, 100)}`);
  at++;
  next();
});
socket.on("close", (code, reason) => console.log(`closed ${code} ${reason}`));
