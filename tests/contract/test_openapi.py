"""The document that the gateway serves about itself, held against what it does: addresses, methods, roles, replies."""

import json
import re
import time
import urllib.error
import urllib.parse
import urllib.request

import jsonschema
import pytest

from processes import ROOT, Gateway

METHODS = {"get", "put", "post", "delete"}
QUESTION = "How do I reset my password?"
REWORDED = "How can I reset my password?"
UNLIKE = "How do I change my username?"


@pytest.fixture(scope="module")
def keyed(tmp_path_factory, upstream):
    running = Gateway(tmp_path_factory.mktemp("described"), upstream.base_url)
    yield running
    assert running.stop() == 0, "the gateway did not end cleanly"


@pytest.fixture(scope="module")
def keys(keyed):
    """A key of each role, all of one tenant."""
    create = ["keys", "create", "--tenant", "acme", "--role"]
    return {role: keyed.command(*create, role).strip() for role in ["app", "analyst", "admin"]}


@pytest.fixture(scope="module")
def send(keyed, keys):
    """Sends one request; gives status, headers and parsed body."""

    def call(method, path, body=None, role="admin", headers=None):
        lines = isinstance(body, str)
        data = body.encode() if lines else None if body is None else json.dumps(body).encode()
        head = {"content-type": "application/jsonl" if lines else "application/json"} | (headers or {})
        if isinstance(body, Form):
            data, head["content-type"] = body.encoded(), "multipart/form-data; boundary=x"
        if role:
            head["authorization"] = f"Bearer {keys[role]}"
        request = urllib.request.Request(keyed.root + path, data, head, method=method.upper())
        try:
            reply = urllib.request.urlopen(request, timeout=60)
        except urllib.error.HTTPError as refused:
            reply = refused
        with reply:
            raw = reply.read().decode()
            is_json = reply.headers["content-type"].startswith("application/json")
            return reply.status, reply.headers, json.loads(raw) if is_json else raw

    return call


@pytest.fixture(scope="module")
def document(send):
    status, headers, document = send("get", "/admin/v1/openapi.json", role="app")
    assert status == 200 and headers["content-type"] == "application/json"
    return document


@pytest.fixture(scope="module")
def operations(document):
    """All operations by method and address."""
    return {
        (method, path): operation
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    }


class Form(dict):
    """The fields of a form."""

    def encoded(self):
        field = '--x\r\ncontent-disposition: form-data; name="{}"{}\r\n\r\n{}\r\n'
        named = {"file": '; filename="in.jsonl"'}
        return ("".join(field.format(k, named.get(k, ""), v) for k, v in self.items()) + "--x--\r\n").encode()


def resolve(document, value):
    """What a reference points to, or the value itself."""
    while "$ref" in value:
        at = document
        for part in value["$ref"].removeprefix("#/").split("/"):
            at = at[part]
        value = at
    return value


def filled(path):
    """An address with something in the place of each name."""
    return re.sub(r"\{(\w+)\}", lambda name: "acme" if name[1] == "namespace" else "req_unknown", path)


def test_it_is_sound(document, operations):
    assert document["openapi"].startswith("3.1")
    refs = set(re.findall(r'"#/[^"]+"', json.dumps(document)))
    assert all(resolve(document, {"$ref": json.loads(ref)}) for ref in refs)
    unused = {f'"#/components/schemas/{name}"' for name in document["components"]["schemas"]} - refs
    assert not unused
    names = [operation["operationId"] for operation in operations.values()]
    assert len(names) == len(set(names))
    for schema in document["components"]["schemas"].values():
        jsonschema.Draft202012Validator.check_schema(schema)
    for (method, path), operation in operations.items():
        named = {p["name"] for p in operation.get("parameters", []) if p.get("in") == "path"}
        assert named == set(re.findall(r"\{(\w+)\}", path)), (method, path)


def test_it_describes_every_address_of_the_server_and_no_other(document):
    sources = [ROOT / "src/server/mod.rs", ROOT / "src/server/admin/mod.rs"]
    code = "".join(source.read_text() for source in sources)
    served = {re.sub(r":[^}]+\}", "}", path) for path in re.findall(r'Address::at\("([^"]+)"\)', code)}
    assert len(served) == len(re.findall(r"Address::at\(", code))
    assert served == set(document["paths"])


def test_an_address_takes_the_methods_described_and_no_other(document, send):
    for path, methods in document["paths"].items():
        assert set(methods) <= METHODS
        status, headers, _ = send("patch", filled(path), {})
        assert status == 405, path
        assert set(headers["allow"].lower().split(", ")) - {"head"} == set(methods), path


