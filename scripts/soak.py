"""Mixed load on one gateway for a while: does it end with the memory and descriptors it began with?

Sends exact and semantic hits, misses, streams, disconnects in mid-stream and bad requests to a
gateway that it starts itself in a temporary folder, on loopback. Reads resident memory and open
descriptors from /proc, prints a table of ten rows, and fails when memory grows by more than a
fifth, or descriptors at all, between the second and the last fifth of the time. Standard library only.
"""

import argparse
import collections
import http.client
import json
import os
import pathlib
import random
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time

CLIENTS = 4
# Descriptors by which two fifths may differ: connections whose closing is on its way. A leak of one in a thousand
# requests shows all the same, even in 20 s.
JITTER = CLIENTS
SUBJECTS = ["France", "Peru", "Japan", "Kenya", "Norway", "Chile", "India", "Cuba", "Egypt", "Italy"]
# Warmer than what may be answered by meaning: a new question is a call to the provider.
FRESH = {"temperature": 1.5}
# Small enough that a soak reaches the state in which as much goes as comes.
BOUNDS = {
    "REPRISE_CACHE__HOT_BYTES": "1048576",
    "REPRISE_CACHE__TTL_S": "60",
    "REPRISE_CACHE__DECIDE": "threshold",
    "REPRISE_CACHE__THRESHOLD": "0.85",
    "REPRISE_CACHE__DECISIONS": "200",
    "REPRISE_STORE__PAGE_CACHE_BYTES": "8388608",
    "REPRISE_EMBEDDING__DEADLINE_MS": "5000",
    "REPRISE_CACHE__LOOKUP_DEADLINE_MS": "5000",
    "REPRISE_SERVER__WORKERS": "2",
}


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=600)
    parser.add_argument("--gateway", required=True, help="the reprise binary")
    parser.add_argument("--upstream", help="base URL of a mock upstream that runs already")
    parser.add_argument("--mock", help="the mock upstream's binary, started if no --upstream is given")
    parser.add_argument("--growth", type=float, default=0.2, help="memory growth that is tolerated")
    return parser.parse_args()


