"""PyPI `sseclient-py`: parses one response; ids and waiting are the program's business."""

import time

import requests
import sseclient

import say

last_event_id = ""
delay_s = 1.0
while True:
    headers = {"Accept": "text/event-stream"}
    if last_event_id:
        headers["Last-Event-ID"] = last_event_id
    try:
        with requests.get(say.URL, stream=True, headers=headers, timeout=(5, 25)) as response:
            response.raise_for_status()
            for event in sseclient.SSEClient(response).events():
                last_event_id = event.id or last_event_id
                if event.retry is not None:
                    delay_s = int(event.retry) / 1000
                say.event(event.event, event.id, event.data)
        say.ended("the response is over")
    except requests.RequestException as error:
        say.ended(error)
    time.sleep(delay_s)
