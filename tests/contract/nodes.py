"""Runs tests of Node clients and tells how each of them went."""

import json
import re
import shutil
import subprocess
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


def run(script, gateway, mock):
    """Runs a script against a gateway: what it says of each test, by its name."""
    told = {"REPRISE_URL": gateway.root, "MOCK_URL": f"http://{mock.address}", "NAMESPACE": f"node-{script}"}
    # Nothing that would configure a client.
    configure = ("ANTHROPIC_", "LANGCHAIN_", "LANGSMITH_")
    clean = {k: v for k, v in processes.environment().items() if not k.startswith(configure)}
    reporter = ["--test-reporter=./reporter.mjs", "--test-reporter-destination=stdout"]
    done = subprocess.run(
        [node(), "--test", *reporter, f"{script}.test.mjs"],
        cwd=FOLDER,
        env=clean | told,
        capture_output=True,
        text=True,
        timeout=120,
    )
    outcomes = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    for outcome in outcomes:
        outcome["log"] = done.stderr
    return {outcome["name"]: outcome for outcome in outcomes}


def hold(outcomes, script, check):
    """Fails as the test of the script has failed."""
    # A script that cannot even be loaded says so under its own name.
    instead = {"passed": False, "error": f"it did not run; instead: {list(outcomes.values())}"}
    outcome = outcomes.get(check) or instead
    if not outcome["passed"]:
        pytest.fail(f"{script}.test.mjs: {check}\n{outcome['error']}\n{outcome.get('log', '')}", pytrace=False)
