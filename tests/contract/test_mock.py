"""The mock upstream in the providers' own dialects: what the official clients and the letter of the formats say of it.

What the gateway translates is tested against it, so it must be right by itself.
"""

import base64
import json
import socket
import struct
import zlib

import anthropic
import httpx2
import openai
import pytest

QUESTION = "What is the capital of France?"
ANSWER = f"Mock answer to: {QUESTION} 🍎"
THOUGHT = "The question is easy, and so is the answer."


@pytest.fixture
def root(mock):
    return f"http://{mock.address}"


@pytest.fixture
def claude(root):
    with anthropic.Anthropic(base_url=root, api_key="mock", max_retries=0) as made:
        yield made


@pytest.fixture
def gpt(mock):
    with openai.OpenAI(base_url=mock.base_url, api_key="mock", max_retries=0) as made:
        yield made


@pytest.fixture(scope="module")
def connections():
    """Connections with the headers that each dialect wants."""
    headers = {"authorization": "Bearer mock", "x-api-key": "mock", "anthropic-version": "2023-06-01"}
    with httpx2.Client(headers=headers, timeout=20, trust_env=False) as made:
        yield made


@pytest.fixture
def post(root, connections):
    """Sends a body."""
    return lambda path, body: connections.post(root + path, json=body)


MESSAGE = {"max_tokens": 2000, "messages": [{"role": "user", "content": QUESTION}]}
GEMINI = {"contents": [{"role": "user", "parts": [{"text": QUESTION}]}]}
BEDROCK = {"messages": [{"role": "user", "content": [{"text": QUESTION}]}]}
COHERE = {"model": "mock-plain", "stream": False, "messages": [{"role": "user", "content": QUESTION}]}


# Anthropic


def test_a_message_is_answered_in_its_clients_types(claude):
    answer = claude.messages.create(model="mock-plain", **MESSAGE)
    (block,) = answer.content
    assert (block.type, block.text, answer.stop_reason) == ("text", ANSWER, "end_turn")
    assert answer.usage.input_tokens == 6


def test_no_tokens_at_most_is_no_answer(claude):
    for ask in [claude.messages.create, claude.messages.stream]:
        answer = ask(model="mock-plain", **MESSAGE | {"max_tokens": 0})
        if ask == claude.messages.stream:
            with answer as stream:
                answer = stream.get_final_message()
        assert (answer.content, answer.stop_reason, answer.usage.output_tokens) == ([], "max_tokens", 0)


def test_a_stream_of_messages_adds_up_to_the_same(claude):
    for model in ["mock-plain", "mock-tools2", "mock-thinking", "mock-text-tools", "mock-length", "mock-filtered"]:
        whole = claude.messages.create(model=model, **MESSAGE)
        with claude.messages.stream(model=model, **MESSAGE) as stream:
            streamed = stream.get_final_message()
        assert [b.to_dict() for b in streamed.content] == [b.to_dict() for b in whole.content]
        assert streamed.stop_reason == whole.stop_reason
        assert streamed.usage.output_tokens == whole.usage.output_tokens


def test_a_thought_and_its_call_come_back_only_as_they_were(claude):
    turns = MESSAGE["messages"] + [{"role": "assistant", "content": claude.messages.create(model="mock-thinking", **MESSAGE).content}]
    turns.append({"role": "user", "content": "Sure?"})
    claude.messages.create(model="mock-plain", max_tokens=10, messages=turns)
    turns[1]["content"][0].thinking += "!"
    with pytest.raises(anthropic.BadRequestError, match=r"messages\.1\.content\.0\.signature"):
        claude.messages.create(model="mock-plain", max_tokens=10, messages=turns)


def test_tokens_are_counted_as_they_are_billed(claude):
    counted = claude.messages.count_tokens(model="mock-plain", messages=MESSAGE["messages"], system="Be brief")
    billed = claude.messages.create(model="mock-plain", system="Be brief", **MESSAGE)
    assert counted.input_tokens == billed.usage.input_tokens == 8


def use(*ids):
    return {"role": "assistant", "content": [{"type": "tool_use", "id": i, "name": "f", "input": {}} for i in ids]}


