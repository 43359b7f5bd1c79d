"""Hits as an app sees them, and how a request steers them."""

import openai
import pytest

QUESTION = "How do I reset my password?"
REWORDED = "How can I reset my password?"
OTHER = "Which planet has the most moons?"
ANSWER = f"Mock answer to: {QUESTION} 🍎"


def kind(headers):
    return headers["x-reprise-cache"]


def test_the_first_answer_is_a_miss_and_says_who_gave_it(ask):
    _, headers = ask(QUESTION)
    assert kind(headers) == "miss"
    assert headers["cache-status"].startswith("reprise; fwd=miss")
    assert headers["x-reprise-model"] == "mock-plain"
    assert headers["x-request-id"] == headers["x-reprise-request-id"]
    assert "age" not in headers


def test_the_same_request_is_an_exact_hit_that_looks_like_a_fresh_answer(ask, mock):
    first, before = ask(QUESTION)
    again, headers = ask(QUESTION)
    assert mock.calls == 1
    assert kind(headers) == "hit-exact"
    assert headers["cache-status"].startswith("reprise; hit")
    assert int(headers["age"]) >= 0 and headers["x-reprise-entry"]
    assert headers["x-request-id"] != before["x-request-id"]
    assert again.id != first.id
    assert again.choices[0].message.content == first.choices[0].message.content
    assert again.usage.total_tokens == first.usage.total_tokens


def test_the_same_question_in_other_words_is_a_semantic_hit(ask, mock):
    ask(QUESTION)
    answer, headers = ask(REWORDED)
    assert (kind(headers), headers["x-reprise-reason"]) == ("hit-semantic", "similar")
    assert 0.92 <= float(headers["x-reprise-similarity"]) < 1
    assert answer.choices[0].message.content == ANSWER
    assert mock.calls == 1


def test_another_question_is_a_miss_that_tells_how_near_the_best_was(ask, mock):
    ask(QUESTION)
    _, headers = ask(OTHER)
    assert (kind(headers), headers["x-reprise-reason"]) == ("miss", "below_probability")
    assert float(headers["x-reprise-similarity"]) < 0.92
    assert mock.calls == 2


@pytest.mark.parametrize("asked", [QUESTION, REWORDED])
@pytest.mark.parametrize("first_streams", [False, True])
def test_an_answer_is_replayed_in_either_framing_whatever_it_came_in(client, ask, mock, first_streams, asked):
    ask_for = {"model": "mock-plain", "messages": [{"role": "user", "content": QUESTION}]}
    if first_streams:
        assert len(list(client.chat.completions.create(**ask_for, stream=True))) > 3
    else:
        client.chat.completions.create(**ask_for)
    plain, headers = ask(asked)
    assert kind(headers).startswith("hit-") and plain.choices[0].message.content == ANSWER
    raw = client.chat.completions.with_raw_response.create(
        model="mock-plain", messages=[{"role": "user", "content": asked}], stream=True
    )
    assert kind(raw.headers).startswith("hit-")
    assert raw.headers["content-type"].startswith("text/event-stream")
    chunks = list(raw.parse())
    assert "".join(c.choices[0].delta.content or "" for c in chunks) == ANSWER
    assert chunks[-1].choices[0].finish_reason == "stop"
    assert mock.calls == 1


@pytest.mark.parametrize(
    "change",
    [
        {"temperature": 0.5},
        {"max_tokens": 7},
        {"tools": [{"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}]},
        {"stop": ["\n"]},
        {"model": "mock-other"},
    ],
    ids=lambda change: next(iter(change)),
)
def test_whatever_could_change_the_answer_keeps_two_requests_apart(ask, mock, change):
    ask(QUESTION)
    _, headers = ask(REWORDED, **change)
    assert kind(headers) == "miss"
    assert mock.calls == 2


def test_another_system_prompt_never_hits(client, mock):
    for role in ["You are terse.", "You are verbose."]:
        messages = [{"role": "system", "content": role}, {"role": "user", "content": QUESTION}]
        client.chat.completions.create(model="mock-plain", messages=messages)
    assert mock.calls == 2


@pytest.mark.parametrize(
    ("header", "again", "calls"),
    [
        ({"cache-control": "no-store"}, "bypass", 2),
        ({"x-reprise-cache": "off"}, "bypass", 2),
        ({"cache-control": "no-cache"}, "refresh", 2),
        ({"x-reprise-cache": "refresh"}, "refresh", 2),
        ({"x-reprise-cache": "exact"}, "hit-exact", 1),
        ({"x-reprise-cache": "semantic"}, "hit-exact", 1),
        ({"x-reprise-cache": "only"}, "hit-exact", 1),
    ],
    ids=str,
)
def test_a_request_steers_the_cache_by_headers(ask, mock, header, again, calls):
    ask(QUESTION)
    _, headers = ask(QUESTION, headers=header)
    assert (kind(headers), mock.calls) == (again, calls)


def test_exact_refuses_other_words_and_a_tighter_threshold_does_too(ask):
    ask(QUESTION)
    for header in [{"x-reprise-cache": "exact"}, {"x-reprise-threshold": "0.9999"}]:
        _, headers = ask(REWORDED, headers=header | {"x-reprise-ttl": "0"})
        assert kind(headers) == "miss", header


def test_no_store_leaves_nothing_behind(ask):
    ask(QUESTION, headers={"cache-control": "no-store"})
    _, headers = ask(QUESTION)
    assert kind(headers) == "miss"


def test_only_on_a_miss_is_a_504_that_the_sdk_does_not_repeat(ask, mock):
    with pytest.raises(openai.InternalServerError) as raised:
        ask(QUESTION, headers={"x-reprise-cache": "only"})
    error = raised.value
    assert (error.status_code, error.code) == (504, "cache_miss")
    assert error.response.headers["x-should-retry"] == "false"
    # Each try of the SDK says which it is: a second one would have been 1.
    assert error.response.request.headers["x-stainless-retry-count"] == "0"
    assert mock.calls == 0


@pytest.mark.parametrize("model", ["mock-length", "mock-tools"])
def test_what_did_not_end_properly_is_not_remembered(ask, mock, model):
    ask(QUESTION, model=model)
    _, headers = ask(QUESTION, model=model)
    assert (kind(headers), mock.calls) == ("miss", 2)
