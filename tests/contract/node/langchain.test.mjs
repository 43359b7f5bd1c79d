// LangChain for JavaScript against the gateway's chat completions.
import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";

import { HumanMessage, ToolMessage } from "@langchain/core/messages";
import { tool } from "@langchain/core/tools";
import { ChatOpenAI } from "@langchain/openai";
import { z } from "zod";

import { ANSWER, BASE_URL, QUESTION, apart, collect, forget, seen } from "./helpers.mjs";

let defaultHeaders;

beforeEach(async () => {
  await forget();
  defaultHeaders = apart();
});

function chat(model) {
  const configuration = { baseURL: BASE_URL, defaultHeaders };
  return new ChatOpenAI({ model, apiKey: "unused", maxRetries: 0, configuration });
}

const lookUp = tool(async ({ q }) => `result for ${q}`, {
  name: "look_up",
  description: "Looks up",
  schema: z.object({ q: z.string() }),
});

test("a model is invoked, and the second time from memory", async () => {
  for (let turn = 0; turn < 2; turn += 1) {
    const message = await chat("mock-plain").invoke(QUESTION);
    assert.equal(message.content, ANSWER);
    assert.ok(message.usage_metadata.total_tokens > 0);
  }
  assert.equal((await seen()).count, 1);
});

test("a stream's chunks add up to the answer", async () => {
  const chunks = await collect(await chat("mock-plain").stream(QUESTION));
  assert.ok(chunks.length > 2);
  const whole = chunks.reduce((all, chunk) => all.concat(chunk));
  assert.equal(whole.content, ANSWER);
  assert.ok(whole.usage_metadata.total_tokens > 0);
});

test("a bound tool is called and its result goes up", async () => {
  const model = chat("mock-agent").bindTools([lookUp]);
  const question = new HumanMessage(QUESTION);
  const called = await model.invoke([question]);
  const [call] = called.tool_calls;
  assert.equal(call.name, "look_up");
  assert.deepEqual(call.args, { q: "x" });
  const result = await lookUp.invoke(call);
  assert.ok(result instanceof ToolMessage);
  const answer = await model.invoke([question, called, result]);
  assert.equal(answer.content, ANSWER);
  const { messages } = (await seen()).requests.at(-1).body;
  assert.equal(messages.at(-1).content, "result for x");
});

test("a streamed tool call is put together", async () => {
  const chunks = await collect(await chat("mock-tools").bindTools([lookUp]).stream(QUESTION));
  const whole = chunks.reduce((all, chunk) => all.concat(chunk));
  assert.deepEqual(whole.tool_calls.map((c) => [c.name, c.args]), [["look_up", { q: "x" }]]);
});

test("a structured answer follows its schema", async () => {
  const schema = z.object({ city: z.string() });
  const model = chat("mock-echo").withStructuredOutput(schema, { method: "jsonSchema", name: "city" });
  assert.deepEqual(await model.invoke('{"city":"Paris"}'), { city: "Paris" });
});

test("an error keeps its status", async () => {
  await assert.rejects(chat("mock-status-400").invoke(QUESTION), (error) => error.status === 400);
});