def result(*ids):
    return {"role": "user", "content": [{"type": "tool_result", "tool_use_id": i, "content": "x"} for i in ids]}


def user(*blocks):
    return {"role": "user", "content": list(blocks)}


TEXT = {"type": "text", "text": "Hello"}
HELLO = {"role": "user", "content": "Hello"}
TOOL = {"name": "f", "input_schema": {"type": "object"}}
THINK = {"type": "enabled", "budget_tokens": 1024}


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"frobnicate": 1}, "frobnicate: Extra inputs"),
        ({"max_tokens": None}, "max_tokens: Input should be an integer"),
        ({"max_tokens": "9"}, "max_tokens: Input should be an integer"),
        ({"max_tokens": -1}, "max_tokens: Input should be 0 at least"),
        ({"temperature": 1.5}, "temperature"),
        ({"stop": ["x"]}, "stop: Extra inputs"),
        ({"messages": []}, "messages: "),
        ({"messages": [{"role": "tool", "content": "x"}]}, "messages.0.role: "),
        ({"messages": [{"role": "assistant", "content": "x"}]}, "messages.0.role: "),
        ({"messages": [user({"type": "text"})]}, "messages.0.content.0.text: Field required"),
        ({"messages": [user({"type": "text", "text": " "})]}, "messages.0.content.0: "),
        ({"messages": [user({"type": "image_url", "image_url": {"url": "x"}})]}, "messages.0.content.0.type: "),
        ({"messages": [user({"type": "image", "source": {"type": "base64", "data": "%", "media_type": "image/png"}})]}, "source.data"),
        ({"messages": [HELLO, result("a")]}, "messages.1.content.0: "),
        ({"messages": [HELLO, use("a"), result("b")]}, "messages.1.content.0: "),
        ({"messages": [HELLO, use("a", "b"), result("a")]}, "messages.1.content.1: "),
        ({"messages": [HELLO, use("a"), user(TEXT, *result("a")["content"])]}, "messages.2.content.1: "),
        ({"messages": [HELLO, use("a", "a"), result("a")]}, "messages.1.content.1.id: "),
        ({"messages": [HELLO, {"role": "assistant", "content": [{"type": "thinking", "thinking": "x"}, TEXT]}, HELLO]}, "signature: Field required"),
        ({"messages": [HELLO, {"role": "assistant", "content": "Well "}]}, "messages.1.content: "),
        ({"tools": [{"name": "f", "parameters": {}}]}, "tools.0.parameters: Extra inputs"),
        ({"tools": [{"name": "f", "input_schema": {"properties": {}}}]}, "tools.0.input_schema.type: Field required"),
        ({"tools": [TOOL, TOOL]}, "tools: "),
        ({"tool_choice": {"type": "auto"}}, "tool_choice: "),
        ({"tools": [TOOL], "tool_choice": "auto"}, "tool_choice: "),
        ({"tools": [TOOL], "tool_choice": {"type": "tool", "name": "g"}}, "tool_choice.name: "),
        ({"thinking": THINK | {"budget_tokens": 2000}}, "thinking.budget_tokens: "),
        ({"thinking": THINK, "temperature": 0.5}, "temperature: "),
        ({"thinking": THINK, "tools": [TOOL], "tool_choice": {"type": "any"}}, "tool_choice.type: "),
        ({"system": [TEXT | {"cache_control": {"type": "ephemeral"}}] * 5}, "cache_control: "),
        ({"metadata": {"user": "x"}}, "metadata.user: Extra inputs"),
    ],
)
def test_a_message_that_breaks_a_rule_is_refused_by_name(post, change, named):
    answer = post("/v1/messages", {"model": "mock-plain"} | MESSAGE | change)
    assert answer.status_code == 400
    error = answer.json()
    assert (error["type"], error["error"]["type"]) == ("error", "invalid_request_error")
    assert named in error["error"]["message"]


