"""The official Anthropic client, and LangChain with it, against `/v1/messages`: in front of a provider that speaks the
dialect itself, and of one that speaks OpenAI's. What holds for both is asked of both."""

import asyncio
import base64
import json

import anthropic
import pytest
from langchain_anthropic import ChatAnthropic
from langchain_core.messages import HumanMessage
from langchain_core.tools import tool
from pydantic import BaseModel

import nodes
from processes import UPSTREAM_KEY, Gateway

QUESTION = "What is the capital of France?"
ANSWER = f"Mock answer to: {QUESTION} 🍎"
THOUGHT = "The question is easy, and so is the answer."
USER = [{"role": "user", "content": QUESTION}]
ASK = {"model": "mock-plain", "max_tokens": 2048, "messages": USER}
TOOL = {
    "name": "look_up",
    "description": "Looks something up",
    "input_schema": {"type": "object", "properties": {"q": {"type": "string"}}, "required": ["q"]},
}
PIXEL = base64.b64encode(b"\x89PNG\r\n\x1a\n" + bytes(40)).decode()
THINK = {"type": "enabled", "budget_tokens": 1024}

NATIVE = """
[[providers]]
name = "anthropic"
kind = "anthropic"
base_url = "http://{address}"
api_key_env = "ANTHROPIC_API_KEY"
models = ["*"]
"""


@pytest.fixture(scope="module")
def native(tmp_path_factory, upstream):
    """A gateway whose provider speaks Anthropic's dialect."""
    folder = tmp_path_factory.mktemp("native")
    file = folder / "reprise.toml"
    file.write_text(NATIVE.format(address=upstream.address))
    running = Gateway(folder, upstream.base_url, {"REPRISE_CONFIG": str(file), "ANTHROPIC_API_KEY": UPSTREAM_KEY})
    yield running
    assert running.stop() == 0, "the gateway did not end cleanly"


@pytest.fixture(params=["anthropic", "openai"])
def provider(request):
    """The dialect of the provider behind the gateway."""
    return request.param


@pytest.fixture
def behind(request, provider):
    return request.getfixturevalue("native" if provider == "anthropic" else "gateway")


def connect(running, namespace):
    return anthropic.Anthropic(
        base_url=running.root,
        api_key="unused-in-open-mode",
        max_retries=0,
        default_headers={"x-reprise-namespace": namespace},
    )


@pytest.fixture
def claude(behind, mock, namespace):
    """The official client as an app would make it, but for the namespace."""
    with connect(behind, namespace) as made:
        yield made


@pytest.fixture
def native_claude(native, mock, namespace):
    with connect(native, namespace) as made:
        yield made


def test_a_message_is_answered_in_the_sdks_own_types(claude):
    answer = claude.messages.create(**ASK)
    (block,) = answer.content
    assert (block.type, block.text) == ("text", ANSWER)
    assert (answer.type, answer.role, answer.model) == ("message", "assistant", "mock-plain")
    assert (answer.stop_reason, answer.stop_sequence) == ("end_turn", None)
    assert answer.id.startswith("msg_")
    assert answer.usage.input_tokens > 0 and answer.usage.output_tokens > 0
    assert answer._request_id.startswith("req")


def test_the_second_time_it_comes_from_memory_with_an_id_of_its_own(claude, mock):
    ids = set()
    for outcome in ["miss", "hit-exact"]:
        raw = claude.messages.with_raw_response.create(**ASK)
        assert raw.headers["x-reprise-cache"] == outcome
        assert raw.parse().content[0].text == ANSWER
        ids.add(raw.parse().id)
    assert len(ids) == 2 and mock.calls == 1


def test_it_is_asked_by_bearer_and_by_x_api_key_alike(behind, mock, namespace):
    bearer = {"Authorization": "Bearer a"}
    for header in [bearer, {"Authorization": anthropic.Omit(), "x-api-key": "a"}]:
        headers = {"x-reprise-namespace": namespace} | header
        with anthropic.Anthropic(base_url=behind.root, api_key="a", default_headers=headers) as client:
            assert client.messages.create(**ASK).content[0].text == ANSWER


