# An echoing host: prints its address, then the extension of each connection.
import asyncio
import websockets


async def echo(socket):
    print("connected", ",".join(e.name for e in socket.extensions) or "plain", flush=True)
    async for message in socket:
        await socket.send(message)


async def main():
    async with websockets.serve(echo, "127.0.0.1", 0, max_size=1 << 24) as server:
        print("127.0.0.1:%d" % server.sockets[0].getsockname()[1], flush=True)
        await asyncio.Future()


asyncio.run(main())
