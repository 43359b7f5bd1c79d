// What the tests of all clients share: where the gateway is, namespaces of their own, and what the upstream saw.

export const ROOT = process.env.REPRISE_URL;
export const BASE_URL = `${ROOT}/v1`;
const MOCK = process.env.MOCK_URL;

export const QUESTION = "What is the capital of France?";
export const ANSWER = `Mock answer to: ${QUESTION} 🍎`;

let namespaces = 0;

/** Headers by which no test meets the answers of another. */
export function apart() {
  namespaces += 1;
  return { "x-reprise-namespace": `${process.env.NAMESPACE}-${namespaces}` };
}

/** What has come to the upstream since the last `forget`. */
export async function seen() {
  const response = await fetch(`${MOCK}/mock/requests`);
  return response.json();
}

export async function forget() {
  await fetch(`${MOCK}/mock/reset`, { method: "POST" });
}

/** All that a stream brings. */
export async function collect(stream) {
  const all = [];
  for await (const item of stream) {
    all.push(item);
  }
  return all;
}
