"""PyPI `aiohttp-sse-client`: reconnects after a clean end; after a torn connection the program starts it anew.

aiohttp ends every response after five minutes unless told otherwise."""

import asyncio

import aiohttp
from aiohttp_sse_client.client import EventSource

import say


async def main():
    last_event_id = ""
    timeout = aiohttp.ClientTimeout(total=None, sock_read=25)
    async with aiohttp.ClientSession(timeout=timeout) as session:
        while True:
            headers = {"Last-Event-ID": last_event_id} if last_event_id else {}
            try:
                trouble = lambda: say.trouble("the library comes back by itself")
                async with EventSource(say.URL, session=session, headers=headers, on_error=trouble) as source:
                    async for event in source:
                        last_event_id = event.last_event_id or last_event_id
                        say.event(event.type, event.last_event_id, event.data)
            except (aiohttp.ClientError, ConnectionError, asyncio.TimeoutError) as error:
                say.ended(error)
            await asyncio.sleep(1)


asyncio.run(main())
