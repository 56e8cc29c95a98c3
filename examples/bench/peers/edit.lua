-- Relays between a client and the echo host; each message of the client that is JSON gets a field, as in scripts/json.js.
local cjson = require "cjson.safe"
local options = {timeout = 3600000, max_payload_len = 16777216}
local client = assert(require("resty.websocket.server"):new(options))
local host = assert(require("resty.websocket.client"):new(options))
assert(host:connect("ws://127.0.0.1:9900/"))

local function relay(from, to, edit)
  while true do
    local data, kind = from:recv_frame()
    if not data or kind == "close" then
      to:send_close()
      return
    end
    if kind == "text" then
      to:send_text(edit and edit(data) or data)
    elseif kind == "binary" then
      to:send_binary(data)
    end
  end
end

local function add_field(text)
  local message = cjson.decode(text)
  if message then
    message.seen = true
    return cjson.encode(message)
  end
end

local back = ngx.thread.spawn(relay, host, client)
relay(client, host, add_field)
ngx.thread.kill(back)
