"""The clients for Node: each test of `node/*.test.mjs` is one here."""

import pytest

import nodes

SCRIPTS = ["openai", "ai", "langchain"]


@pytest.fixture(scope="module")
def run(gateway, upstream):
    """Runs each script once, when the first of its tests is due."""
    ran = {}

    def of(script):
        if script not in ran:
            ran[script] = nodes.run(script, gateway, upstream)
        return ran[script]

    return of


@pytest.mark.parametrize(("script", "check"), [(script, check) for script in SCRIPTS for check in nodes.checks(script)])
def test_node(run, script, check):
    run(script).hold(check)


@pytest.mark.parametrize("script", SCRIPTS)
def test_no_test_of_a_script_goes_unread(run, script):
    assert set(run(script).outcomes) == set(nodes.checks(script))
