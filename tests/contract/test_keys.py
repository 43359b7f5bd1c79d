"""Who may ask: keys made at the command line while the gateway runs, shown in either header."""

import json
import re

import openai
import pytest

from processes import Gateway

USER = [{"role": "user", "content": "Who may ask?"}]


@pytest.fixture(scope="module")
def keyed(tmp_path_factory, upstream):
    """A gateway that has a key from its first minute on."""
    running = Gateway(tmp_path_factory.mktemp("keyed"), upstream.base_url)
    running.command("keys", "create", "--tenant", "first", "--role", "app")
    yield running
    assert running.stop() == 0, "the gateway did not end cleanly"


@pytest.fixture
def make_key(keyed):
    def make(tenant, role="app"):
        return keyed.command("keys", "create", "--tenant", tenant, "--role", role).removesuffix("\n")

    return make


def sdk(gateway, key, **options):
    return openai.OpenAI(base_url=gateway.base_url, api_key=key, **options)


def ask(client, **options):
    return client.chat.completions.with_raw_response.create(model="mock-plain", messages=USER, **options)


def test_a_new_keys_stdout_is_the_key_and_nothing_else(keyed):
    printed = keyed.command("keys", "create", "--tenant", "acme", "--role", "app")
    assert re.fullmatch(r"[A-Za-z0-9_-]{32,}\n", printed)


def test_a_key_works_as_bearer_at_once(keyed, make_key, mock):
    with sdk(keyed, make_key("acme")) as client:
        assert ask(client).parse().choices[0].message.content


def test_a_key_works_as_x_api_key_too(keyed, make_key, mock):
    key = make_key("acme")
    with sdk(keyed, "unused") as client:
        response = ask(client, extra_headers={"Authorization": openai.Omit(), "x-api-key": key})
    assert "authorization" not in response.http_request.headers
    assert response.parse().choices[0].message.content


def test_without_a_valid_key_it_is_401_and_not_retried(keyed, mock):
    with sdk(keyed, "not-a-key-of-this-gateway-0123456789") as client:
        for call in [lambda: ask(client), client.models.list]:
            with pytest.raises(openai.AuthenticationError) as raised:
                call()
            assert raised.value.code == "invalid_api_key"
    assert mock.calls == 0


def test_a_revoked_key_is_refused_from_the_next_request_on(keyed, make_key, mock):
    key = make_key("short-lived")
    with sdk(keyed, key) as client:
        ask(client)
        listed = [json.loads(line) for line in keyed.command("keys", "list").splitlines()]
        (known,) = [k for k in listed if k["tenant"] == "short-lived"]
        assert key not in json.dumps(listed)
        keyed.command("keys", "revoke", known["id"])
        with pytest.raises(openai.AuthenticationError):
            ask(client)


def test_two_tenants_never_share_an_answer(keyed, make_key, mock):
    outcomes = []
    for tenant in ["red", "blue", "red"]:
        with sdk(keyed, make_key(tenant)) as client:
            outcomes.append(ask(client).headers["x-reprise-cache"])
    assert outcomes == ["miss", "miss", "hit-exact"]
    assert mock.calls == 2


def test_another_tenants_namespace_is_forbidden(keyed, make_key, mock):
    make_key("owner")
    with sdk(keyed, make_key("stranger")) as client, pytest.raises(openai.PermissionDeniedError) as raised:
        ask(client, extra_headers={"x-reprise-namespace": "owner"})
    assert raised.value.code == "namespace_forbidden"
    assert mock.calls == 0


def test_an_app_key_may_not_use_the_admin_api(keyed, make_key):
    with sdk(keyed, make_key("acme")) as client, pytest.raises(openai.PermissionDeniedError):
        client.get(f"{keyed.root}/admin/v1/stats", cast_to=object)