@pytest.mark.parametrize(
    "change",
    [
        {"messages": [HELLO, HELLO]},
        {"messages": [HELLO, use("a", "b"), result("b"), result("a"), HELLO], "tools": [TOOL]},
        {"messages": [HELLO, use("a"), user(*result("a")["content"], TEXT)]},
        {"messages": [HELLO, {"role": "assistant", "content": "Well,"}]},
        {"thinking": THINK, "temperature": 1},
        {"system": [TEXT | {"cache_control": {"type": "ephemeral", "ttl": "1h"}}]},
        {"tools": [{"type": "web_search_20250305", "name": "web_search", "max_uses": 3}]},
        {"messages": [user({"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "x"}, "title": None})]},
    ],
)
def test_a_message_that_keeps_the_rules_is_not(post, change):
    answer = post("/v1/messages", {"model": "mock-plain"} | MESSAGE | change)
    assert answer.status_code == 200, answer.text


def test_a_message_needs_a_key_and_a_version(root):
    missing = httpx2.post(f"{root}/v1/messages", json={"model": "m"} | MESSAGE, trust_env=False)
    assert missing.json()["error"]["type"] == "authentication_error"
    unversioned = httpx2.post(f"{root}/v1/messages", json={"model": "m"} | MESSAGE, headers={"x-api-key": "k"}, trust_env=False)
    assert "anthropic-version" in unversioned.json()["error"]["message"]


# Gemini


def events(answer):
    return [json.loads(line.removeprefix("data: ")) for line in answer.text.split("\r\n\r\n") if line]


def test_gemini_answers_whole_and_in_events(post):
    whole = post("/v1beta/models/mock-plain:generateContent", GEMINI).json()
    (candidate,) = whole["candidates"]
    assert candidate["content"] == {"parts": [{"text": ANSWER}], "role": "model"}
    assert candidate["finishReason"] == "STOP"
    streamed = events(post("/v1beta/models/mock-plain:streamGenerateContent?alt=sse", GEMINI))
    said = "".join(part["text"] for event in streamed for part in event["candidates"][0]["content"]["parts"])
    assert said == ANSWER
    assert [event["candidates"][0].get("finishReason") for event in streamed][-2:] == [None, "STOP"]
    assert streamed[-1]["usageMetadata"] == whole["usageMetadata"]


def test_gemini_calls_functions_and_signs_its_thoughts(post):
    parts = post("/v1beta/models/mock-tools2:generateContent", GEMINI).json()["candidates"][0]["content"]["parts"]
    assert [part["functionCall"]["args"] for part in parts] == [{"q": "x"}, {"q": "y"}]
    thought, said = post("/v1beta/models/mock-thinking:generateContent", GEMINI).json()["candidates"][0]["content"]["parts"]
    assert thought == {"text": THOUGHT, "thought": True}
    turns = GEMINI["contents"] + [{"role": "model", "parts": [thought, said]}] + GEMINI["contents"]
    assert post("/v1beta/models/mock-plain:generateContent", {"contents": turns}).status_code == 200
    thought["text"] += "!"
    refused = post("/v1beta/models/mock-plain:generateContent", {"contents": turns})
    assert "contents.1.parts.1.thoughtSignature" in refused.json()["error"]["message"]


CALL = {"role": "model", "parts": [{"functionCall": {"name": "f", "args": {}}}]}


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"frobnicate": 1}, "frobnicate"),
        ({"generationConfig": {"max_tokens": 1}}, "max_tokens"),
        ({"generationConfig": {"temperature": 2.5}}, "generationConfig.temperature"),
        ({"generationConfig": {"responseSchema": {"type": "OBJECT"}}}, "generationConfig.responseMimeType"),
        ({"tools": [{"functionDeclarations": [{"name": "f", "parameters": {"type": "OBJECT", "additionalProperties": False}}]}]}, "additionalProperties"),
        ({"tools": [{"functionDeclarations": [{"name": "f", "parameters": {"type": ["STRING", "NULL"]}}]}]}, "parameters.type"),
        ({"contents": [{"role": "assistant", "parts": [{"text": "x"}]}]}, "contents.0.role"),
        ({"contents": [{"role": "user", "parts": []}]}, "contents.0.parts"),
        ({"contents": [{"role": "user", "parts": [{"text": "x", "functionCall": {"name": "f"}}]}]}, "contents.0.parts.0"),
        ({"contents": [*GEMINI["contents"], CALL, *GEMINI["contents"]]}, "contents.2.parts"),
        ({"contents": [{"role": "user", "parts": [{"functionResponse": {"name": "f", "response": {}}}]}]}, "contents.0.parts"),
    ],
)
def test_gemini_refuses_by_name(post, change, named):
    answer = post("/v1beta/models/mock-plain:generateContent", GEMINI | change)
    assert answer.status_code == 400
    assert answer.json()["error"]["status"] == "INVALID_ARGUMENT"
    assert named in answer.json()["error"]["message"]