def test_each_operation_demands_the_role_described(operations, send):
    ranks = ["app", "analyst", "admin"]
    for (method, path), operation in operations.items():
        body = None if method == "get" else {}
        role, address = operation["x-role"], filled(path)
        status = send(method, address, body, role=None)[0]
        if role == "none":
            assert status == 200, (method, path)
            continue
        assert status == 401 and "401" in operation["responses"], (method, path)
        for lower in ranks[: ranks.index(role)]:
            status, _, refusal = send(method, address, body, role=lower)
            assert (status, refusal["error"]["code"]) == (403, "forbidden"), (method, path, lower)
            assert "403" in operation["responses"], (method, path)


def test_an_undescribed_parameter_is_refused(document, operations, send):
    for (method, path), operation in operations.items():
        given = [resolve(document, parameter) for parameter in operation.get("parameters", [])]
        query = [parameter for parameter in given if parameter["in"] == "query"]
        if not query:
            continue
        needed = {"namespace": "acme"} if any(p["name"] == "namespace" for p in query) else {}
        for name in ["nonsense", "Limit"]:
            asked = urllib.parse.urlencode(needed | {name: "1"})
            status, _, refusal = send(method, f"{filled(path)}?{asked}")
            assert (status, refusal["error"]["code"]) == (400, "invalid_request"), (method, path)


class Checked:
    """Sends what the document describes and holds each reply against it."""

    def __init__(self, document, operations, send):
        self.document, self.operations, self.send = document, operations, send
        self.seen = set()

    def __call__(self, method, path, body=None, status=200, query=None, headers=None, **names):
        operation = self.operations[method, path]
        if body is not None:
            self.body(operation, body)
        if query:
            described = {resolve(self.document, p)["name"] for p in operation["parameters"]}
            assert set(query) <= described
        address = path.format(**{name: urllib.parse.quote(value) for name, value in names.items()})
        address += "?" + urllib.parse.urlencode(query) if query else ""
        got, replied, reply = self.send(method, address, body, headers=headers)
        assert got == status, (method, path, reply)
        described = resolve(self.document, operation["responses"][str(status)])
        assert all(name in replied for name in described.get("headers", {}))
        kind = replied["content-type"].split(";")[0]
        self.valid(described["content"][kind]["schema"], reply)
        if status == 200:
            self.seen.add((method, path))
        return reply, replied

    def body(self, operation, body):
        content = operation["requestBody"]["content"]
        kind = "application/jsonl" if isinstance(body, str) else "application/json"
        kind = "multipart/form-data" if isinstance(body, Form) else kind
        self.valid(content[kind]["schema"], body)

    def valid(self, schema, value):
        whole = schema | {"components": self.document["components"]}
        jsonschema.Draft202012Validator(whole).validate(value)


@pytest.fixture
def call(document, operations, send, mock):
    return Checked(document, operations, send)


def ask(call, question, **fields):
    body = {"model": "mock-plain", "messages": [{"role": "user", "content": question}]} | fields
    return call("post", "/v1/chat/completions", body)[1]


def traffic(call):
    """A miss, a hit by meaning, an exact hit and a near miss; gives the id of the hit by meaning."""
    ask(call, QUESTION)
    hit = ask(call, REWORDED)
    assert hit["x-reprise-cache"] == "hit-semantic"
    ask(call, QUESTION)
    ask(call, UNLIKE)
    return hit["x-reprise-request-id"], hit["x-reprise-entry"]


def judge(call, hit):
    said = {"request_id": hit, "verdict": "right", "note": "read it", "queue": "random"}
    call("post", "/admin/v1/labels", said)
    call("post", "/v1/feedback", {"request_id": hit, "verdict": "right"})
    call("get", "/admin/v1/labels", query={"namespace": "acme", "source": "app", "verdict": "right", "limit": 5})
    call("get", "/admin/v1/decisions", query={"namespace": "acme", "outcome": "hit", "limit": 5})
    call("get", "/admin/v1/decisions", query={"outcome": "hit_exact"})
    call("get", "/admin/v1/queue", query={"namespace": "acme", "order": "boundary", "outcome": "near_miss"})
    call("get", "/admin/v1/quality", query={"namespace": "acme"})
    call("get", "/admin/v1/quality", query={"namespace": "acme", "model": "mock-*"})
    call("get", "/admin/v1/curve", query={"namespace": "acme", "kind": "threshold"})
    call("get", "/admin/v1/curve", query={"namespace": "acme", "model": "mock-plain"})
    explained, _ = call("get", "/admin/v1/explain/{request_id}", request_id=hit)
    assert len(explained["labels"]) == 2


