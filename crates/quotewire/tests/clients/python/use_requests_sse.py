"""PyPI `requests-sse`: reconnects by itself, five times; then the program starts it anew."""

import time

import requests
from requests_sse import EventSource

import say

last_event_id = None
while True:
    try:
        trouble = lambda: say.trouble("the library comes back by itself")
        with EventSource(say.URL, timeout=25, latest_event_id=last_event_id, on_error=trouble) as source:
            for event in source:
                last_event_id = event.last_event_id or last_event_id
                say.event(event.type, event.last_event_id, event.data)
    except requests.RequestException as error:
        say.ended(error)
    time.sleep(1)