# Bedrock


def frames(data):
    """The messages of an event stream, each checksum checked: headers and payload."""
    found = []
    while data:
        total, head, checksum = struct.unpack(">III", data[:12])
        assert zlib.crc32(data[:8]) == checksum
        assert zlib.crc32(data[: total - 4]) == struct.unpack(">I", data[total - 4 : total])[0]
        rest, headers = data[12 : 12 + head], {}
        while rest:
            end = 1 + rest[0]
            kind, length = struct.unpack(">BH", rest[end : end + 3])
            assert kind == 7
            headers[rest[1:end].decode()] = rest[end + 3 : end + 3 + length].decode()
            rest = rest[end + 3 + length :]
        found.append((headers, json.loads(data[12 + head : total - 4])))
        data = data[total:]
    return found


def test_bedrock_answers_whole_and_in_frames(post):
    whole = post("/model/mock-plain/converse", BEDROCK).json()
    assert whole["output"]["message"]["content"] == [{"text": ANSWER}]
    answer = post("/model/mock-plain/converse-stream", BEDROCK)
    assert answer.headers["content-type"] == "application/vnd.amazon.eventstream"
    found = frames(answer.content)
    names = [headers[":event-type"] for headers, _ in found]
    assert names[0] == "messageStart" and names[-3:] == ["contentBlockStop", "messageStop", "metadata"]
    deltas = [body["delta"]["text"] for headers, body in found if headers[":event-type"] == "contentBlockDelta"]
    assert "".join(deltas) == ANSWER
    assert found[-1][1]["usage"] == whole["usage"]


def test_bedrock_fails_within_a_stream_by_an_exception(post):
    *_, (headers, body) = frames(post("/model/mock-error-in-stream/converse-stream", BEDROCK).content)
    assert headers[":message-type"] == "exception" and headers[":exception-type"] == "modelStreamErrorException"
    assert body["message"] == "broke down"


def test_bedrock_takes_model_ids_with_any_sign(post):
    answer = post("/model/mock-tools%3A0/converse", BEDROCK).json()
    assert answer["output"]["message"]["content"] == [{"text": ANSWER}]
    called = post("/model/mock-tools/converse", BEDROCK).json()
    assert called["stopReason"] == "tool_use"


USE = {"role": "assistant", "content": [{"toolUse": {"toolUseId": "a", "name": "f", "input": {}}}]}


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"modelId": "x"}, "[modelId]"),
        ({"inferenceConfig": {"topK": 1}}, "inferenceConfig.topK"),
        ({"inferenceConfig": {"temperature": 1.2}}, "inferenceConfig.temperature"),
        ({"messages": BEDROCK["messages"] * 2}, "messages.1.role"),
        ({"messages": [{"role": "user", "content": "Hello"}]}, "messages.0.content"),
        ({"messages": [{"role": "user", "content": [{"text": " "}]}]}, "messages.0.content.0.text"),
        ({"messages": [{"role": "user", "content": [{"text": "x", "cachePoint": {"type": "default"}}]}]}, "messages.0.content.0"),
        ({"messages": [*BEDROCK["messages"], USE, *BEDROCK["messages"]]}, "messages.2.content"),
        ({"messages": [*BEDROCK["messages"], USE]}, "toolConfig"),
        ({"toolConfig": {"tools": [{"toolSpec": {"name": "f", "inputSchema": {"type": "object"}}}]}}, "inputSchema.type"),
        ({"system": "Be brief"}, "system"),
    ],
)
def test_bedrock_refuses_by_name(post, change, named):
    answer = post("/model/mock-plain/converse", BEDROCK | change)
    assert (answer.status_code, answer.headers["x-amzn-errortype"]) == (400, "ValidationException")
    assert named in answer.json()["message"]


