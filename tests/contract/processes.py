"""The processes of a test run: the gateway as people start it, and the upstream it talks to."""

import json
import os
import subprocess
import time
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TARGET = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / os.environ.get("REPRISE_PROFILE", "debug")
BINARY = TARGET / "reprise"
MOCK = TARGET / "examples" / "mock_upstream"

# The provider's key: it must reach the upstream and nobody else.
UPSTREAM_KEY = "sk-upstream-secret-0123456789"


def environment():
    """Ours without anything that would configure a gateway, so that a developer's shell changes no result."""
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("REPRISE_", "OPENAI_"))}
    clean["NO_PROXY"] = "127.0.0.1"
    # By chance nothing happens in a test.
    clean["REPRISE_JUDGE__HITS"] = clean["REPRISE_JUDGE__NEAR_MISSES"] = "0"
    return clean


class Process:
    """A child that says on stdout where it listens; ended by its own id."""

    def __init__(self, command, log, env):
        self.log = log
        self.child = subprocess.Popen(
            [str(part) for part in command],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=open(log, "wb"),
            env=env,
            text=True,
        )
        line = self.child.stdout.readline()
        if not line.startswith("listening on "):
            self.stop()
            raise RuntimeError(f"{command[0]} did not start: {line!r} {Path(log).read_text()}")
        self.address = line.removeprefix("listening on ").removeprefix("http://").strip()

    def stop(self):
        """Asks it to end; returns its exit status, or kills it and fails if it does not end."""
        self.child.stdin.close()
        self.child.terminate()
        try:
            return self.child.wait(timeout=20)
        except subprocess.TimeoutExpired:
            self.child.kill()
            self.child.wait()
            raise


class Mock(Process):
    """The upstream: what it answers is chosen by the model name, see tests/mock."""

    def __init__(self, folder):
        super().__init__([MOCK], folder / "mock.log", environment())
        self.base_url = f"http://{self.address}/v1"

    def seen(self):
        with urllib.request.urlopen(f"http://{self.address}/mock/requests") as response:
            return json.load(response)

    def reset(self):
        urllib.request.urlopen(urllib.request.Request(f"http://{self.address}/mock/reset", method="POST")).close()

    @property
    def calls(self):
        return self.seen()["count"]

    @property
    def last(self):
        """The newest chat request as it came in: its `body` and `headers`."""
        return self.seen()["requests"][-1]

    def cancelled_within(self, seconds):
        """Whether an upstream call was given up in this time."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if self.seen()["cancelled"] > 0:
                return True
            time.sleep(0.02)
        return False

    def called_within(self, seconds):
        """Whether a call has arrived in this time."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if self.calls > 0:
                return True
            time.sleep(0.02)
        return False


class Gateway(Process):
    """`reprise serve` on a free port, in a data folder of its own."""

    def __init__(self, folder, upstream, settings=None):
        self.data = folder / "data"
        self.env = environment() | (settings or {})
        self.env |= {"OPENAI_API_KEY": UPSTREAM_KEY, "OPENAI_BASE_URL": upstream}
        command = [BINARY, "serve", "--bind", "127.0.0.1:0", "--data", self.data]
        super().__init__(command, folder / "gateway.log", self.env)
        self.root = f"http://{self.address}"
        self.base_url = f"{self.root}/v1"

    def command(self, *words):
        """Runs `reprise WORDS` on this gateway's data folder and gives its stdout."""
        done = subprocess.run(
            [BINARY, *words, "--data", self.data], env=self.env, text=True, capture_output=True, timeout=30
        )
        assert done.returncode == 0, done.stderr
        return done.stdout
