"""OpenAI's older completions by the official client: asked as such, as a chat, and from memory."""

import openai
import pytest

QUESTION = "What is the capital of France?"
ANSWER = f"Mock answer to: {QUESTION} 🍎"


def raw(client, **fields):
    return client.completions.with_raw_response.create(**{"model": "mock-plain", "prompt": QUESTION} | fields)


@pytest.mark.parametrize("model", ["mock-plain", "mock-chat"])
def test_a_completion_is_answered_streamed_and_remembered(client, mock, model):
    ask = {"model": model, "prompt": QUESTION, "max_tokens": 50}
    answer = client.completions.create(**ask)
    assert (answer.choices[0].text, answer.object) == (ANSWER, "text_completion")
    assert answer.choices[0].finish_reason == "stop" and answer.usage.total_tokens > 0
    calls = mock.calls
    pieces = list(client.completions.create(**ask, stream=True, stream_options={"include_usage": True}))
    assert "".join(piece.choices[0].text for piece in pieces if piece.choices) == ANSWER
    assert pieces[-1].usage == answer.usage
    assert mock.calls == calls


@pytest.mark.parametrize("prompt", [["one", "two"], [[1, 2], [3]]])
def test_each_prompt_of_a_list_has_its_answers_in_order(client, mock, prompt):
    for outcome in ["miss", "hit-exact"]:
        response = raw(client, prompt=prompt, n=2)
        assert response.headers["x-reprise-cache"] == outcome
        choices = response.parse().choices
        assert [choice.index for choice in choices] == [0, 1, 2, 3]
        said = [str(p).replace(" ", "") if isinstance(p, list) else p for p in prompt for _ in range(2)]
        assert [choice.text for choice in choices] == [f"Mock answer to: {p} 🍎" for p in said]
    streamed = [""] * 4
    for piece in client.completions.create(model="mock-plain", prompt=prompt, n=2, stream=True):
        for choice in piece.choices:
            streamed[choice.index] += choice.text
    assert streamed == [choice.text for choice in choices]
    assert mock.calls == 1


@pytest.mark.parametrize("first", ["whole", "stream"])
def test_echo_and_what_is_thought_of_each_token_come_back_and_are_remembered(client, mock, first):
    def whole():
        (choice,) = raw(client, echo=True, logprobs=2).parse().choices
        thought = choice.logprobs
        return choice.text, thought.tokens, thought.token_logprobs, thought.top_logprobs, thought.text_offset

    def stream():
        text, thought = "", ([], [], [], [])
        for piece in client.completions.create(model="mock-plain", prompt=QUESTION, echo=True, logprobs=2, stream=True):
            text += piece.choices[0].text
            if said := piece.choices[0].logprobs:
                for list_, more in zip(thought, [said.tokens, said.token_logprobs, said.top_logprobs, said.text_offset]):
                    list_ += more
        return text, *thought

    ways = [whole, stream] if first == "whole" else [stream, whole]
    told = [way() for way in ways * 2]
    text, tokens, *_ = told[0]
    assert text == QUESTION + ANSWER and "".join(tokens) == text
    assert all(each == told[0] for each in told)
    assert mock.calls == 1


def test_a_chat_of_the_same_text_is_another_question(client, ask, mock):
    raw(client, max_tokens=50)
    _, headers = ask(QUESTION, max_tokens=50)
    assert headers["x-reprise-cache"] == "miss" and mock.calls == 2


@pytest.mark.parametrize("fields", [{"echo": True}, {"suffix": "x"}, {"logprobs": 1}, {"best_of": 2}, {"prompt": ["a", "b"]}, {"prompt": [1]}])
def test_what_a_chat_model_cannot_be_asked_is_named(client, fields):
    for _ in range(2):
        with pytest.raises(openai.BadRequestError) as refused:
            raw(client, model="mock-chat", **fields)
        assert refused.value.param == next(iter(fields))


def test_the_providers_own_refusal_comes_through(client):
    with pytest.raises(openai.BadRequestError) as refused:
        raw(client, logprobs=9)
    assert refused.value.param == "logprobs"
