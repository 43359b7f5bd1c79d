"""Clients that do not wait: what nobody wants any more is not paid for to its end."""

import threading

import openai
import pytest

USER = [{"role": "user", "content": "Tell me a long story"}]


def test_closing_a_stream_midway_ends_the_upstream_call_within_a_second(client, mock):
    stream = client.chat.completions.create(model="mock-drip-300", messages=USER, stream=True)
    next(iter(stream))
    stream.close()
    assert mock.cancelled_within(1.0)


def test_a_client_that_closes_its_connection_while_waiting_ends_the_upstream_call_too(client, mock):
    with pytest.raises(openai.APITimeoutError):
        client.with_options(timeout=0.3, max_retries=0).chat.completions.create(model="mock-hang", messages=USER)
    assert mock.cancelled_within(1.0)


def test_a_streaming_client_that_leaves_before_the_first_word_does_so_too(client, mock):
    with pytest.raises(openai.APITimeoutError):
        client.with_options(timeout=0.3, max_retries=0).chat.completions.create(
            model="mock-hang", messages=USER, stream=True
        )
    assert mock.cancelled_within(1.0)


def test_an_abandoned_answer_is_not_remembered(client, mock):
    stream = client.chat.completions.create(model="mock-drip-100", messages=USER, stream=True)
    next(iter(stream))
    stream.close()
    assert mock.cancelled_within(1.0)
    raw = client.chat.completions.with_raw_response.create(model="mock-drip-100", messages=USER)
    assert raw.headers["x-reprise-cache"] == "miss"


def test_a_timeout_that_is_long_enough_changes_nothing(client):
    answer = client.with_options(timeout=10).chat.completions.create(model="mock-slow-300", messages=USER)
    assert answer.choices[0].finish_reason == "stop"


def test_who_asks_the_same_meanwhile_shares_the_call_and_outlives_its_first_asker(client, mock):
    ask = {"model": "mock-slow-2000", "messages": USER}
    leader_left = []

    def lead():
        try:
            client.with_options(timeout=1.2, max_retries=0).chat.completions.create(**ask)
        except openai.APITimeoutError:
            leader_left.append(True)

    leader = threading.Thread(target=lead)
    leader.start()
    assert mock.called_within(1.0)
    raw = client.with_options(max_retries=0).chat.completions.with_raw_response.create(**ask)
    leader.join()
    assert leader_left
    assert (raw.headers["x-reprise-cache"], raw.headers["x-reprise-reason"]) == ("hit-exact", "collapsed")
    assert raw.parse().choices[0].message.content
    assert mock.seen()["cancelled"] == 0 and mock.calls == 1