# Cohere


def test_cohere_answers_whole_and_in_events(post):
    whole = post("/v2/chat", COHERE).json()
    assert whole["message"]["content"] == [{"type": "text", "text": ANSWER}]
    assert whole["finish_reason"] == "COMPLETE"
    lines = post("/v2/chat", COHERE | {"stream": True}).text.split("\n\n")
    data = [json.loads(line.split("data: ")[1]) for line in lines[:-2]]
    assert [event["type"] for event in data][:2] == ["message-start", "content-start"]
    said = [event["delta"]["message"]["content"]["text"] for event in data if event["type"] == "content-delta"]
    assert "".join(said) == ANSWER
    assert data[-1]["delta"] == {"finish_reason": "COMPLETE", "usage": whole["usage"]}


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"frobnicate": 1}, "frobnicate"),
        ({"stream": None}, "stream"),
        ({"top_p": 0.5}, "top_p"),
        ({"tool_choice": "auto"}, "tool_choice"),
        ({"messages": [{"role": "tool", "tool_call_id": "a", "content": "x"}]}, "messages.0.tool_call_id"),
        ({"messages": [*COHERE["messages"], {"role": "assistant", "content": "x"}]}, "messages"),
        ({"messages": [{"role": "user", "content": [{"type": "image", "url": "x"}]}]}, "messages.0.content.0.type"),
    ],
)
def test_cohere_refuses_by_name(post, change, named):
    answer = post("/v2/chat", COHERE | change)
    assert answer.status_code == 400
    assert named in answer.json()["message"]


# OpenAI


def test_a_vector_is_its_texts_own_in_either_encoding(gpt, mock):
    one, other, again = gpt.embeddings.create(model="m", input=["a", "b", "a"], encoding_format="float").data
    assert one.embedding == again.embedding != other.embedding
    assert abs(sum(x * x for x in one.embedding) - 1) < 1e-5
    raw = gpt.embeddings.with_raw_response.create(model="m", input="a", dimensions=3)
    (encoded,) = json.loads(raw.text)["data"]
    assert len(base64.b64decode(encoded["embedding"])) == 12
    assert len(raw.parse().data[0].embedding) == 3
    assert gpt.embeddings.create(model="m", input=[[1, 2], [3]]).usage.total_tokens == 3
    assert mock.seen()["items"] == 6


def test_moderations_judge_each_text_and_all_parts_together(gpt):
    harmless, violent = gpt.moderations.create(input=["a rose", "what is forbidden"]).results
    assert (harmless.flagged, violent.flagged, violent.categories.violence) == (False, True, True)
    parts = [{"type": "text", "text": "a rose"}, {"type": "image_url", "image_url": {"url": "https://example.com/a.png"}}]
    (judged,) = gpt.moderations.create(input=parts).results
    assert judged.category_applied_input_types.violence == ["text", "image"]


def test_completions_go_on_with_each_prompt(gpt):
    answer = gpt.completions.create(model="mock-plain", prompt=["one", "two"], n=2)
    assert [choice.text for choice in answer.choices] == [f"Mock answer to: {p} 🍎" for p in ["one", "one", "two", "two"]]
    pieces = list(gpt.completions.create(model="mock-plain", prompt="one", stream=True, stream_options={"include_usage": True}))
    assert "".join(p.choices[0].text for p in pieces if p.choices) == "Mock answer to: one 🍎"
    assert pieces[-1].usage.total_tokens > 0


@pytest.mark.parametrize(
    ("path", "body", "param"),
    [
        ("embeddings", {"model": "m", "input": ""}, "input"),
        ("embeddings", {"model": "m", "input": "x", "dimension": 3}, "dimension"),
        ("embeddings", {"model": "m"}, "input"),
        ("moderations", {"input": [{"type": "text"}]}, "input.0.text"),
        ("completions", {"model": "m", "prompt": "x", "messages": []}, "messages"),
        ("completions", {"model": "m", "prompt": "x", "n": 0}, "n"),
    ],
)
def test_openais_other_endpoints_refuse_by_name(post, path, body, param):
    answer = post(f"/v1/{path}", body)
    assert answer.status_code == 400
    assert answer.json()["error"]["param"] == param


