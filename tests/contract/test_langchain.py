"""LangChain for Python against chat completions."""

import asyncio

import openai
import pytest
from langchain_core.messages import HumanMessage
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI
from pydantic import BaseModel

QUESTION = "What is the capital of France?"
ANSWER = f"Mock answer to: {QUESTION} 🍎"


class City(BaseModel):
    """A city."""

    city: str


@tool
def look_up(q: str) -> str:
    """Looks something up."""
    return f"result for {q}"


@pytest.fixture
def chat(gateway, mock, namespace):
    def of(model, **options):
        return ChatOpenAI(
            model=model,
            base_url=gateway.base_url,
            api_key="unused-in-open-mode",
            max_retries=0,
            default_headers={"x-reprise-namespace": namespace},
            **options,
        )

    return of


def total(chunks):
    first, *others = chunks
    for chunk in others:
        first = first + chunk
    return first


def test_a_model_is_invoked_and_the_second_time_from_memory(chat, mock):
    for outcome in ["miss", "hit-exact"]:
        answer = chat("mock-plain", include_response_headers=True).invoke(QUESTION)
        assert answer.content == ANSWER
        assert answer.usage_metadata["total_tokens"] > 0
        assert answer.response_metadata["finish_reason"] == "stop"
        assert answer.response_metadata["headers"]["x-reprise-cache"] == outcome
    assert mock.calls == 1


def test_a_streams_chunks_add_up_to_the_answer(chat):
    # Against another base URL than OpenAI's, it asks for no counts by itself.
    chunks = list(chat("mock-plain", stream_usage=True).stream(QUESTION))
    assert len(chunks) > 2
    whole = total(chunks)
    assert whole.content == ANSWER
    assert whole.usage_metadata["total_tokens"] > 0


def test_many_are_asked_at_once(chat):
    questions = [f"Question number {number}" for number in range(8)]

    async def ask():
        return await chat("mock-plain").abatch(questions)

    answers = asyncio.run(ask())
    assert [answer.content for answer in answers] == [f"Mock answer to: {question} 🍎" for question in questions]


def test_a_bound_tool_is_called_and_its_result_goes_up(chat, mock):
    model = chat("mock-agent").bind_tools([look_up])
    turns = [HumanMessage(QUESTION)]
    turns.append(model.invoke(turns))
    (call,) = turns[-1].tool_calls
    assert (call["name"], call["args"]) == ("look_up", {"q": "x"})
    turns.append(look_up.invoke(call))
    assert model.invoke(turns).content == ANSWER
    sent = mock.last["body"]["messages"]
    assert [turn["role"] for turn in sent] == ["user", "assistant", "tool"]
    assert sent[-1]["content"] == "result for x"


def test_streamed_calls_are_put_together(chat):
    whole = total(chat("mock-tools2").bind_tools([look_up]).stream(QUESTION))
    assert [call["args"] for call in whole.tool_calls] == [{"q": "x"}, {"q": "y"}]


def test_a_structured_answer_follows_its_schema(chat, mock):
    model = chat("mock-echo").with_structured_output(City, method="json_schema")
    assert model.invoke('{"city":"Paris"}') == City(city="Paris")
    assert mock.last["body"]["response_format"]["json_schema"]["strict"] is True


def test_an_error_is_the_official_clients_own(chat):
    with pytest.raises(openai.BadRequestError) as raised:
        chat("mock-status-400").invoke(QUESTION)
    assert raised.value.code == "mock_error"


def test_a_stream_that_breaks_off_raises(chat):
    with pytest.raises(openai.APIError):
        list(chat("mock-error-in-stream").stream(QUESTION))
