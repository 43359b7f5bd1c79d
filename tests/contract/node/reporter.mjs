// Tells how each test went, a line of JSON for each: what pytest shows is taken from these.
import { inspect } from "node:util";

export default async function* lines(events) {
  for await (const { type, data } of events) {
    if (type === "test:pass" || type === "test:fail") {
      const error = data.details?.error;
      yield JSON.stringify({
        name: data.name,
        passed: type === "test:pass",
        error: error ? inspect(error.cause ?? error, { depth: 4 }) : null,
      }) + "\n";
    }
  }
}
