"""Pairs out of the hand-written sets in `sets/`: wordings of one question, and questions that look close and ask something else."""

import itertools
import json
import pathlib
import random

from .rows import SEED, fold_of, normal

HERE = pathlib.Path(__file__).resolve().parent / "sets"
SAME, OTHER = 6, 9


def load():
    """All sets, each with the name of its file."""
    for path in sorted(HERE.glob("*.jsonl")):
        with open(path, encoding="utf-8") as file:
            for line in file:
                yield path.stem, json.loads(line)


def pairs():
    """Of each set a sample of its pairs: wordings with each other, wordings with other questions, and those with each other."""
    chance = random.Random(SEED + 3)
    for name, one in load():
        same, other = one["same"], one["other"]
        folds = [fold_of(f"set:{normal(same[0])}")]
        alike = list(itertools.combinations(same, 2))
        apart = list(itertools.product(same, other)) + list(itertools.combinations(other, 2))
        for label, found, most in ((1, alike, SAME), (0, apart, OTHER)):
            for a, b in chance.sample(found, min(most, len(found))):
                a, b = (a, b) if chance.random() < 0.5 else (b, a)
                yield {"a": a, "b": b, "label": label, "file": "sets", "tag": name, "folds": folds, "held": False, "weight": 1.0}
