// The official client for Node against the gateway's chat completions.
import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";

import OpenAI from "openai";
import { zodResponseFormat } from "openai/helpers/zod";
import { z } from "zod";

import { ANSWER, BASE_URL, QUESTION, apart, collect, forget, seen } from "./helpers.mjs";

const messages = [{ role: "user", content: QUESTION }];
const parameters = { type: "object", properties: { q: { type: "string" } }, required: ["q"] };
const tools = [{ type: "function", function: { name: "look_up", parameters } }];

let client;

beforeEach(async () => {
  await forget();
  client = new OpenAI({ baseURL: BASE_URL, apiKey: "unused", defaultHeaders: apart() });
});

test("a plain question is answered, and the second time from memory", async () => {
  const ask = { model: "mock-plain", messages };
  const fresh = await client.chat.completions.create(ask);
  assert.equal(fresh.choices[0].message.content, ANSWER);
  assert.equal(fresh.choices[0].finish_reason, "stop");
  const { data, response } = await client.chat.completions.create(ask).withResponse();
  assert.equal(response.headers.get("x-reprise-cache"), "hit-exact");
  assert.equal(data.choices[0].message.content, ANSWER);
  assert.notEqual(data.id, fresh.id);
  assert.equal((await seen()).count, 1);
});

test("a stream brings the answer in pieces, and a remembered one does so too", async () => {
  for (const outcome of ["miss", "hit-exact"]) {
    const ask = { model: "mock-plain", messages, stream: true };
    const { data, response } = await client.chat.completions.create(ask).withResponse();
    const chunks = await collect(data);
    assert.equal(response.headers.get("x-reprise-cache"), outcome);
    assert.equal(chunks.map((c) => c.choices[0]?.delta.content ?? "").join(""), ANSWER);
    assert.equal(chunks[0].choices[0].delta.role, "assistant");
    assert.equal(new Set(chunks.map((c) => c.id)).size, 1);
    assert.deepEqual(chunks.map((c) => c.choices[0].finish_reason).filter(Boolean), ["stop"]);
  }
});

test("the stream helper counts tokens when asked to", async () => {
  const options = { include_usage: true };
  const ask = { model: "mock-plain", messages, stream_options: options };
  const final = await client.chat.completions.stream(ask).finalChatCompletion();
  assert.equal(final.choices[0].message.content, ANSWER);
  assert.ok(final.usage.total_tokens > 0);
});

test("a tool is called, whole and in fragments", async () => {
  const ask = { model: "mock-tools", messages, tools };
  const whole = await client.chat.completions.create(ask);
  const streamed = await client.chat.completions.stream(ask).finalChatCompletion();
  for (const { choices } of [whole, streamed]) {
    assert.equal(choices[0].finish_reason, "tool_calls");
    const [call] = choices[0].message.tool_calls;
    assert.equal(call.function.name, "look_up");
    assert.deepEqual(JSON.parse(call.function.arguments), { q: "x" });
  }
});

test("two calls at once stay apart in a stream", async () => {
  const ask = { model: "mock-tools2", messages, tools };
  const { choices } = await client.chat.completions.stream(ask).finalChatCompletion();
  const calls = choices[0].message.tool_calls;
  assert.deepEqual(calls.map((c) => c.id), ["call_1", "call_2"]);
  assert.deepEqual(calls.map((c) => JSON.parse(c.function.arguments).q), ["x", "y"]);
});

test("the client runs tools until there is an answer", async () => {
  const asked = [];
  const look = { function: (input) => asked.push(input.q) && "Paris", parse: JSON.parse };
  const tool = { type: "function", function: { ...look, name: "look_up", parameters, description: "Looks up" } };
  const runner = client.chat.completions.runTools({ model: "mock-agent", messages, tools: [tool] });
  assert.equal(await runner.finalContent(), ANSWER);
  assert.deepEqual(asked, ["x"]);
  const { requests } = await seen();
  assert.deepEqual(requests.at(-1).body.messages.map((m) => m.role), ["user", "assistant", "tool"]);
});

test("a structured answer is parsed by its schema", async () => {
  const city = z.object({ city: z.string(), inhabitants: z.number() });
  const content = JSON.stringify({ city: "Paris", inhabitants: 2_100_000 });
  const answer = await client.chat.completions.parse({
    model: "mock-echo",
    messages: [{ role: "user", content }],
    response_format: zodResponseFormat(city, "city"),
  });
  assert.deepEqual(answer.choices[0].message.parsed, JSON.parse(content));
  const { requests } = await seen();
  assert.equal(requests.at(-1).body.response_format.json_schema.name, "city");
});

test("a refused request is the client's own error and names the field", async () => {
  const ask = { model: "mock-plain", messages, temperature: 9 };
  await assert.rejects(client.chat.completions.create(ask), (error) => {
    assert.ok(error instanceof OpenAI.BadRequestError);
    assert.equal(error.param, "temperature");
    assert.equal(error.type, "invalid_request_error");
    assert.equal(error.requestID, error.headers.get("x-request-id"));
    return true;
  });
  assert.equal((await seen()).count, 0);
});

test("a provider's errors come as their own classes and are not tried again by the client", async () => {
  const expected = { 400: OpenAI.BadRequestError, 404: OpenAI.NotFoundError, 429: OpenAI.RateLimitError };
  for (const [status, kind] of Object.entries(expected)) {
    await forget();
    const ask = { model: `mock-status-${status}`, messages };
    await assert.rejects(client.chat.completions.create(ask), kind);
    assert.ok((await seen()).count <= 2);
  }
});

test("a stream that breaks off throws", async () => {
  const ask = { model: "mock-error-in-stream", messages, stream: true };
  await assert.rejects(async () => collect(await client.chat.completions.create(ask)), OpenAI.APIError);
});

test("an aborted stream ends the upstream's call", async () => {
  const stream = await client.chat.completions.create({ model: "mock-drip-300", messages, stream: true });
  for await (const _ of stream) {
    break;
  }
  const end = Date.now() + 2000;
  while ((await seen()).cancelled === 0 && Date.now() < end) {
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  assert.equal((await seen()).cancelled, 1);
});

test("models are listed and found", async () => {
  const models = await collect(await client.models.list());
  assert.ok(models.some((m) => m.id === "gpt-4o-mini"));
  await assert.rejects(client.models.retrieve("no-such-model"), OpenAI.NotFoundError);
});