def test_the_provider_gets_its_own_key_and_version(native_claude, mock):
    native_claude.messages.create(**ASK)
    headers = mock.last["headers"]
    assert UPSTREAM_KEY in (headers.get("x-api-key"), headers.get("authorization", "").removeprefix("Bearer "))
    assert headers["anthropic-version"] == native_claude.default_headers["anthropic-version"]
    assert "unused-in-open-mode" not in str(headers)
    assert mock.last["path"] == "/v1/messages"


@pytest.mark.parametrize("origin", ["fresh", "remembered"])
def test_a_streams_events_come_in_their_order_and_add_up(claude, origin):
    if origin == "remembered":
        claude.messages.create(**ASK)
    events = list(claude.messages.create(**ASK, stream=True))
    kinds = [event.type for event in events]
    assert kinds[:2] == ["message_start", "content_block_start"]
    assert kinds[-3:] == ["content_block_stop", "message_delta", "message_stop"]
    assert set(kinds[2:-3]) == {"content_block_delta"}
    start = events[0].message
    assert (start.content, start.stop_reason, start.role) == ([], None, "assistant")
    assert start.usage.input_tokens >= 0
    assert "".join(event.delta.text for event in events if event.type == "content_block_delta") == ANSWER
    assert events[-2].delta.stop_reason == "end_turn" and events[-2].usage.output_tokens > 0


def test_the_stream_helper_gives_the_same_message_as_a_plain_ask(claude):
    plain = claude.messages.create(**ASK)
    with claude.messages.stream(**ASK) as stream:
        assert "".join(stream.text_stream) == ANSWER
        final = stream.get_final_message()
    assert [block.to_dict() for block in final.content] == [block.to_dict() for block in plain.content]
    assert (final.stop_reason, final.usage.output_tokens) == (plain.stop_reason, plain.usage.output_tokens)


def test_the_async_client_streams_too(behind, mock, namespace):
    async def ask():
        headers = {"x-reprise-namespace": namespace}
        async with anthropic.AsyncAnthropic(base_url=behind.root, api_key="x", default_headers=headers) as client:
            async with client.messages.stream(**ASK) as stream:
                return "".join([text async for text in stream.text_stream])

    assert asyncio.run(ask()) == ANSWER


@pytest.mark.parametrize(
    ("model", "reason"), [("mock-length", "max_tokens"), ("mock-filtered", "refusal"), ("mock-tools", "tool_use")]
)
def test_the_reason_of_an_end_is_told(claude, model, reason):
    assert claude.messages.create(**ASK | {"model": model}).stop_reason == reason
    with claude.messages.stream(**ASK | {"model": model}) as stream:
        assert stream.get_final_message().stop_reason == reason


def test_the_stop_sequence_that_ended_an_answer_is_told(native_claude):
    answer = native_claude.messages.create(**ASK | {"model": "mock-stopped"}, stop_sequences=["END"])
    assert (answer.stop_reason, answer.stop_sequence) == ("stop_sequence", "END")


def test_a_system_prompt_and_sampling_go_up(claude, mock, provider):
    # The client no longer knows `temperature`, which models before those of 2026 take.
    claude.messages.create(**ASK, system="Be brief", extra_body={"temperature": 0.5}, stop_sequences=["END"])
    body = mock.last["body"]
    assert body["temperature"] == 0.5
    if provider == "anthropic":
        assert body["stop_sequences"] == ["END"] and "Be brief" in json.dumps(body["system"])
    else:
        assert body["messages"][0]["role"] in ("system", "developer")
        assert body["stop"] in ("END", ["END"])


def test_another_system_prompt_is_another_question(claude, mock):
    for system in ["Be brief", "Be verbose"]:
        claude.messages.create(**ASK, system=system)
    assert mock.calls == 2


