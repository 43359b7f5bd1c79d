"""Each fault as the SDK's own exception, with what an app needs to act on it."""

import openai
import pytest

USER = [{"role": "user", "content": "Hello?"}]


def complain(client, model="mock-plain", **fields):
    """The exception that a request ends in."""
    with pytest.raises(openai.APIStatusError) as raised:
        client.chat.completions.create(**{"model": model, "messages": USER} | fields)
    error = raised.value
    assert error.request_id == error.response.headers["x-request-id"]
    assert set(error.response.json()["error"]) == {"message", "type", "param", "code"}
    return error


def tries(error):
    """How often the SDK had tried when it gave up."""
    return 1 + int(error.response.request.headers["x-stainless-retry-count"])


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"temperature": 9}, "temperature"),
        ({"messages": []}, "messages"),
        ({"messages": [{"role": "wizard", "content": "x"}]}, "messages[0].role"),
        ({"extra_body": {"stream": "yes"}}, "stream"),
    ],
    ids=["range", "empty", "role", "type"],
)
def test_a_bad_request_is_refused_here_and_names_the_field(client, mock, fields, param):
    error = complain(client, **fields)
    assert isinstance(error, openai.BadRequestError)
    assert (error.type, error.param) == ("invalid_request_error", param)
    assert mock.calls == 0


def test_a_providers_400_comes_through_in_its_own_words(client, mock):
    error = complain(client, "mock-status-400")
    assert isinstance(error, openai.BadRequestError)
    assert (error.code, error.param) == ("mock_error", "messages")
    assert mock.calls == 1


def test_a_providers_404_is_not_found(client, mock):
    error = complain(client, "mock-status-404")
    assert isinstance(error, openai.NotFoundError)
    assert error.code == "model_not_found"
    assert mock.calls == 1


def test_an_unknown_address_is_not_found(client):
    with pytest.raises(openai.NotFoundError) as raised:
        client.post("/frobnicate", cast_to=object, body={})
    assert raised.value.code == "not_found"


def test_the_gateways_own_refusal_by_its_provider_is_no_401_for_the_client(client, mock):
    error = complain(client, "mock-status-401")
    assert (error.status_code, error.code) == (502, "upstream_auth")
    assert "sk-upstream" not in error.response.text
    assert tries(error) == 1 and mock.calls == 1


def test_a_body_over_the_limit_is_413(client, mock):
    huge = "x" * (33 << 20)
    error = complain(client, messages=[{"role": "user", "content": huge}])
    assert (error.status_code, error.code) == (413, "request_too_large")
    assert tries(error) == 1 and mock.calls == 0


def test_a_rate_limit_is_told_with_the_time_to_wait_and_the_sdk_does_not_multiply_our_tries(client, mock):
    error = complain(client, "mock-status-429")
    assert isinstance(error, openai.RateLimitError)
    assert error.code == "rate_limit_exceeded"
    headers = error.response.headers
    assert headers["retry-after"] == "1" and int(headers["retry-after-ms"]) <= 1000
    assert headers["x-should-retry"] == "false"
    assert tries(error) == 1
    # The gateway's own tries, before the first byte.
    assert 1 <= mock.calls <= 2


def test_a_rate_limit_is_told_at_once_to_a_client_that_does_not_retry(client, mock):
    error = complain(client.with_options(max_retries=0), "mock-status-429")
    assert isinstance(error, openai.RateLimitError) and tries(error) == 1


def test_a_provider_that_fails_once_is_asked_again_here_and_the_client_never_knows(client, mock):
    answer = client.with_options(max_retries=0).chat.completions.create(model="mock-flaky-1", messages=USER)
    assert answer.choices[0].message.content
    assert mock.calls == 2


def test_when_the_gateways_tries_are_spent_the_sdk_is_told_not_to_add_its_own(client, mock):
    error = complain(client, "mock-status-500")
    assert isinstance(error, openai.InternalServerError)
    assert (error.status_code, error.code, tries(error)) == (502, "upstream_error", 1)
    assert mock.calls == 2


@pytest.mark.parametrize("model", ["mock-status-429", "mock-status-400", "mock-roleonly-then-error"])
def test_a_fault_before_the_first_word_of_a_stream_is_a_plain_error(client, model):
    error = complain(client.with_options(max_retries=0), model, stream=True)
    assert error.response.headers["content-type"].startswith("application/json")


@pytest.mark.parametrize("model", ["mock-error-in-stream", "mock-cut", "mock-no-done"])
def test_a_stream_that_breaks_off_raises_and_is_not_remembered(client, mock, model):
    for _ in range(2):
        mock.reset()
        # Before the first word has left it may still be a plain error, after it one inside the stream.
        with pytest.raises(openai.APIError):
            list(client.with_options(max_retries=0).chat.completions.create(model=model, messages=USER, stream=True))
        assert mock.calls >= 1, "served from memory"


def test_no_error_is_ever_served_from_memory(client, mock):
    for _ in range(2):
        complain(client, "mock-status-400")
    assert mock.calls == 2
