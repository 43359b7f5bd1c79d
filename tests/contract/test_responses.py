"""OpenAI's responses by the official client: made, streamed, continued, read again, deleted."""

import json

import openai
import pytest
from pydantic import BaseModel

QUESTION = "What is the capital of France?"
ANSWER = f"Mock answer to: {QUESTION} 🍎"
TOOL = {
    "type": "function",
    "name": "look_up",
    "description": "Looks something up",
    "parameters": {"type": "object", "properties": {"q": {"type": "string"}}, "required": ["q"]},
}


def test_a_response_comes_in_the_sdks_own_types_and_the_second_time_from_memory(client, mock):
    ids = set()
    for outcome in ["miss", "hit-exact"]:
        raw = client.responses.with_raw_response.create(model="mock-plain", input=QUESTION)
        response = raw.parse()
        assert raw.headers["x-reprise-cache"] == outcome
        assert response.output_text == ANSWER
        assert (response.status, response.object, response.error) == ("completed", "response", None)
        assert response.usage.total_tokens == response.usage.input_tokens + response.usage.output_tokens > 0
        assert response.id.startswith("resp_")
        ids.add(response.id)
    assert len(ids) == 2 and mock.calls == 1


def test_what_chat_completions_stored_serves_a_response(client, mock):
    client.chat.completions.create(model="mock-plain", messages=[{"role": "user", "content": QUESTION}])
    raw = client.responses.with_raw_response.create(model="mock-plain", input=QUESTION)
    assert raw.headers["x-reprise-cache"] == "hit-exact" and raw.parse().output_text == ANSWER
    assert mock.calls == 1


@pytest.mark.parametrize("outcome", ["miss", "hit-exact"])
def test_a_stream_has_every_event_in_order(client, outcome):
    if outcome != "miss":
        client.responses.create(model="mock-plain", input=QUESTION)
    with client.responses.stream(model="mock-plain", input=QUESTION) as stream:
        events = list(stream)
        final = stream.get_final_response()
    kinds = [event.type for event in events]
    assert kinds[0] == "response.created" and kinds[-1] == "response.completed"
    assert [event.sequence_number for event in events if hasattr(event, "sequence_number")] == sorted(
        event.sequence_number for event in events if hasattr(event, "sequence_number")
    )
    text = "".join(event.delta for event in events if event.type == "response.output_text.delta")
    assert text == ANSWER == final.output_text


def test_a_response_is_continued_by_its_id(client, mock):
    first = client.responses.create(model="mock-plain", input="My name is Ann.", instructions="Be brief.")
    with client.responses.stream(
        model="mock-plain", input="What is my name?", previous_response_id=first.id
    ) as stream:
        second = stream.get_final_response()
    assert second.previous_response_id == first.id
    messages = mock.last["body"]["messages"]
    assert [message["role"] for message in messages] == ["user", "assistant", "user"]
    third = client.responses.create(model="mock-plain", input="And now?", previous_response_id=second.id)
    assert len(mock.last["body"]["messages"]) == 5
    assert third.status == "completed"


def test_a_response_is_read_again_and_deleted(client):
    made = client.responses.create(model="mock-plain", input=QUESTION, metadata={"a": "b"})
    again = client.responses.retrieve(made.id)
    assert again.to_dict() == made.to_dict()
    (item,) = client.responses.input_items.list(made.id).data
    assert item.content[0].text == QUESTION
    for at in [{"stream": True}, {"starting_after": 2, "stream": True}]:
        with pytest.raises(openai.BadRequestError) as streamed:
            client.responses.retrieve(made.id, **at)
        assert streamed.value.param in at
    client.responses.delete(made.id)
    for act in [client.responses.retrieve, client.responses.delete]:
        with pytest.raises(openai.NotFoundError):
            act(made.id)
    with pytest.raises(openai.BadRequestError) as gone:
        client.responses.create(model="mock-plain", input="And?", previous_response_id=made.id)
    assert gone.value.code == "previous_response_not_found"


def test_what_is_not_to_be_stored_is_not(client):
    made = client.responses.create(model="mock-plain", input=QUESTION, store=False)
    with pytest.raises(openai.NotFoundError):
        client.responses.retrieve(made.id)


def test_a_tool_is_called_and_its_result_answered(client, mock):
    first = client.responses.create(model="mock-agent", input=QUESTION, tools=[TOOL])
    (call,) = [item for item in first.output if item.type == "function_call"]
    assert call.name == "look_up" and json.loads(call.arguments)
    result = {"type": "function_call_output", "call_id": call.call_id, "output": "Paris"}
    second = client.responses.create(
        model="mock-agent", input=[result], tools=[TOOL], previous_response_id=first.id
    )
    assert second.output_text == ANSWER
    roles = [message["role"] for message in mock.last["body"]["messages"]]
    assert roles == ["user", "assistant", "tool"]


def test_a_format_and_an_image_reach_the_provider(client, mock):
    class City(BaseModel):
        name: str

    image = "data:image/png;base64,iVBORw0KGgo="
    parts = [{"type": "input_text", "text": QUESTION}, {"type": "input_image", "image_url": image, "detail": "low"}]
    schema = {"type": "json_schema", "name": "city", "schema": City.model_json_schema() | {"additionalProperties": False}}
    client.responses.create(
        model="mock-plain", input=[{"role": "user", "content": parts}], text={"format": schema}
    )
    body = mock.last["body"]
    assert body["response_format"]["json_schema"]["name"] == "city"
    assert body["messages"][0]["content"][1]["image_url"]["url"] == image


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"tools": [{"type": "web_search"}]}, "tools[0].type"),
        ({"background": True}, "background"),
        ({"truncation": "auto"}, "truncation"),
        ({"temperature": 3}, "temperature"),
        ({"input": [{"role": "robot", "content": "x"}]}, "input[0].role"),
    ],
)
def test_what_cannot_be_done_is_refused_by_name(client, mock, fields, param):
    with pytest.raises(openai.BadRequestError) as refused:
        client.responses.create(**{"model": "mock-plain", "input": QUESTION} | fields)
    assert refused.value.param == param
    assert mock.calls == 0