def test_a_tool_is_called_and_its_result_answered(claude, mock, provider):
    called = claude.messages.create(**ASK | {"model": "mock-agent"}, tools=[TOOL], tool_choice={"type": "auto"})
    (use,) = [block for block in called.content if block.type == "tool_use"]
    assert (use.name, use.input) == ("look_up", {"q": "x"})
    turns = [
        *USER,
        {"role": "assistant", "content": called.content},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": use.id, "content": "Paris"}]},
    ]
    answer = claude.messages.create(**ASK | {"model": "mock-agent", "messages": turns}, tools=[TOOL])
    assert answer.content[0].text.startswith("Mock answer to:")
    last = mock.last["body"]["messages"][-1]
    if provider == "anthropic":
        assert last["content"][0]["tool_use_id"] == use.id
    else:
        assert last == {"role": "tool", "tool_call_id": use.id, "content": "Paris"}


def test_calls_are_streamed_in_fragments_side_by_side(claude):
    with claude.messages.stream(**ASK | {"model": "mock-tools2"}, tools=[TOOL]) as stream:
        events = list(stream)
        final = stream.get_final_message()
    assert [block.input for block in final.content] == [{"q": "x"}, {"q": "y"}]
    assert len({block.id for block in final.content}) == 2
    starts = [event.content_block.type for event in events if event.type == "content_block_start"]
    assert starts == ["tool_use", "tool_use"]
    assert sum(event.type == "input_json" for event in events) >= 4


def test_an_image_goes_up(claude, mock, provider):
    image = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PIXEL}}
    content = [image, {"type": "text", "text": QUESTION}]
    answer = claude.messages.create(**ASK | {"messages": [{"role": "user", "content": content}]})
    assert answer.content[0].text == ANSWER
    sent = mock.last["body"]["messages"][0]["content"]
    if provider == "anthropic":
        assert sent[0]["source"]["data"] == PIXEL
    else:
        assert sent[0] == {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PIXEL}"}}


def test_two_images_are_two_questions(claude, mock):
    for data in [PIXEL, base64.b64encode(bytes(40)).decode()]:
        image = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": data}}
        content = [image, {"type": "text", "text": QUESTION}]
        claude.messages.create(**ASK | {"messages": [{"role": "user", "content": content}]})
    assert mock.calls == 2


def test_a_thought_comes_with_its_signature_and_goes_back_as_it_was(native_claude):
    thinking = ASK | {"model": "mock-thinking", "thinking": THINK}
    answer = native_claude.messages.create(**thinking)
    thought, text = answer.content
    assert (thought.type, thought.thinking, text.text) == ("thinking", THOUGHT, ANSWER)
    assert thought.signature
    turns = [*USER, {"role": "assistant", "content": answer.content}, {"role": "user", "content": "Are you sure?"}]
    # The upstream refuses a thought whose signature is another's.
    assert native_claude.messages.create(**thinking | {"messages": turns}).content[-1].text


@pytest.mark.parametrize("origin", ["fresh", "remembered"])
def test_a_thought_is_streamed_with_its_signature(native_claude, origin):
    thinking = ASK | {"model": "mock-thinking", "thinking": THINK}
    if origin == "remembered":
        native_claude.messages.create(**thinking)
    with native_claude.messages.stream(**thinking) as stream:
        kinds = [event.type for event in stream]
        thought, text = stream.get_final_message().content
    assert {"thinking", "signature", "text"} <= set(kinds)
    assert (thought.thinking, text.text) == (THOUGHT, ANSWER) and thought.signature


def test_tokens_are_counted_without_an_answer(native_claude, mock):
    counted = native_claude.messages.count_tokens(model="mock-plain", messages=USER, system="Be brief")
    assert counted.input_tokens > 0
    assert mock.calls == 0 or mock.last["path"] == "/v1/messages/count_tokens"


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"extra_body": {"temperature": 9}}, "temperature"),
        ({"messages": []}, "messages"),
        ({"messages": [{"role": "wizard", "content": "x"}]}, "messages[0].role"),
        ({"max_tokens": -1}, "max_tokens"),
    ],
    ids=["range", "empty", "role", "max_tokens"],
)
def test_a_bad_request_is_refused_here_and_names_the_field(claude, mock, fields, named):
    with pytest.raises(anthropic.BadRequestError) as raised:
        claude.messages.create(**ASK | fields)
    error = raised.value
    assert error.type == "invalid_request_error"
    assert named in error.message
    assert mock.calls == 0


