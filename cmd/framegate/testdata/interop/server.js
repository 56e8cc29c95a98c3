// An echoing host: prints its address, then the extension of each connection.
const { WebSocketServer } = require("ws");
const server = new WebSocketServer({ host: "127.0.0.1", port: 0, perMessageDeflate: { threshold: 0 }, maxPayload: 1 << 24 });
server.on("listening", () => console.log(`127.0.0.1:${server.address().port}`));
server.on("connection", (socket) => {
  console.log(`connected ${Object.keys(socket._extensions ?? {}).join() || "plain"}`);
  socket.on("message", (data, binary) => socket.send(data, { binary }));
});