def govern(call):
    draft = {"probability": 0.9, "guards": {"numbers": True}, "ttl_classes": {"static": None}, "reason": "surer"}
    call("post", "/admin/v1/preview", {"namespace": "acme", "policy": draft})
    budget = {"kind": "budget", "budget": 0.05}
    call("post", "/admin/v1/preview", {"namespace": "acme", "policy": budget})
    own = {"models": {"mock-*": budget, "mock-plain": {"ttl_s": 60, "ttl_classes": {"static": 60}, "public": True}}}
    call("post", "/admin/v1/preview", {"namespace": "acme", "policy": own, "model": "mock-*"})
    pairs = [{"namespace": "acme", "policy": draft, "model": "mock-plain"}, {"a": QUESTION, "b": REWORDED, "label": 1}, {"a": "x", "b": "y"}]
    call("post", "/admin/v1/preview/pairs", "\n".join(map(json.dumps, pairs)))
    change, _ = call("post", "/admin/v1/changes", {"namespace": "acme", "policy": draft, "bound": 0.1})
    for move in [{"stage": "shadow"}, {"stage": "share", "share": 0.5}]:
        call("post", "/admin/v1/changes/{id}", move, id=change["id"])
    ask(call, "How may I reset my password?")
    call("get", "/admin/v1/decisions", query={"namespace": "acme"})
    call("get", "/admin/v1/changes/{id}", id=change["id"])
    call("post", "/admin/v1/changes/{id}", {"stage": "applied", "reason": "it held"}, id=change["id"])
    call("get", "/admin/v1/changes", query={"namespace": "acme", "limit": 3})
    policy, head = call("get", "/admin/v1/policies/{namespace}", namespace="acme")
    assert head["etag"] == f'"{policy["version"]}"'
    bound = budget | {"capacity_entries": 1000, "models": {"mock-*": {"capacity_entries": 100}}}
    call("put", "/admin/v1/policies/{namespace}", bound, headers={"if-match": head["etag"]}, namespace="acme")
    bounded(call)
    head = call("get", "/admin/v1/policies/{namespace}", namespace="acme")[1]
    call("put", "/admin/v1/policies/{namespace}", own, headers={"if-match": head["etag"]}, namespace="acme")
    assert call("get", "/admin/v1/quality", query={"namespace": "acme"})[0]["budgets_by_model"]["mock-*"]
    ask(call, REWORDED)
    assert call("get", "/admin/v1/decisions", query={"namespace": "acme"})[0]["data"]
    call("get", "/admin/v1/versions", query={"namespace": "acme"})
    call("post", "/admin/v1/rollback", {"namespace": "acme", "version": 0, "reason": "as it was"})


def bounded(call):
    """A bound is known within seconds, and shown."""
    deadline = time.monotonic() + 20
    while call("get", "/admin/v1/quality", query={"namespace": "acme"})[0]["room"] is None:
        assert time.monotonic() < deadline, "the bound never came"
        time.sleep(0.02)
    patterns = [room["models"] for room in call("get", "/admin/v1/stats")[0]["rooms"]]
    assert patterns == [None, "mock-*"]


def prompted(call):
    """The same question under prompts that differ in a date, and what leaving that out would give."""
    for day in ["27", "28"]:
        system = {"role": "system", "content": f"You are a helpful assistant. Today is 2026-11-{day}."}
        ask(call, QUESTION, messages=[system, {"role": "user", "content": QUESTION}])
    scopes, _ = call("get", "/admin/v1/scopes", query={"namespace": "acme"})
    draft = {"system_ignore": scopes["data"][0]["system_ignore"]}
    preview, _ = call("post", "/admin/v1/preview", {"namespace": "acme", "policy": draft})
    assert preview["system_ignore"]["gained"]["same_words"] == 1


def remember(call, entry):
    call("get", "/admin/v1/entries", query={"tenant": "acme", "limit": 1})
    call("get", "/admin/v1/entries/{id}", id=entry)
    call("delete", "/admin/v1/entries/{id}", id=entry)
    for what in [{"tag": "x"}, {"older_than_s": 3600, "namespace": "acme"}, {"tenant": "acme"}]:
        call("post", "/admin/v1/invalidate", what)
    call("delete", "/admin/v1/entries", query={"tenant": "acme", "user": "u-1"})


