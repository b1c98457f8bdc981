"""PyPI `httpx-sse`: reads one response; the loop around it is the one of its README.

Two things differ from that README: a stream that ends cleanly is taken up again too, and the read timeout of httpx, 5 s
when nothing is said, is longer than the longest silence of a Quotewire stream."""

import time

import httpx
from httpx_sse import connect_sse

import say

last_event_id = ""
delay_s = 1.0
with httpx.Client(timeout=httpx.Timeout(5.0, read=25.0)) as client:
    while True:
        headers = {"Last-Event-ID": last_event_id} if last_event_id else {}
        try:
            with connect_sse(client, "GET", say.URL, headers=headers) as source:
                source.response.raise_for_status()
                for sse in source.iter_sse():
                    last_event_id = sse.id or last_event_id  # The first events of a connection may have none.
                    if sse.retry is not None:
                        delay_s = sse.retry / 1000
                    say.event(sse.event, sse.id, sse.data)
            say.ended("the response is over")
        except httpx.TransportError as error:
            say.ended(error)
        time.sleep(delay_s)
