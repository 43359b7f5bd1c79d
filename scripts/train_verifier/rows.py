"""Labelled pairs of the shared files, who belongs to whose family, and which families are held back.

A row is a dict with `a` (remembered), `b` (asked), `label`, `weight`, `file`, `tag` and `folds`: the folds of all families
that it touches. Families are what must not be split: a template, an intent, and all rows that a question connects.
"""

import gzip
import hashlib
import json

FOLDS = 5
SEED = 20261130
# The files, and how much a row of theirs weighs. Of the rows whose label a rule gave the weight is lower still: the same
# intent is not always the same answer.
FILES = {
    "qqp": 1.0,
    "checklist": 1.0,
    "checklist-edits": 0.5,
    "cannot": 1.0,
    "disfl-qa": 1.0,
    "banking77": 0.5,
    "clinc150": 0.5,
    "minimal-pairs": 0.0,
}
WEAK = 0.5
# What came from Quora's questions: a model is trained without it as well.
QUORA = ("qqp", "checklist-edits")


def normal(text):
    return " ".join(text.lower().split())


def lines(path):
    opened = gzip.open(path, "rt", encoding="utf-8") if path.suffix == ".gz" else open(path, encoding="utf-8")
    with opened as file:
        for line in file:
            if line.strip():
                yield json.loads(line)


def fold_of(name):
    """A number for a family, the same in each run and on each machine."""
    digest = hashlib.blake2b(f"{SEED}:{name}".encode(), digest_size=4).hexdigest()
    return int(digest, 16) % FOLDS


class Families:
    """Which texts and names hang together."""

    def __init__(self):
        self.parent = {}

    def find(self, name):
        self.parent.setdefault(name, name)
        while self.parent[name] != name:
            self.parent[name] = self.parent[self.parent[name]]
            name = self.parent[name]
        return name

    def join(self, names):
        for other in names[1:]:
            self.parent[self.find(other)] = self.find(names[0])


def named(row, file):
    """The families that a row names of itself; intents are several and are not joined by a pair that compares them."""
    for key in ("family", "test", "intent"):
        if row.get(key):
            return [f"{file}:{key}:{name}" for name in str(row[key]).split("|")]
    return []


def trace_texts(folder):
    """The questions of the trace: what is measured on it has never been trained on."""
    return {normal(row["q"]) for row in lines(folder / "trace.jsonl.gz")}


def load(folder):
    """All rows, with `held` set on those that only ever measure."""
    trace = trace_texts(folder)
    families, rows = Families(), []
    for file, weight in FILES.items():
        for row in lines(folder / f"{file}.jsonl"):
            row["file"], row["named"] = file, named(row, file)
            row["weight"] = weight * (WEAK if row.get("weak") else 1.0)
            if not row["named"]:
                families.join([f"text:{normal(row[side])}" for side in "ab"])
            rows.append(row)
    touched = set()
    for row in rows:
        texts = [normal(row[side]) for side in "ab"]
        row["families"] = row["named"] or [families.find(f"text:{texts[0]}")]
        if any(text in trace for text in texts) and not row["named"]:
            touched.update(row["families"])
    for row in rows:
        texts = [normal(row[side]) for side in "ab"]
        row["folds"] = sorted({fold_of(family) for family in row["families"]})
        # Of a template or an intent that the trace has too only the rows with its questions are left out.
        row["held"] = row["weight"] == 0 or any(t in trace for t in texts) or any(f in touched for f in row["families"])
    return rows


def split(rows, fold):
    """What a model is trained on that never saw the families of `fold`, and what it is then measured on."""
    train = [row for row in rows if not row["held"] and fold not in row["folds"]]
    test = [row for row in rows if row["folds"] == [fold] or (row["held"] and fold is None)]
    return train, test