# Faults, in all dialects alike

CHAT = {"messages": [{"role": "user", "content": QUESTION}]}
DIALECTS = {
    "openai": lambda model, stream: ("/v1/chat/completions", CHAT | {"model": model, "stream": stream}),
    "anthropic": lambda model, stream: ("/v1/messages", MESSAGE | {"model": model, "stream": stream}),
    "gemini": lambda model, stream: (
        f"/v1beta/models/{model}:{'streamGenerateContent?alt=sse' if stream else 'generateContent'}",
        GEMINI,
    ),
    "bedrock": lambda model, stream: (f"/model/{model}/{'converse-stream' if stream else 'converse'}", BEDROCK),
    "cohere": lambda model, stream: ("/v2/chat", COHERE | {"model": model, "stream": stream}),
}
each_dialect = pytest.mark.parametrize("dialect", DIALECTS)
whole_or_streamed = pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])


@each_dialect
@whole_or_streamed
@pytest.mark.parametrize("fault", ["reset-before", "reset-headers", "reset-stream", "truncated", "cut"])
def test_a_broken_connection_is_broken(post, dialect, stream, fault):
    with pytest.raises(httpx2.TransportError) as raised:
        post(*DIALECTS[dialect](f"mock-{fault}", stream))
    if fault.startswith("reset"):
        assert isinstance(raised.value, httpx2.ReadError) and "reset" in str(raised.value)


@each_dialect
@pytest.mark.parametrize("status", [400, 401, 404, 429, 500, 503])
def test_a_refusal_has_the_status_asked_for(post, dialect, status):
    assert post(*DIALECTS[dialect](f"mock-status-{status}", False)).status_code == status


@each_dialect
def test_tries_are_counted_by_body_and_by_model(post, dialect):
    path, body = DIALECTS[dialect]("mock-flaky-2", False)
    assert [post(path, body).status_code for _ in range(3)] == [500, 500, 200]
    path, body = DIALECTS[dialect]("mock-burst-1", False)
    assert [post(path, body).status_code for _ in range(2)] == [500, 200]


@pytest.mark.parametrize(
    ("kind", "header", "value"),
    [
        ("seconds-3", "retry-after", "3"),
        ("ms-40", "retry-after-ms", "40"),
        ("reset", "x-ratelimit-reset-requests", "1s"),
        ("date-2", "retry-after", "GMT"),
    ],
)
def test_a_rate_limit_says_when_to_come_again(post, kind, header, value):
    answer = post(*DIALECTS["openai"](f"mock-r429-{kind}", False))
    assert answer.status_code == 429
    assert value in answer.headers[header]


@whole_or_streamed
def test_a_huge_answer_is_as_large_as_asked_for(post, stream):
    answer = post(*DIALECTS["openai"]("mock-huge-3", stream))
    assert answer.text.count("x" * ((512 << 10) - 1) + " ") == 6


@each_dialect
@whole_or_streamed
def test_a_page_is_no_json(post, dialect, stream):
    assert post(*DIALECTS[dialect]("mock-type-html", stream)).headers["content-type"].startswith("text/html")


@each_dialect
def test_a_stall_is_silence_and_no_end(root, connections, dialect):
    for stream in [False, True]:
        path, body = DIALECTS[dialect]("mock-stall", stream)
        with connections.stream("POST", root + path, json=body, timeout=0.5) as answer:
            with pytest.raises(httpx2.ReadTimeout):
                answer.read()


def test_a_slow_drip_comes_a_few_bytes_at_a_time(root):
    body = json.dumps(CHAT | {"model": "mock-drip-slow-5"}).encode()
    host, port = root.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=10) as connection:
        head = f"POST /v1/chat/completions HTTP/1.1\r\nhost: mock\r\nconnection: close\r\ncontent-length: {len(body)}\r\n\r\n"
        connection.sendall(head.encode() + body)
        pieces = []
        while piece := connection.recv(65536):
            pieces.append(piece)
    assert len(pieces) > 10
