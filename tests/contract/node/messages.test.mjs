// The official Anthropic client for Node, and the Vercel AI SDK with it, against the gateway's messages.
import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";

import { createAnthropic } from "@ai-sdk/anthropic";
import Anthropic from "@anthropic-ai/sdk";
import { generateText, stepCountIs, streamText, tool } from "ai";
import { z } from "zod";

import { ANSWER, BASE_URL, QUESTION, ROOT, apart, collect, forget, seen } from "./helpers.mjs";

const messages = [{ role: "user", content: QUESTION }];
const ask = { model: "mock-plain", max_tokens: 2048, messages };
const input_schema = { type: "object", properties: { q: { type: "string" } }, required: ["q"] };
const tools = [{ name: "look_up", description: "Looks up", input_schema }];

let client;
let claude;

beforeEach(async () => {
  await forget();
  client = new Anthropic({ baseURL: ROOT, apiKey: "unused", maxRetries: 0, defaultHeaders: apart() });
  claude = createAnthropic({ baseURL: BASE_URL, apiKey: "unused", headers: apart() });
});

test("a message is answered, and the second time from memory", async () => {
  for (const outcome of ["miss", "hit-exact"]) {
    const { data, response } = await client.messages.create(ask).withResponse();
    assert.equal(response.headers.get("x-reprise-cache"), outcome);
    assert.deepEqual(data.content.map((block) => block.text), [ANSWER]);
    assert.equal(data.stop_reason, "end_turn");
  }
  assert.equal((await seen()).count, 1);
});

test("a stream brings all kinds of events and adds up", async () => {
  const events = await collect(await client.messages.create({ ...ask, stream: true }));
  const kinds = events.map((event) => event.type);
  assert.deepEqual(kinds.slice(0, 2), ["message_start", "content_block_start"]);
  assert.deepEqual(kinds.slice(-3), ["content_block_stop", "message_delta", "message_stop"]);
  const final = await client.messages.stream(ask).finalMessage();
  assert.equal(final.content[0].text, ANSWER);
});

test("a tool is called in fragments and its result answered", async () => {
  const called = await client.messages.stream({ ...ask, model: "mock-agent", tools }).finalMessage();
  assert.equal(called.stop_reason, "tool_use");
  const [use] = called.content;
  assert.deepEqual([use.name, use.input], ["look_up", { q: "x" }]);
  const result = { type: "tool_result", tool_use_id: use.id, content: "Paris" };
  const turns = [...messages, { role: "assistant", content: called.content }, { role: "user", content: [result] }];
  const answer = await client.messages.create({ ...ask, model: "mock-agent", tools, messages: turns });
  assert.match(answer.content[0].text, /^Mock answer to:/);
});

test("a thought comes with its signature", async () => {
  const thinking = { type: "enabled", budget_tokens: 1024 };
  const message = await client.messages.stream({ ...ask, model: "mock-thinking", thinking }).finalMessage();
  assert.deepEqual(message.content.map((block) => block.type), ["thinking", "text"]);
  assert.ok(message.content[0].signature);
});

test("tokens are counted", async () => {
  const counted = await client.messages.countTokens({ model: "mock-plain", messages });
  assert.ok(counted.input_tokens > 0);
});

test("errors are the client's own classes with their request ids", async () => {
  const expected = { 400: Anthropic.BadRequestError, 404: Anthropic.NotFoundError, 429: Anthropic.RateLimitError };
  for (const [status, kind] of Object.entries(expected)) {
    await assert.rejects(client.messages.create({ ...ask, model: `mock-status-${status}` }), (error) => {
      assert.ok(error instanceof kind);
      assert.equal(error.error.type, "error");
      assert.equal(error.requestID, error.headers.get("request-id"));
      return true;
    });
  }
});

test("a stream that breaks off throws", async () => {
  const stream = async () => collect(await client.messages.create({ ...ask, model: "mock-error-in-stream", stream: true }));
  await assert.rejects(stream, Anthropic.APIError);
});

test("the AI SDK generates and streams a text", async () => {
  const plain = await generateText({ model: claude("mock-plain"), prompt: QUESTION });
  assert.equal(plain.text, ANSWER);
  assert.equal(plain.finishReason, "stop");
  const streamed = streamText({ model: claude("mock-plain"), prompt: QUESTION });
  assert.equal(await streamed.text, ANSWER);
  assert.ok((await streamed.usage).totalTokens > 0);
});

test("the AI SDK runs a tool and answers its result", async () => {
  const asked = [];
  const execute = async ({ q }) => asked.push(q) && "Paris";
  const look_up = tool({ description: "Looks up", inputSchema: z.object({ q: z.string() }), execute });
  const options = { prompt: QUESTION, tools: { look_up }, stopWhen: stepCountIs(3) };
  const result = await generateText({ model: claude("mock-agent"), ...options });
  assert.deepEqual(asked, ["x"]);
  assert.match(result.text, /^Mock answer to:/);
});

test("the AI SDK shows what was thought", async () => {
  const providerOptions = { anthropic: { thinking: { type: "enabled", budgetTokens: 1024 } } };
  const options = { prompt: QUESTION, maxOutputTokens: 2048, providerOptions };
  const result = await generateText({ model: claude("mock-thinking"), ...options });
  assert.equal(result.reasoningText, "The question is easy, and so is the answer.");
  assert.equal(result.text, ANSWER);
});
