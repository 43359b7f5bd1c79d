"""Runs tests of Node clients and tells how each of them went."""

import json
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

import processes

FOLDER = Path(__file__).parent / "node"


def node():
    """The Node that `scripts/test.sh` has found or installed."""
    found = shutil.which("node")
    if not found:
        raise RuntimeError("no node on the PATH; scripts/test.sh installs one where it is missing")
    return found


def checks(script):
    """The names of a script's tests, as they stand at the beginnings of its lines."""
    return re.findall(r'^test\("([^"]+)"', (FOLDER / f"{script}.test.mjs").read_text(), re.MULTILINE)


@dataclass
class Run:
    """What came of a script's tests, by their names, and what it said beside."""

    script: str
    outcomes: dict
    log: str

    def hold(self, check):
        """Fails as this test of the script has failed."""
        outcome = self.outcomes.get(check) or {"passed": False, "error": "it did not run"}
        if not outcome["passed"]:
            told = f"{self.script}.test.mjs: {check}\n{outcome['error']}\n{self.log}"
            pytest.fail(told, pytrace=False)


def run(script, gateway, mock):
    """Runs a script against a gateway."""
    told = {"REPRISE_URL": gateway.root, "MOCK_URL": f"http://{mock.address}", "NAMESPACE": f"node-{script}"}
    # Nothing that would configure a client.
    configure = ("ANTHROPIC_", "LANGCHAIN_", "LANGSMITH_")
    clean = {k: v for k, v in processes.environment().items() if not k.startswith(configure)}
    reporter = ["--test-reporter=./reporter.mjs", "--test-reporter-destination=stdout"]
    done = subprocess.run(
        [node(), *reporter, f"{script}.test.mjs"],
        cwd=FOLDER,
        env=clean | told,
        capture_output=True,
        text=True,
        timeout=120,
    )
    lines = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    return Run(script, {line["name"]: line for line in lines}, done.stderr)
