"""Many requests at 64 connections against each limit: are as many let in as it says?

Starts a gateway for each dimension and kind of limit in a temporary folder, on loopback, and asks it questions that
memory cannot answer, of two names in turn where the dimension has more than one. Prints a table and fails where a
name was let in more often than its limit by 1 % within any minute, or less often by 1 %. Standard library only.
"""

import argparse
import asyncio
import bisect
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time

CONNECTIONS = 64
SPAN = {"minute": 60.0, "day": 86400.0}
# What one question takes by the mock's count of words, and more than that by estimate.
MAX_TOKENS = 8
TOLERATED = 0.01


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--requests", type=int, default=10000, help="requests for each row of the table")
    parser.add_argument("--kinds", default="requests_per_minute,requests_per_day,tokens_per_minute,tokens_per_day")
    parser.add_argument("--slide", type=float, default=0, help="seconds of a last row, in which the window moves on")
    parser.add_argument("--gateway", required=True, help="the reprise binary")
    parser.add_argument("--upstream", help="base URL of a mock upstream that runs already")
    parser.add_argument("--mock", help="the mock upstream's binary, started if no --upstream is given")
    return parser.parse_args()


def spawn(command, env):
    """Starts a process that says on stdout where it listens; gives it and its address."""
    process = subprocess.Popen(
        command, env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    line = process.stdout.readline().strip()
    if "listening on " not in line:
        sys.exit(f"limits: {command[0]} did not start")
    return process, line.rpartition(" ")[2].removeprefix("http://")


def end(process):
    process.terminate()
    try:
        process.wait(timeout=60)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


class Place:
    """A gateway with one limit and two keys of two teams."""

    def __init__(self, options, upstream, limit):
        self.folder = tempfile.TemporaryDirectory(prefix="reprise-limits-")
        data = str(pathlib.Path(self.folder.name) / "data")
        env = {
            "PATH": os.environ.get("PATH", ""),
            "OPENAI_BASE_URL": upstream,
            "REPRISE_EMBEDDING__ENABLED": "false",
            "REPRISE_LIMITS": f"[{{{limit}}}]",
            "REPRISE_LOG": "error",
        }
        create = [options.gateway, "keys", "create", "--role", "app", "--data", data, "--tenant"]
        made = [subprocess.run(create + [team], env=env, check=True, capture_output=True) for team in ("one", "two")]
        self.keys = [key.stdout.decode().strip() for key in made]
        serve = [options.gateway, "serve", "--bind", "127.0.0.1:0", "--data", data]
        self.process, self.address = spawn(serve, env)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        end(self.process)
        self.folder.cleanup()


class Connection:
    """One connection that is kept open."""

    def __init__(self, address):
        self.address = address
        self.reader = self.writer = None

    async def post(self, key, body):
        if self.writer is None:
            host, _, port = self.address.rpartition(":")
            self.reader, self.writer = await asyncio.open_connection(host, int(port))
        head = (
            f"POST /v1/chat/completions HTTP/1.1\r\nhost: {self.address}\r\nauthorization: Bearer {key}\r\n"
            f"content-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
        )
        self.writer.write(head.encode() + body)
        head = (await self.reader.readuntil(b"\r\n\r\n")).decode().lower()
        length = int(head.partition("content-length: ")[2].partition("\r\n")[0])
        body = await self.reader.readexactly(length)
        return int(head.split(" ", 2)[1]), json.loads(body)


async def load(place, requests, pause, names):
    """Sends all; gives for each name when it was let in, and the tokens that this took."""
    let_in = [[] for _ in names]
    left = iter(range(requests))
    begun = time.monotonic()
    others = {}

    async def client():
        connection = Connection(place.address)
        for number in left:
            if pause:
                await asyncio.sleep(max(0.0, begun + number * pause - time.monotonic()))
            name = number % len(names)
            key, model = names[name]
            question = {"role": "user", "content": f"Question number {number}?"}
            body = json.dumps({"model": model, "messages": [question], "max_tokens": MAX_TOKENS})
            status, said = await connection.post(key, body.encode())
            if status == 200:
                let_in[name].append((time.monotonic(), said["usage"]["total_tokens"]))
            elif status != 429:
                others[status] = others.get(status, 0) + 1
        connection.writer.close()

    await asyncio.gather(*(client() for _ in range(CONNECTIONS)))
    if others:
        sys.exit(f"limits: other answers than 200 and 429: {others}")
    return let_in, time.monotonic() - begun


def most(let_in, span, unit):
    """The most that was let in within any stretch of the span."""
    let_in = sorted(let_in)
    times = [when for when, _ in let_in]
    sums = [0]
    for _, tokens in let_in:
        sums.append(sums[-1] + (tokens if unit == "tokens" else 1))
    stretches = ((bisect.bisect_left(times, when + span), i) for i, when in enumerate(times))
    return max((sums[to] - sums[i] for to, i in stretches), default=0)


def row(options, upstream, per, kind, requests, pause=0.0):
    unit, _, span = kind.split("_")
    two = per in ("key", "team", "model")
    limit = max(1, requests // (8 if two else 4)) * (10 if unit == "tokens" else 1)
    with Place(options, upstream, f"per = '{per}', {kind} = {limit}") as place:
        first, second = place.keys
        names = {
            "key": [(first, "mock-plain"), (second, "mock-plain")],
            "team": [(first, "mock-plain"), (second, "mock-plain")],
            "model": [(first, "mock-plain"), (first, "mock-other")],
        }.get(per, [(first, "mock-plain")])
        let_in, seconds = asyncio.run(load(place, requests, pause, names))
    worst, counts = 0.0, []
    for name in let_in:
        within = most(name, SPAN[span], unit)
        counts.append(str(within))
        worst = max(worst, abs(within - limit) / limit)
        # What left the window is room again: as often as that may be, so often must it have been used.
        windows = 1 + int((seconds - limit * pause) / (SPAN[span] * (1 + 1 / 120)))
        offered = sum(t if unit == "tokens" else 1 for _, t in name)
        if pause and offered < limit * windows * (1 - TOLERATED):
            worst = max(worst, 1.0)
    good = worst <= TOLERATED
    sent = f"{requests} at {1 / pause:.0f}/s" if pause else str(requests)
    print(
        f"| {per} | {kind} | {sent} | {seconds:.1f} | {limit} | {', '.join(counts)} | {100 * worst:.2f} % |"
        f" {'ok' if good else 'FAILED'} |",
        flush=True,
    )
    return good


def main():
    options = arguments()
    if not options.upstream and not options.mock:
        sys.exit("limits: name --upstream or --mock")
    mock, upstream = None, options.upstream
    if upstream is None:
        mock, address = spawn([options.mock], dict(os.environ))
        upstream = f"http://{address}/v1"
    print("| per | limit | sent | seconds | N | let in, by name | off by | |\n|---|---|---|---|---|---|---|---|")
    good = True
    try:
        for kind in options.kinds.split(","):
            for per in ("key", "team", "model", "endpoint", "global"):
                good &= row(options, upstream, per, kind, options.requests)
        if options.slide:
            good &= row(options, upstream, "global", "requests_per_minute", int(options.slide * 50), 1 / 50)
    finally:
        if mock:
            end(mock)
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    main()
