"""What an app asks for and gets: plain, streamed, tools, formats, models."""

import asyncio
import json

import openai
import pytest

from processes import UPSTREAM_KEY

QUESTION = "What is the capital of France?"
USER = [{"role": "user", "content": QUESTION}]
ANSWER = f"Mock answer to: {QUESTION} 🍎"
TOOLS = [
    {
        "type": "function",
        "function": {
            "name": "look_up",
            "description": "Looks something up",
            "parameters": {"type": "object", "properties": {"q": {"type": "string"}}, "required": ["q"]},
        },
    }
]


def text_of(chunks):
    return "".join(c.choices[0].delta.content or "" for c in chunks if c.choices)


def test_a_plain_question_is_answered_in_the_sdks_own_types(client):
    answer = client.chat.completions.create(model="mock-plain", messages=USER)
    assert answer.choices[0].message.content == ANSWER
    assert answer.choices[0].finish_reason == "stop"
    assert answer.object == "chat.completion"
    assert answer.model == "mock-plain"
    usage = answer.usage
    assert usage.total_tokens == usage.prompt_tokens + usage.completion_tokens > 0
    assert answer._request_id.startswith("req")


def test_the_upstream_gets_its_own_key_and_not_the_clients(client, mock):
    client.chat.completions.create(model="mock-plain", messages=USER, extra_headers={"cookie": "a=b"})
    headers = mock.last["headers"]
    assert headers["authorization"] == f"Bearer {UPSTREAM_KEY}"
    assert "cookie" not in headers
    assert "unused-in-open-mode" not in str(headers)


def test_unknown_fields_reach_the_upstream_untouched(client, mock):
    extra = {"frobnicate": {"deep": [1, 2.5, None]}}
    client.chat.completions.create(model="mock-plain", messages=USER, extra_body=extra)
    assert mock.last["body"]["frobnicate"] == extra["frobnicate"]


@pytest.mark.parametrize("slash", ["", "/"])
def test_a_base_url_works_with_and_without_a_slash_at_its_end(gateway, mock, namespace, slash):
    with openai.OpenAI(base_url=gateway.base_url + slash, api_key="x") as client:
        headers = {"x-reprise-namespace": namespace}
        answer = client.chat.completions.create(model="mock-plain", messages=USER, extra_headers=headers)
        assert answer.choices[0].message.content == ANSWER


def test_a_stream_brings_the_answer_in_pieces_with_one_id_and_one_end(client):
    chunks = list(client.chat.completions.create(model="mock-plain", messages=USER, stream=True))
    assert text_of(chunks) == ANSWER
    assert chunks[0].choices[0].delta.role == "assistant"
    assert len({c.id for c in chunks}) == 1
    assert [c.choices[0].finish_reason for c in chunks if c.choices[0].finish_reason] == ["stop"]
    assert len(chunks) > 3


def test_a_stream_has_no_usage_unless_it_is_asked_for(client, mock):
    plain = list(client.chat.completions.create(model="mock-plain", messages=USER, stream=True))
    assert all(c.choices and c.usage is None for c in plain)
    assert mock.last["body"]["stream_options"] == {"include_usage": True}


@pytest.mark.parametrize("origin", ["fresh", "remembered"])
def test_usage_comes_as_a_last_chunk_without_choices_when_it_is_asked_for(client, origin):
    ask = {"model": "mock-plain", "messages": USER}
    if origin == "remembered":
        client.chat.completions.create(**ask)
    chunks = list(client.chat.completions.create(**ask, stream=True, stream_options={"include_usage": True}))
    *others, last = chunks
    assert last.choices == [] and last.usage.total_tokens > 0
    assert all(c.usage is None for c in others)


def test_the_async_client_streams_and_many_at_once_do_not_mix(gateway, mock, namespace):
    async def one(client, number):
        question = f"Question number {number}"
        stream = await client.chat.completions.create(
            model="mock-plain", messages=[{"role": "user", "content": question}], stream=True
        )
        text = "".join([c.choices[0].delta.content or "" async for c in stream])
        assert text == f"Mock answer to: {question} 🍎"

    async def all_of_them():
        headers = {"x-reprise-namespace": namespace, "x-reprise-cache": "exact"}
        async with openai.AsyncOpenAI(base_url=gateway.base_url, api_key="x", default_headers=headers) as client:
            await asyncio.gather(*(one(client, number) for number in range(20)))

    asyncio.run(all_of_them())


def test_characters_split_across_packets_arrive_whole(client):
    chunks = client.chat.completions.create(model="mock-utf8split", messages=USER, stream=True)
    assert text_of(chunks) == ANSWER


def test_tools_are_passed_on_as_they_were_defined_and_a_call_comes_back(client, mock):
    answer = client.chat.completions.create(
        model="mock-tools", messages=USER, tools=TOOLS, tool_choice="auto", parallel_tool_calls=False
    )
    body = mock.last["body"]
    assert (body["tools"], body["tool_choice"], body["parallel_tool_calls"]) == (TOOLS, "auto", False)
    choice = answer.choices[0]
    assert choice.finish_reason == "tool_calls" and choice.message.content is None
    (call,) = choice.message.tool_calls
    assert (call.id, call.function.name) == ("call_1", "look_up")
    assert json.loads(call.function.arguments) == {"q": "x"}


def test_the_sdk_assembles_a_streamed_tool_call_from_its_fragments(client):
    with client.chat.completions.stream(model="mock-tools", messages=USER, tools=TOOLS) as stream:
        events = [event.type for event in stream]
        final = stream.get_final_completion()
    assert events.count("tool_calls.function.arguments.delta") >= 2
    (call,) = final.choices[0].message.tool_calls
    assert json.loads(call.function.arguments) == {"q": "x"}
    assert final.choices[0].finish_reason == "tool_calls"


def test_a_tools_result_goes_up_with_the_turns_before_it(client, mock):
    call = {"id": "call_1", "type": "function", "function": {"name": "look_up", "arguments": '{"q":"x"}'}}
    turns = [
        *USER,
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "call_1", "content": "Paris"},
    ]
    client.chat.completions.create(model="mock-plain", messages=turns, tools=TOOLS)
    assert mock.last["body"]["messages"] == turns


def test_a_response_format_is_passed_on_and_keeps_answers_apart(client, mock):
    schema = {"name": "city", "strict": True, "schema": {"type": "object", "properties": {"city": {"type": "string"}}}}
    wanted = {"type": "json_schema", "json_schema": schema}
    ask = {"model": "mock-plain", "messages": USER}
    client.chat.completions.create(**ask, response_format=wanted)
    assert mock.last["body"]["response_format"] == wanted
    client.chat.completions.create(**ask)
    client.chat.completions.create(**ask, response_format={"type": "json_object"})
    assert mock.calls == 3


def test_models_are_listed_and_found_by_name(client):
    assert {"mock-plain", "gpt-4o-mini"} <= {m.id for m in client.models.list()}
    assert client.models.retrieve("gpt-4o-mini").owned_by == "mock"
    with pytest.raises(openai.NotFoundError) as raised:
        client.models.retrieve("no-such-model")
    assert (raised.value.code, raised.value.param) == ("model_not_found", "model")
