"""Labels of natural pairs: real questions that the embedding model takes for near ones, each pair read and judged for this project.

`labels/natural.tsv` has hashes in place of the questions, whose texts stay where they are: a hash of each, and 1 where one
stored answer serves both.
"""

import hashlib
import pathlib

from .rows import normal

# What the gateway meets is like these more than like anything that is written or made.
WEIGHT = 2.0
PATH = pathlib.Path(__file__).resolve().parent / "labels" / "natural.tsv"


def mark(text):
    return hashlib.blake2b(normal(text).encode(), digest_size=8).hexdigest()


def load():
    """Two hashes and a label each."""
    with open(PATH, encoding="utf-8") as file:
        for line in file:
            one, other, label = line.split()
            yield one, other, int(label)


def pairs(bases):
    """The pairs whose questions are both among `bases`, texts with their folds."""
    known = {mark(text): (text, folds) for text, folds in bases}
    for one, other, label in load():
        if one in known and other in known:
            (a, one_folds), (b, other_folds) = known[one], known[other]
            folds = sorted({*one_folds, *other_folds})
            yield {"a": a, "b": b, "label": label, "file": "natural", "tag": "natural", "folds": folds, "held": False, "weight": WEIGHT}