@pytest.mark.parametrize(
    ("status", "kind", "type_"),
    [
        (400, anthropic.BadRequestError, "invalid_request_error"),
        (404, anthropic.NotFoundError, "not_found_error"),
        (429, anthropic.RateLimitError, "rate_limit_error"),
        (500, anthropic.InternalServerError, "api_error"),
    ],
)
def test_a_providers_error_is_the_sdks_own_class_with_its_request_id(claude, status, kind, type_):
    with pytest.raises(kind) as raised:
        claude.messages.create(**ASK | {"model": f"mock-status-{status}"})
    error = raised.value
    assert isinstance(error, anthropic.APIStatusError)
    assert error.body["type"] == "error" and error.body["error"]["type"] == type_
    assert error.request_id == error.response.headers["request-id"] == error.body["request_id"]


def test_a_rate_limit_is_told_with_the_time_to_wait(claude):
    with pytest.raises(anthropic.RateLimitError) as raised:
        claude.messages.create(**ASK | {"model": "mock-status-429"})
    assert int(raised.value.response.headers["retry-after"]) >= 1
    assert raised.value.response.headers["x-should-retry"] == "false"


@pytest.mark.parametrize("model", ["mock-error-in-stream", "mock-cut", "mock-no-done"])
def test_a_stream_that_breaks_off_raises_and_is_not_remembered(claude, mock, model):
    for _ in range(2):
        mock.reset()
        with pytest.raises(anthropic.APIError):
            list(claude.messages.create(**ASK | {"model": model}, stream=True))
        assert mock.calls >= 1, "served from memory"


def test_closing_a_stream_midway_ends_the_upstream_call(claude, mock):
    stream = claude.messages.create(**ASK | {"model": "mock-drip-300"}, stream=True)
    next(iter(stream))
    stream.close()
    assert mock.cancelled_within(2.0)


# LangChain


class City(BaseModel):
    """A city."""

    city: str


@tool
def look_up(q: str) -> str:
    """Looks something up."""
    return f"result for {q}"


@pytest.fixture
def chat(behind, mock, namespace):
    def of(model):
        headers = {"x-reprise-namespace": namespace}
        options = {"base_url": behind.root, "api_key": "unused", "max_retries": 0, "default_headers": headers}
        return ChatAnthropic(model=model, max_tokens=2048, **options)

    return of


def test_langchain_invokes_and_streams(chat):
    assert chat("mock-plain").invoke(QUESTION).content == ANSWER
    first, *others = chat("mock-plain").stream(QUESTION)
    for chunk in others:
        first = first + chunk
    assert first.text == ANSWER
    assert first.usage_metadata["total_tokens"] > 0


def test_langchain_binds_tools(chat):
    model = chat("mock-agent").bind_tools([look_up])
    turns = [HumanMessage(QUESTION)]
    turns.append(model.invoke(turns))
    (call,) = turns[-1].tool_calls
    assert (call["name"], call["args"]) == ("look_up", {"q": "x"})
    turns.append(look_up.invoke(call))
    assert model.invoke(turns).text.startswith("Mock answer to:")


def test_langchain_takes_a_structured_answer(chat):
    model = chat("mock-echo").with_structured_output(City, method="json_schema")
    assert model.invoke('{"city":"Paris"}') == City(city="Paris")


# Node


@pytest.fixture(scope="module")
def run(native, upstream):
    return nodes.run("messages", native, upstream)


@pytest.mark.parametrize("check", nodes.checks("messages"))
def test_node(run, check):
    run.hold(check)


def test_no_test_of_the_script_goes_unread(run):
    assert set(run.outcomes) == set(nodes.checks("messages"))
