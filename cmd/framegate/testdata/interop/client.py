# Sends messages and compares what comes back; prints the extension.
import asyncio
import json
import sys
import websockets


async def main(url, cases):
    async with websockets.connect(url, max_size=1 << 24) as socket:
        print("connected", ",".join(e.name for e in socket.extensions) or "plain", flush=True)
        for n, case in enumerate(json.load(open(cases, encoding="utf-8"))):
            encode = (lambda text: text.encode("latin-1")) if case["binary"] else str
            await socket.send(encode(case["send"]))
            got = await socket.recv()
            assert got == encode(case["want"]), "message %d came back as %r" % (n, got[:100])
        await socket.close(4001, "done")
        print("closed", socket.close_code, socket.close_reason, flush=True)


asyncio.run(main(*sys.argv[1:]))
