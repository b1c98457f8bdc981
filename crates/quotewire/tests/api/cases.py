"""Every route, asked by schemathesis with what its description allows and with what it does not.

usage: QUOTEWIRE_BIN=path/to/quotewire .venv/bin/python cases.py [--cases N] [--seed N]

Fails when a check fails, when fewer cases were asked than wanted, when the server counted fewer requests than we sent or
answered one with 5xx, or when it does not end well.
"""

import argparse
import collections
import concurrent.futures
import json
import os
import pathlib
import re
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request

HERE = pathlib.Path(__file__).parent
SCHEMATHESIS = HERE / ".venv/bin/schemathesis"
# Longest any run may take before it is ended and counted as failed, in seconds.
PATIENCE = 900
METHODS = {"get", "post", "patch", "delete"}


def operations(document):
    """The operations by whether they open a stream."""
    found = {True: [], False: []}
    for path, item in document["paths"].items():
        for method in METHODS & item.keys():
            operation = {**item[method], "takes": "{" in path or "requestBody" in item[method]}
            operation["takes"] |= bool(item[method].get("parameters"))
            media_types = operation["responses"].get("200", {}).get("content", {})
            found["text/event-stream" in media_types].append(operation)
    return found[True], found[False]


def jobs(document, cases):
    """Names and arguments of the runs. Operations that take something share the cases; the others have few of them."""
    streams, others = operations(document)
    rich = [o for o in others if o["takes"]]
    # What is forbidden takes three times as long to invent.
    each = cases // len(rich)
    runs = [
        ("every route, edges", ["--phases", "examples,coverage"] + chosen(others)),
    ]
    for operation in streams:
        for mode in ("negative", "positive"):
            arguments = ["--phases", "fuzzing", "--mode", mode, "--max-examples", str(cases // 60 + 1)]
            runs.append((f"{operation['operationId']}, {mode}", arguments + chosen([operation])))
    for operation in rich:
        for mode, share in (("negative", 0.35), ("positive", 0.7)):
            arguments = ["--phases", "fuzzing", "--mode", mode, "--max-examples", str(int(each * share) + 1)]
            runs.append((f"{operation['operationId']}, {mode}", arguments + chosen([operation])))
    return runs


def chosen(operations):
    return [word for o in operations for word in ("--include-operation-id", o["operationId"])]


class Server:
    """A gateway of our own, with a small synthetic market."""

    def __init__(self):
        binary = os.environ["QUOTEWIRE_BIN"]
        environment = {k: v for k, v in os.environ.items() if not k.startswith("QUOTEWIRE_")}
        self.process = subprocess.Popen(
            [binary, "serve", "--config", HERE / "market.toml"], stderr=subprocess.PIPE, text=True, env=environment
        )
        self.url = self.line("listening on ")
        self.admin = self.line("admin on ")

    def line(self, start):
        for line in self.process.stderr:
            if line.startswith(start):
                return line.removeprefix(start).strip()
        sys.exit(f"the server ended without saying {start!r}")

    def get(self, url):
        with urllib.request.urlopen(url, timeout=20) as answer:
            return answer.read().decode()

    def wait_for_quotes(self):
        deadline = time.monotonic() + 30
        while '"live"' not in self.get(f"{self.url}/v1/symbols"):
            if time.monotonic() > deadline:
                sys.exit("no quote ever became live")

    def requests(self):
        """How many requests the server has answered, by class of status."""
        text = self.get(f"{self.admin}/metrics")
        found = re.findall(r'^quotewire_edge_requests_total\{[^}]*"(\dxx)"\} (\d+)', text, re.MULTILINE)
        return {label: int(value) for label, value in found}

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout=60)


def run(folder, server, seed, at, name, arguments):
    """One run of schemathesis: what it said, whether it passed, and what it counted."""
    counted = folder / f"counts-{at}.json"
    command = [SCHEMATHESIS, "--config-file", HERE / "schemathesis.toml", "run", folder / "openapi.json"]
    command += ["--url", server.url, "--checks", "all", "--seed", str(seed), "--no-color", "--workers", "1"]
    environment = {**os.environ, "SCHEMATHESIS_HOOKS": "hooks", "PYTHONPATH": str(HERE)}
    environment |= {"QUOTEWIRE_COUNTS": str(counted), "QUOTEWIRE_URL": server.url}
    start = time.monotonic()
    ended = subprocess.run(
        command + arguments,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=environment,
        cwd=folder,
        timeout=PATIENCE,
    )
    counts = json.loads(counted.read_text()) if counted.exists() else {}
    took = time.monotonic() - start
    verdict = "passed" if ended.returncode == 0 else f"FAILED ({ended.returncode})"
    print(f"{name:32} {counted_cases(counts):6} cases in {took:6.1f} s  {verdict}", flush=True)
    return ended.returncode == 0, ended.stdout, counts


def counted_cases(counts):
    """Requests; what stands in brackets says something of their answers."""
    return sum(count for what, count in counts.items() if not what.startswith("("))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--cases", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=3)
    wanted = parser.parse_args()
    server = Server()
    faults = []
    total = collections.Counter()
    print(f"{wanted.cases} cases, seed {wanted.seed}, on two threads")
    try:
        server.wait_for_quotes()
        with tempfile.TemporaryDirectory() as folder:
            folder = pathlib.Path(folder)
            text = server.get(f"{server.url}/openapi.json")
            (folder / "openapi.json").write_text(text)
            # schemathesis is bound to one core by its interpreter: two at a time use both of the build machine.
            with concurrent.futures.ThreadPoolExecutor(2) as pool:
                running = [
                    pool.submit(run, folder, server, wanted.seed, at, name, arguments)
                    for at, (name, arguments) in enumerate(jobs(json.loads(text), wanted.cases))
                ]
                for passed, said, counts in (job.result() for job in running):
                    total.update(counts)
                    if not passed:
                        print(said)
                        faults.append("a run of schemathesis failed")
        answered = server.requests()
    finally:
        code = server.stop()

    print()
    for what, count in sorted(total.items()):
        print(f"{what:40} {count:6}")
    asked = counted_cases(total)
    print(f"{'in all':40} {asked:6}")
    print(f"the server counted {answered}")
    if asked < wanted.cases:
        faults.append(f"{asked} cases were asked, {wanted.cases} are wanted")
    if sum(answered.values()) < asked:
        faults.append("the server counted fewer requests than were sent")
    if code != 0:
        faults.append(f"the server ended with {code}")
    if faults:
        sys.exit("\n".join(faults))
    print("every answer was as described")


if __name__ == "__main__":
    main()