def spawn(command, env):
    """Starts a process that says on stdout where it listens; gives it and its address."""
    process = subprocess.Popen(
        command, env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    line = process.stdout.readline().strip()
    if "listening on " not in line:
        sys.exit(f"soak: {command[0]} did not start")
    return process, line.rpartition(" ")[2].removeprefix("http://")


def end(process):
    process.send_signal(signal.SIGTERM)
    try:
        return process.wait(timeout=60)
    except subprocess.TimeoutExpired:
        process.kill()
        return process.wait()


class Client(threading.Thread):
    """One client on a connection of its own, which asks until told to stop."""

    def __init__(self, number, address, stop, counts):
        super().__init__(daemon=True)
        self.number, self.address, self.stop, self.counts = number, address, stop, counts
        self.random = random.Random(number)
        self.connection = http.client.HTTPConnection(address, timeout=60)
        self.asked = 0

    def run(self):
        kinds = [self.exact, self.reworded, self.new, self.stream, self.disconnect, self.bad]
        while not self.stop.is_set():
            try:
                self.random.choices(kinds, weights=[40, 15, 15, 15, 8, 7])[0]()
            except OSError as error:
                self.counts[f"broken: {type(error).__name__}"] += 1
                self.connection.close()

    def post(self, body):
        headers = {"content-type": "application/json"}
        self.connection.request("POST", "/v1/chat/completions", json.dumps(body), headers)
        response = self.connection.getresponse()
        text = response.read().decode()
        self.counts[response.headers.get("x-reprise-cache") or str(response.status)] += 1
        if response.status >= 500:
            self.counts["server errors"] += 1
        return text

    def ask(self, question, model="mock-plain", **more):
        return {"model": model, "messages": [{"role": "user", "content": question}], **more}

    def exact(self):
        subject = self.random.choice(SUBJECTS)
        text = self.post(self.ask(f"What is the capital of {subject}?"))
        if subject not in text:
            self.counts["wrong body"] += 1

    def reworded(self):
        subject = self.random.choice(SUBJECTS)
        # A space too many is another request and the same question.
        spaces = " " * self.random.randint(2, 400)
        self.post(self.ask(f"What's the capital of{spaces}{subject}?"))

    def new(self):
        self.asked += 1
        self.post(self.ask(f"What did client {self.number} ask at number {self.asked}?", **FRESH))

    def stream(self):
        self.asked += 1
        question = f"Stream {self.asked} of client {self.number}"
        text = self.post(self.ask(question, model="mock-chunks-20", stream=True, **FRESH))
        self.counts["stream"] += 1
        if not text.endswith("data: [DONE]\n\n"):
            self.counts["cut stream"] += 1

    def disconnect(self):
        self.asked += 1
        question = f"Leave at {self.asked} of client {self.number}"
        body = json.dumps(self.ask(question, model="mock-drip-20", stream=True, **FRESH)).encode()
        host, _, port = self.address.rpartition(":")
        with socket.create_connection((host, int(port)), timeout=60) as raw:
            head = f"POST /v1/chat/completions HTTP/1.1\r\nhost: {self.address}\r\ncontent-type: application/json\r\n"
            raw.sendall(head.encode() + f"content-length: {len(body)}\r\n\r\n".encode() + body)
            raw.recv(200)
        self.counts["disconnect"] += 1

    def bad(self):
        self.post(self.random.choice([{}, {"model": "mock-plain", "messages": []}, self.ask("?", temperature=9)]))
        self.counts["bad"] += 1


def kept_connections(port):
    """Connections to the mock: the gateway keeps as many as it ever needed at a time, which is no leak."""
    rows = (row.split() for row in pathlib.Path("/proc/net/tcp").read_text().splitlines()[1:])
    return sum(row[2].endswith(f":{port:04X}") and row[3] == "01" for row in rows)


def sample(pid, port):
    """Resident bytes and open descriptors."""
    pages = int(pathlib.Path(f"/proc/{pid}/statm").read_text().split()[1])
    descriptors = len(os.listdir(f"/proc/{pid}/fd"))
    return pages * os.sysconf("SC_PAGE_SIZE"), descriptors - (kept_connections(port) if port else 0)


def soak(pid, address, port, seconds):
    """Runs the load; gives the samples and the counts."""
    stop, counts, samples = threading.Event(), collections.Counter(), []
    clients = [Client(number, address, stop, counts) for number in range(CLIENTS)]
    for client in clients:
        client.start()
    begun = time.monotonic()
    pause = max(seconds / 200, 0.05)
    while (now := time.monotonic() - begun) < seconds:
        samples.append((now, *sample(pid, port)))
        time.sleep(pause)
    stop.set()
    for client in clients:
        client.join(60)
    return samples, counts


def fifth(samples, number, seconds, column):
    low, high = (number - 1) * seconds / 5, number * seconds / 5
    return [row[column] for row in samples if low <= row[0] < high]


def report(samples, counts, seconds, growth):
    print(f"{'time':>7} {'memory':>10} {'descriptors':>12}")
    for row in samples[:: max(len(samples) // 10, 1)]:
        print(f"{row[0]:6.0f}s {row[1] / 2**20:7.1f} MiB {row[2]:12d}")
    for kind, count in sorted(counts.items()):
        print(f"{count:8d} {kind}")
    early, late = (statistics.median(fifth(samples, n, seconds, 1)) for n in (2, 5))
    # A stream more or less is open at any moment: the fewest that were is what is kept, give or take a few.
    held, kept = (min(fifth(samples, n, seconds, 2)) for n in (2, 5))
    print(f"memory {early / 2**20:.1f} -> {late / 2**20:.1f} MiB, descriptors {held} -> {kept}")
    faults = [k for k in ("server errors", "wrong body", "cut stream") if counts[k]]
    faults += [k for k in counts if k.startswith("broken")]
    if late > early * (1 + growth):
        faults.append(f"memory grew by {late / early - 1:.0%}")
    if kept > held + JITTER:
        faults.append(f"descriptors grew from {held} to {kept}")
    return faults


def main():
    args = arguments()
    if not args.upstream and not args.mock:
        sys.exit("soak: name --upstream or --mock")
    started = []
    with tempfile.TemporaryDirectory() as folder:
        try:
            upstream, port = args.upstream, None
            if not upstream:
                mock, address = spawn([args.mock], {})
                started.append(mock)
                upstream, port = f"http://{address}/v1", int(address.rpartition(":")[2])
            env = {"OPENAI_API_KEY": "soak", "OPENAI_BASE_URL": upstream, **BOUNDS}
            command = [args.gateway, "serve", "--data", f"{folder}/data", "--bind", "127.0.0.1:0"]
            gateway, address = spawn(command, env)
            started.append(gateway)
            samples, counts = soak(gateway.pid, address, port, args.seconds)
            faults = report(samples, counts, args.seconds, args.growth)
        finally:
            codes = [end(process) for process in reversed(started)]
    if codes[0] != 0:
        faults.append(f"the gateway ended with {codes[0]}")
    for fault in faults:
        print(f"soak: {fault}", file=sys.stderr)
    sys.exit(1 if faults else 0)


if __name__ == "__main__":
    main()
