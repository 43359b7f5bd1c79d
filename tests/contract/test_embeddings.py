"""Vectors as the SDK gets them: encoded by default, as numbers, in batches, of tokens; remembered and by the gateway's own model."""

import base64
import math
import struct

import openai
import pytest

MODEL = "text-embedding-3-small"
LOCAL = "local/all-MiniLM-L6-v2"


@pytest.fixture
def embed(client):
    """Embeds; gives the parsed answer and the headers it came with."""

    def send(texts, model=MODEL, **fields):
        raw = client.embeddings.with_raw_response.create(model=model, input=texts, **fields)
        return raw.parse(), raw.headers

    return send


def floats(encoded):
    raw = base64.b64decode(encoded)
    return list(struct.unpack(f"<{len(raw) // 4}f", raw))


def test_the_default_is_asked_for_in_base64_and_read_as_numbers(embed, mock):
    fresh, headers = embed("a text")
    assert headers["x-reprise-cache"] == "miss"
    assert mock.last["body"]["encoding_format"] == "base64"
    again, headers = embed("a text")
    assert headers["x-reprise-cache"] == "hit-exact"
    assert (mock.calls, again) == (1, fresh)
    assert all(isinstance(number, float) for number in fresh.data[0].embedding)
    assert math.isclose(sum(n * n for n in fresh.data[0].embedding), 1, rel_tol=1e-4)


def test_numbers_and_base64_are_the_same_vector(embed, mock):
    encoded, _ = embed("a text", encoding_format="base64")
    numbers, headers = embed("a text", encoding_format="float")
    assert (headers["x-reprise-cache"], mock.calls) == ("hit-exact", 1)
    read = [struct.unpack("<f", struct.pack("<f", n))[0] for n in numbers.data[0].embedding]
    assert floats(encoded.data[0].embedding) == read


def test_of_a_batch_only_what_is_missing_is_asked_for(embed, mock):
    first, _ = embed(["one", "two two", "three"])
    mixed, headers = embed(["new", "three", "one", "new"])
    assert (headers["x-reprise-cache"], headers["x-reprise-hits"]) == ("partial", "2/4")
    assert mock.last["body"]["input"] == ["new"]
    assert [datum.index for datum in mixed.data] == [0, 1, 2, 3]
    assert mixed.data[1].embedding == first.data[2].embedding
    assert mixed.data[2].embedding == first.data[0].embedding
    assert mixed.data[0].embedding == mixed.data[3].embedding
    assert mixed.usage.prompt_tokens == 4


def test_tokens_alone_and_in_lists(embed):
    one, _ = embed([15339, 1917])
    several, headers = embed([[15339, 1917], [15339]])
    assert headers["x-reprise-hits"] == "1/2"
    assert several.data[0].embedding == one.data[0].embedding
    assert (one.usage.total_tokens, several.usage.total_tokens) == (2, 3)


def test_dimensions_are_part_of_what_is_asked(embed):
    short, _ = embed("a text", dimensions=8)
    assert len(short.data[0].embedding) == 8
    longer, headers = embed("a text", dimensions=16)
    assert (len(longer.data[0].embedding), headers["x-reprise-cache"]) == (16, "miss")


def test_a_batch_of_the_largest_size_is_taken_and_one_more_is_refused(embed):
    texts = [f"text {n}" for n in range(2049)]
    with pytest.raises(openai.BadRequestError) as raised:
        embed(texts)
    assert (raised.value.param, raised.value.code) == ("input", "array_above_max_length")
    answer, _ = embed(texts[:-1])
    assert len(answer.data) == 2048


def test_the_gateways_own_model_embeds_what_the_sdk_asks_for(embed, mock, client):
    answer, headers = embed(["How do I reset my password?", "Как дела?"], model=LOCAL)
    assert [len(datum.embedding) for datum in answer.data] == [384, 384]
    assert (headers["x-reprise-reason"], mock.calls) == ("local", 0)
    assert LOCAL in [model.id for model in client.models.list()]
    with pytest.raises(openai.BadRequestError) as raised:
        embed(["fine", "word " * 300], model=LOCAL)
    assert raised.value.param == "input[1]"


def test_harm_is_judged(client):
    assert client.moderations.create(input="something forbidden").results[0].flagged
    assert not client.moderations.create(input="something kind").results[0].flagged
