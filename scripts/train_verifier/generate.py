"""Generated pairs: edits of real questions and templates, with rewordings on top, so that a pair which differs in what
counts differs in other ways as well."""

import random

from . import differences, rewordings, templates
from .rows import QUORA, SEED, fold_of, lines, normal, trace_texts

EDITS = 12_000
BY_TEMPLATE = 70
# Questions that an edit is tried on.
TRIES = 300
SHORTEST, LONGEST = 3, 28


def bases(folder, rows, quora):
    """Real questions to edit, with the fold of the family of each; none that measures."""
    known = {}
    for row in rows:
        for side in "ab":
            known.setdefault(normal(row[side]), (set(), []))[1].append(row)
    trace = trace_texts(folder)
    found = []
    for row in lines(folder / "questions.jsonl.gz"):
        text = row["q"].strip()
        if row["source"] in QUORA and not quora:
            continue
        if normal(text) in trace or not SHORTEST <= len(text.split()) <= LONGEST or not text.isascii():
            continue
        mine = known.get(normal(text), (None, []))[1]
        if any(r["held"] for r in mine):
            continue
        folds = sorted({fold for r in mine for fold in r["folds"]}) or [fold_of(f"text:{normal(text)}")]
        found.append((text, folds))
    return found


def edits(folder, rows, quora, count=EDITS):
    """As many pairs of each label. The edit is drawn before the question: those that fit few are as frequent as others."""
    chance = random.Random(SEED)
    known = bases(folder, rows, quora)
    kinds, often = zip(*differences.ALL)
    made = []
    while len(made) < 2 * count:
        label = len(made) % 2
        edit = rewordings.drawn(chance) if label else chance.choices(kinds, often)[0]
        for text, folds in (chance.choice(known) for _ in range(TRIES)):
            pair = same(chance, edit, text) if label else differing(chance, edit, text)
            if pair and normal(pair[0]) != normal(pair[1]):
                made.append(row(*pair, label, "edits", edit.__name__, folds))
                break
    return made


def same(chance, edit, text):
    made = edit(chance, text)
    if made is None:
        return None
    made = rewordings.reworded(chance, made, chance.choice((1, 1, 2))) or made if chance.random() < 0.6 else made
    again = rewordings.reworded(chance, text, 1) if chance.random() < 0.3 else None
    return (again or text), made


def differing(chance, edit, text):
    found = differences.changed(chance, edit, text)
    if found is None:
        return None
    one, two = found
    # A rewording on either side: what differs must not stand alone.
    one = rewordings.reworded(chance, one, 1) or one if chance.random() < 0.3 else one
    two = rewordings.reworded(chance, two, chance.choice((1, 2))) or two if chance.random() < 0.55 else two
    return (one, two) if chance.random() < 0.5 else (two, one)


def from_templates(count=BY_TEMPLATE):
    """Pairs of each family, half of them of each label."""
    chance = random.Random(SEED + 1)
    made = []
    for family in templates.families():
        folds = [fold_of(f"template:{family['name']}")]
        for i in range(count):
            label = i % 2
            a, b, tag = (*templates.same(chance, family), "same") if label else templates.different(chance, family)
            if chance.random() < 0.35:
                b = rewordings.reworded(chance, b, 1) or b
            if normal(a) != normal(b):
                made.append(row(a, b, label, "templates", tag, folds))
    return made


def row(a, b, label, file, tag, folds):
    return {"a": a, "b": b, "label": label, "file": file, "tag": tag, "folds": folds, "held": False, "weight": 0.5}

