"""One upstream and one open gateway for the run; each test gets a namespace of its own, so none hits another's answers."""

import itertools

import openai
import pytest

from processes import Gateway, Mock

_names = itertools.count()


@pytest.fixture(scope="session")
def upstream(tmp_path_factory):
    mock = Mock(tmp_path_factory.mktemp("mock"))
    yield mock
    mock.stop()


@pytest.fixture(scope="session")
def gateway(tmp_path_factory, upstream):
    """A gateway without keys, as a developer starts it."""
    running = Gateway(tmp_path_factory.mktemp("gateway"), upstream.base_url)
    yield running
    assert running.stop() == 0, "the gateway did not end cleanly"


@pytest.fixture
def mock(upstream):
    upstream.reset()
    return upstream


@pytest.fixture
def namespace():
    return f"test-{next(_names)}"


@pytest.fixture
def client(gateway, mock, namespace):
    """The official client as an app would make it, but for the namespace."""
    with openai.OpenAI(
        base_url=gateway.base_url,
        api_key="unused-in-open-mode",
        default_headers={"x-reprise-namespace": namespace},
    ) as made:
        yield made


@pytest.fixture
def ask(client):
    """Sends one question; gives the parsed answer and the headers it came with."""

    def send(question, model="mock-plain", headers=None, **fields):
        raw = client.chat.completions.with_raw_response.create(
            model=model,
            messages=[{"role": "user", "content": question}],
            extra_headers=headers or {},
            **fields,
        )
        return raw.parse(), raw.headers

    return send
