"""Batches and files as the official client speaks of them, and requests whose answer is fetched later."""

import io
import json
import time

import openai
import pytest

URL = "/v1/chat/completions"


def line(name, question, model="mock-plain"):
    body = {"model": model, "messages": [{"role": "user", "content": question}]}
    return json.dumps({"custom_id": name, "method": "POST", "url": URL, "body": body})


def uploaded(client, *lines):
    return client.files.create(file=("in.jsonl", io.BytesIO("\n".join(lines).encode())), purpose="batch")


def ended(client, batch):
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        batch = client.batches.retrieve(batch.id)
        if batch.status in ("completed", "failed", "cancelled", "expired"):
            return batch
        time.sleep(0.02)
    raise AssertionError(f"never over: {batch}")


def test_a_batch_from_its_file_to_its_answers_in_the_clients_own_types(client):
    file = uploaded(client, line("one", "What is a harbour?"), line("two", "No?", "mock-status-400"))
    assert (file.object, file.purpose, file.filename, file.status) == ("file", "batch", "in.jsonl", "processed")
    batch = client.batches.create(
        input_file_id=file.id, endpoint=URL, completion_window="24h", metadata={"night": "1"}
    )
    assert (batch.status, batch.metadata, batch.input_file_id) == ("validating", {"night": "1"}, file.id)
    batch = ended(client, batch)
    assert batch.status == "completed"
    assert (batch.request_counts.total, batch.request_counts.completed, batch.request_counts.failed) == (2, 1, 1)
    answered = json.loads(client.files.content(batch.output_file_id).text)
    assert answered["custom_id"] == "one" and answered["error"] is None
    body = openai.types.chat.ChatCompletion.model_validate(answered["response"]["body"])
    assert body.choices[0].message.content == "Mock answer to: What is a harbour? 🍎"
    refused = json.loads(client.files.content(batch.error_file_id).text)
    assert (refused["custom_id"], refused["response"]["status_code"]) == ("two", 400)
    assert client.files.retrieve(batch.output_file_id).purpose == "batch_output"
    assert batch.id in [b.id for b in client.batches.list(limit=1)]


def test_lists_are_read_page_by_page(client):
    files = [uploaded(client, line(str(n), "x")) for n in range(3)]
    listed = [f.id for f in client.files.list(limit=2, order="asc", purpose="batch")]
    assert [f.id for f in files] == [name for name in listed if name in {f.id for f in files}]
    gone = client.files.delete(files[0].id)
    assert gone.deleted and gone.id == files[0].id
    with pytest.raises(openai.NotFoundError):
        client.files.retrieve(files[0].id)


def test_what_is_wrong_with_a_batch_is_told_in_the_clients_own_errors(client):
    file = uploaded(client, line("one", "x"), line("one", "y"))
    for endpoint, named in [("/v1/moderations", "endpoint"), (URL, "input_file_id")]:
        wanted = file.id if named == "endpoint" else "file-unknown"
        with pytest.raises(openai.BadRequestError) as raised:
            client.batches.create(input_file_id=wanted, endpoint=endpoint, completion_window="24h")
        assert raised.value.param == named
    batch = ended(client, client.batches.create(input_file_id=file.id, endpoint=URL, completion_window="24h"))
    assert batch.status == "failed"
    (fault,) = batch.errors.data
    assert (fault.line, fault.code, fault.param) == (2, "duplicate_custom_id", "custom_id")


def test_a_batch_is_cancelled(client, mock):
    file = uploaded(client, *[line(str(n), str(n), "mock-slow-200") for n in range(50)])
    batch = client.batches.create(input_file_id=file.id, endpoint=URL, completion_window="24h")
    assert mock.called_within(10)
    assert client.batches.cancel(batch.id).status == "cancelling"
    batch = ended(client, batch)
    assert batch.status == "cancelled" and batch.request_counts.completed < 50
    with pytest.raises(openai.ConflictError):
        client.batches.cancel(batch.id)


def test_a_response_in_a_batch_can_be_continued(client):
    body = {"model": "mock-plain", "input": "Remember this."}
    asked = {"custom_id": "r", "method": "POST", "url": "/v1/responses", "body": body}
    file = uploaded(client, json.dumps(asked))
    batch = client.batches.create(input_file_id=file.id, endpoint="/v1/responses", completion_window="24h")
    output = json.loads(client.files.content(ended(client, batch).output_file_id).text)
    made = output["response"]["body"]["id"]
    following = client.responses.create(model="mock-plain", input="And now?", previous_response_id=made)
    assert following.previous_response_id == made
