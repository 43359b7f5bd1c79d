"""Pairs out of the embedding model's own index: real questions that it takes for near ones and that ask something else, and
plain likeness, as far as it knows that.

No label says so of them, so only those are taken of which it is plain: each names something, a number or a proper noun, that
the other does not; or they are near but not that near. What is labelled as the same is left out, and so is what it leads to.
"""

import math
import random
import re

import numpy
import onnxruntime

from .rows import SEED, Families, normal

COUNT = 8_000
NEIGHBOURS = 12
NEAR = (0.60, 0.93)
# Without a name or a number that tells two questions apart they must be further from each other.
UNNAMED_BELOW = 0.74
# Pairs of which nothing is known but their cosine: reading the two together must not forget what the embedding model knows.
LIKENESS = 12_000
LIKENESS_WEIGHT = 0.7
BATCH_TOKENS = 4096

def embed(model, texts, reader):
    """Unit vectors `[texts, 384]` by the model that the gateway embeds with."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 2
    session = onnxruntime.InferenceSession(str(model / "model.onnx"), options, providers=["CPUExecutionProvider"])
    reader.read(texts)
    order = sorted(range(len(texts)), key=lambda i: len(reader.known[texts[i]]))
    vectors = numpy.zeros((len(texts), 384), dtype=numpy.float32)
    at = 0
    while at < len(order):
        size = max(1, BATCH_TOKENS // (len(reader.known[texts[order[min(at + 63, len(order) - 1)]]]) + 2))
        places = order[at : at + min(size, 64)]
        ids = [[101, *reader.known[texts[i]], 102] for i in places]
        longest = max(map(len, ids))
        padded = numpy.array([row + [0] * (longest - len(row)) for row in ids], dtype=numpy.int64)
        mask = numpy.array([[1] * len(row) + [0] * (longest - len(row)) for row in ids], dtype=numpy.int64)
        vectors[places] = session.run(["embedding"], {"input_ids": padded, "attention_mask": mask})[0]
        at += len(places)
    return vectors

def neighbours(vectors):
    """The nearest others of each, with their cosines."""
    for start in range(0, len(vectors), 1024):
        cosines = vectors[start : start + 1024] @ vectors.T
        nearest = numpy.argpartition(-cosines, NEIGHBOURS, axis=1)[:, : NEIGHBOURS + 1]
        for i, row in enumerate(nearest):
            for j in row:
                if start + i < j:
                    yield start + i, int(j), float(cosines[i, j])

def names(text):
    """What a question names: numbers, and words with a capital that do not stand at its start."""
    return {w.lower() for w in re.findall(r"\d[\d.,]*|(?<=[a-z,] )[A-Z][\w.+#-]*", text)}

def pairs(model, bases, rows, reader):
    """Near pairs of real questions: those that plainly ask something else, with label 0, and plain likeness.

    `bases` are texts with their folds."""
    chance = random.Random(SEED + 2)
    same = Families()
    for row in rows:
        if row["label"]:
            same.join([normal(row[side]) for side in "ab"])
    texts = [text for text, _ in bases]
    named, near, alike = [], [], []
    for i, j, cosine in neighbours(embed(model, texts, reader)):
        a, b = texts[i], texts[j]
        if same.find(normal(a)) == same.find(normal(b)):
            continue
        one, other = names(a), names(b)
        if one == other:
            alike.append((i, j, cosine))
        if NEAR[0] <= cosine <= NEAR[1]:
            if one - other and other - one:
                named.append((i, j))
            elif cosine < UNNAMED_BELOW and one == other:
                near.append((i, j))
    for tag, found in (("named", named), ("near", near)):
        for i, j in chance.sample(found, min(len(found), COUNT // 2)):
            yield row_of(chance, bases, (i, j), 0, "mined", tag)
    for i, j, cosine in evenly(chance, alike):
        yield row_of(chance, bases, (i, j), likely(cosine), "likeness", "likeness")


def evenly(chance, alike):
    """As many of each cosine."""
    steps = {}
    for pair in alike:
        steps.setdefault(int(pair[2] * 20), []).append(pair)
    each = LIKENESS // len(steps)
    for _, found in sorted(steps.items()):
        yield from chance.sample(found, min(len(found), each))


def likely(cosine):
    """What the embedding model's cosine says of two questions of which nothing else is known: a half at 0.8."""
    return 1 / (1 + math.exp(-15 * (cosine - 0.8)))


def row_of(chance, bases, at, label, file, tag):
    i, j = at if chance.random() < 0.5 else at[::-1]
    folds = sorted({*bases[i][1], *bases[j][1]})
    weight = 0.5 if file == "mined" else LIKENESS_WEIGHT
    return {"a": bases[i][0], "b": bases[j][0], "label": label, "file": file, "tag": tag, "folds": folds, "held": False, "weight": weight}
