"""What schemathesis cannot know of our requests, and the count of what it asked."""

import atexit
import collections
import csv
import io
import itertools
import json
import os
import re
import socket
import threading
import urllib.parse

import jsonschema_rs
import schemathesis
from schemathesis.generation import GenerationMode

# How often each operation was answered with which status.
counts = collections.Counter()
turn = itertools.count()

# What clients send; the last one leaves nothing that any resource has.
ACCEPTS = [
    None,
    "*/*",
    "application/json",
    "text/event-stream;q=0.5, */*;q=0.1",
    "application/jsonl, text/csv;q=0.9, application/json;q=0.1",
    "application/json;q=0, image/png",
]
SOON = ["1ms", "5ms", "20ms"]
SERVED = ["SIM:AAA-USD", "SIM:AAB-USD", "SIM:AAC-USD", "SIM:A*", "SIM:*"]


class Streams:
    """Open streams, so that there are ids to ask for. One that was closed is replaced."""

    def __init__(self, url):
        self.address = urllib.parse.urlsplit(url)
        self.ids = []

    def any(self, at):
        while len(self.ids) < 3:
            self.ids.append(self.open())
        return self.ids[at % len(self.ids)]

    def gone(self, name):
        if name in self.ids:
            self.ids.remove(name)

    def open(self):
        peer = socket.create_connection((self.address.hostname, self.address.port), timeout=20)
        peer.sendall(b"GET /v1/stream?symbols=SIM:AAA-USD&max_rate=1 HTTP/1.1\r\nHost: localhost\r\n\r\n")
        seen = b""
        while not (found := re.search(rb'"stream":"([0-9a-f]{32})"', seen)):
            part = peer.recv(65536)
            if not part:
                raise RuntimeError(f"no stream was opened: {seen!r}")
            seen += part
        threading.Thread(target=drain, args=(peer,), daemon=True).start()
        return found[1].decode()


def drain(peer):
    """A stream that nobody reads is ended."""
    peer.settimeout(None)
    while peer.recv(65536):
        pass


streams = None


@schemathesis.hook
def before_call(context, case, kwargs):
    global streams
    streams = streams or Streams(os.environ["QUOTEWIRE_URL"])
    at = next(turn)
    # `Accept` is no parameter in OpenAPI, so nobody would vary it.
    accept = ACCEPTS[at % len(ACCEPTS)]
    if accept is not None:
        case.headers = {**(case.headers or {}), "Accept": accept}
    allowed = case.meta is not None and case.meta.generation.mode == GenerationMode.POSITIVE
    if case.path == "/v1/streams/{id}" and at % 4 and well_formed(case):
        case.path_parameters = {**case.path_parameters, "id": streams.any(at)}
    if case.path == "/v1/quotes" and isinstance(case.query, dict) and allowed and case.query.get("wait"):
        # Long enough to wait, short enough for thousands.
        case.query = {**case.query, "wait": f"{at % 5}ms"}
    if case.path == "/v1/stream" and isinstance(case.query, dict) and case.method == "GET":
        case.query = ending(case.query, at, allowed)
    if case.method in ("PATCH", "POST") and allowed and isinstance(case.body, dict):
        case.body = together(case.body, at)
        if case.path == "/v1/stream":
            case.body["duration"] = SOON[at % len(SOON)]


def ending(query, at, allowed):
    """A stream that ends soon, whatever else was asked for; and what a schema cannot say of several parameters."""
    query = dict(query)
    if allowed:
        query["duration"] = SOON[at % len(SOON)]
        if not query.get("max_rate"):
            query.pop("align", None)
        else:
            # Each symbol has one rate.
            query["max_rate"] = query["max_rate"].partition(",")[0]
    else:
        query.setdefault("duration", SOON[0])
    return query


def well_formed(case):
    name = (case.path_parameters or {}).get("id")
    return isinstance(name, str) and re.fullmatch("[0-9a-f]{32}", name) is not None


def together(body, at):
    """What a schema allows member by member and cannot say of several: see the documents of `PATCH`."""
    body = dict(body)
    for names in ("add", "symbols"):
        if at % 2 and body.get(names):
            body[names] = [SERVED[at % len(SERVED)], *body[names]]
    # The same name may not be added and removed.
    added = {text.strip().upper() for text in body.get("add") or []}
    if body.get("remove"):
        body["remove"] = [text for text in body["remove"] if text.strip().upper() not in added]
    # A whole number is written without a point, which JSON Schema does not ask for.
    for name in ("max_kbps", "limit"):
        if isinstance(body.get(name), float):
            body[name] = int(body[name])
    # Floats that are meant to have three decimals, and names that differ in case only.
    if isinstance(body.get("max_rate"), float):
        body["max_rate"] = round(body["max_rate"], 3)
    if isinstance(body.get("symbol_rates"), dict):
        rates = {symbol.upper(): round(rate, 3) for symbol, rate in body["symbol_rates"].items()}
        body["symbol_rates"] = rates
    # Windows need a rate, which this stream may have lost by another request.
    if body.get("align"):
        body["max_rate"] = body.get("max_rate") or 5
    elif body.get("max_rate", 0) is None:
        body["align"] = False
    return body


def validators():
    """Of one line of an answer in NDJSON, by path: schemathesis has no reader for that."""
    with open("openapi.json", encoding="utf-8") as file:
        document = json.load(file)
    found = {}
    for path in ("/v1/quotes", "/v1/stream"):
        content = document["paths"][path]["get"]["responses"]["200"]["content"]
        schema = {"allOf": [content["application/x-ndjson"]["schema"]], "components": document["components"]}
        found[path] = jsonschema_rs.Draft202012Validator(schema)
    return found


LINES = validators()
# What stands around the fields in a row.
COLUMNS = {"/v1/quotes": (["symbol", "seq"], "age_us"), "/v1/stream": (["id", "type", "symbol", "seq"], "n")}


@schemathesis.check
def every_line_conforms(context, response, case):
    kind = (response.headers.get("content-type") or [""])[0]
    if response.status_code != 200 or case.path not in LINES:
        return
    if kind.startswith("application/x-ndjson"):
        counts["(answers in NDJSON)"] += 1
        # `splitlines` would also split at line ends that only Unicode knows, which JSON lets stand in strings.
        for line in response.text.removesuffix("\n").split("\n") if response.text else []:
            faults = [error.message for error in LINES[case.path].iter_errors(json.loads(line))]
            assert not faults, f"{faults}: {line}"
    elif kind.startswith("text/csv"):
        counts["(answers in CSV)"] += 1
        head, *rows = list(csv.reader(io.StringIO(response.text, newline="")))
        first, last = COLUMNS[case.path]
        assert head[: len(first)] == first and head[-4:] == ["status", "since", "reason", last], head
        assert all(len(row) == len(head) for row in rows), response.text
    elif kind.startswith("text/event-stream"):
        counts["(answers in SSE)"] += 1


@schemathesis.hook
def after_call(context, case, response):
    counts[f"{case.method} {case.path} {response.status_code}"] += 1
    if case.method == "DELETE" and response.status_code == 204:
        streams.gone(case.path_parameters["id"])


@atexit.register
def tell():
    with open(os.environ["QUOTEWIRE_COUNTS"], "w", encoding="utf-8") as file:
        json.dump(counts, file)