def later(call):
    """A batch and a job, to their ends."""
    url = "/v1/chat/completions"
    body = {"model": "mock-plain", "messages": [{"role": "user", "content": QUESTION}]}
    line = json.dumps({"custom_id": "a", "method": "POST", "url": url, "body": body})
    file, _ = call("post", "/v1/files", Form(purpose="batch", file=line))
    wanted = {"input_file_id": file["id"], "endpoint": url, "completion_window": "24h", "metadata": {"a": "b"}}
    batch, _ = call("post", "/v1/batches", wanted)
    batch = until(call, "/v1/batches/{id}", batch)
    call("get", "/v1/batches", query={"limit": 5})
    call("get", "/v1/files", query={"limit": 5, "order": "asc", "purpose": "batch"})
    call("get", "/v1/files/{id}", id=batch["output_file_id"])
    content, _ = call("get", "/v1/files/{id}/content", id=batch["output_file_id"])
    assert json.loads(content)["custom_id"] == "a"
    call("post", "/v1/batches/{id}/cancel", status=409, id=batch["id"])
    gated = line.replace("mock-plain", "mock-slow-2000")
    wanted["input_file_id"] = call("post", "/v1/files", Form(purpose="batch", file=gated))[0]["id"]
    batch, _ = call("post", "/v1/batches", wanted)
    call("post", "/v1/batches/{id}/cancel", id=batch["id"])
    until(call, "/v1/batches/{id}", batch)
    call("delete", "/v1/files/{id}", id=file["id"])
    job, _ = call("post", url, body, status=202, headers={"x-reprise-async": "true"})
    until(call, "/v1/jobs/{id}", job)
    call("delete", "/v1/jobs/{id}", id=job["id"])
    call("get", "/v1/jobs/{id}", status=404, id=job["id"])


def until(call, path, started):
    """What it is when it is over."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        found, _ = call("get", path, id=started["id"])
        if found["status"] in ["completed", "cancelled"]:
            return found
        time.sleep(0.02)
    raise AssertionError(f"it was never over: {found}")


def operate(call):
    call("post", "/admin/v1/snapshot")
    for path in ["/admin/v1/stats", "/admin/v1/openapi.json", "/v1/models", "/healthz", "/readyz", "/metrics"]:
        call("get", path)
    call("get", "/v1/models/{id}", id="mock-plain")


def converse(call):
    """The same question in each dialect."""
    call("post", "/v1/completions", {"model": "mock-plain", "prompt": QUESTION})
    message = {"role": "user", "content": QUESTION}
    call("post", "/v1/messages", {"model": "mock-plain", "max_tokens": 50, "messages": [message]})
    call("post", "/v1/messages/count_tokens", {"model": "mock-plain", "messages": [message]})
    call("post", "/v1/embeddings", {"model": "mock-plain", "input": [QUESTION, "another text"]})
    call("post", "/v1/moderations", {"input": QUESTION})
    response, _ = call("post", "/v1/responses", {"model": "mock-plain", "input": QUESTION})
    for path in ["/v1/responses/{id}", "/v1/responses/{id}/input_items"]:
        call("get", path, id=response["id"])
    call("delete", "/v1/responses/{id}", id=response["id"])


def test_every_operation_answers_as_described(call, operations):
    hit, entry = traffic(call)
    judge(call, hit)
    govern(call)
    prompted(call)
    remember(call, entry)
    later(call)
    operate(call)
    converse(call)
    assert call.seen == set(operations)


def test_refusals_are_described_and_have_the_errors_shape(call):
    call("get", "/admin/v1/explain/{request_id}", status=404, request_id="req_unknown")
    call("get", "/admin/v1/curve", status=400, query={"namespace": "acme", "kind": "none"})
    call("get", "/admin/v1/versions", status=404, query={"namespace": "a b"})
    put, draft = "/admin/v1/policies/{namespace}", {"threshold": 0.9, "kind": "threshold"}
    call("put", put, draft, status=428, namespace="acme")
    call("put", put, draft, status=409, namespace="acme", headers={"if-match": '"99"'})
    back = {"namespace": "acme/refused", "version": 0}
    call("put", put, draft, namespace="acme/refused", headers={"if-match": "0"})
    call("post", "/admin/v1/rollback", back, headers={"if-match": "1"})
    call("post", "/admin/v1/rollback", {"namespace": "acme/refused"}, status=409)
