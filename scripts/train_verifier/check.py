"""Checks what the training is made of without training: that edits, templates and sets hold what they promise, that they come
out the same each time, and that nothing that measures is among them. Needs nothing but Python.

    PYTHONPATH=scripts python3 -m train_verifier.check
"""

import itertools
import json
import pathlib
import random
import string
import sys

from . import differences, labels, rewordings, sets, templates, words
from .rows import fold_of, normal

HERE = pathlib.Path(__file__).resolve().parents[2]
MEASURES = HERE / "tests/data/minimal-pairs.jsonl"
QUESTIONS = [
    "How do I convert 5 miles to kilometers in Excel 2016?",
    "Why is the sky blue before sunrise?",
    "What is the difference between a cat and a dog?",
    "Should I buy the cheapest phone from India?",
    "Who was the first president of France on March 3, 1850?",
    "Is Python 3.8 older than Python 3.10?",
    "Please explain how James Miller beat Anna.",
]


def main():
    faults = [*of_sets(), *of_templates(), *of_edits(), *of_words(), *of_labels()]
    seen = {normal(json.loads(line)[side]) for line in open(MEASURES, encoding="utf-8") for side in "ab"}
    marks = {mark for one, other, _ in labels.load() for mark in (one, other)}
    faults += [f"measured on and labelled: {text}" for text in sorted(seen) if labels.mark(text) in marks]
    made = [text for _, one in sets.load() for text in one["same"] + one["other"]]
    chance = random.Random(1)
    for family in templates.families():
        for _ in range(20):
            made.extend(templates.same(chance, family))
    both = sorted({text for text in made if normal(text) in seen})
    faults += [f"measured on and trained on: {text}" for text in both]
    for fault in faults:
        print(fault)
    families, known, judged = len(templates.families()), len(list(sets.load())), len(list(labels.load()))
    print(f"{judged} natural pairs, {known} sets, {families} templates, {len(rewordings.ALL)} rewordings, {len(differences.ALL)} differences: {len(faults)} faults")
    sys.exit(bool(faults))


def of_sets():
    if list(sets.pairs()) != list(sets.pairs()):
        yield "sets: other pairs each time"
    for name, one in sets.load():
        told = f"sets/{name}: {one['same'][0]}"
        if set(one) != {"same", "other"} or len(one["same"]) < 4 or len(one["other"]) < 4:
            yield f"{told}: too few"
        texts = [normal(text) for text in one["same"] + one["other"]]
        if len(set(texts)) < len(texts):
            yield f"{told}: twice the same text"


def of_templates():
    chance = random.Random(1)
    names = [family["name"] for family in templates.families()]
    if len(set(names)) < len(names):
        yield "templates: a name twice"
    for family in templates.families():
        slots = set(family.get("slots", {}))
        for phrasing in family["phrasings"] + family["twists"]:
            used = {name for _, name, _, _ in string.Formatter().parse(phrasing) if name}
            if used != slots:
                yield f"templates: {family['name']}: {phrasing} does not use its slots"
        for one, other in [*family.get("symmetric", []), *family.get("directed", [])]:
            if family["slots"][one] != family["slots"][other]:
                yield f"templates: {family['name']}: {one} and {other} have other values"
        for _ in range(20):
            a, b, _ = templates.different(chance, family)
            if normal(a) == normal(b):
                yield f"templates: {family['name']}: no difference: {a}"


def of_edits():
    if fold_of("x") != fold_of("x") or not 0 <= fold_of("x") < 5:
        yield "folds: another one each time"
    for edit, _ in rewordings.ALL + differences.ALL:
        tries = [edit(random.Random(seed), text) for seed in range(30) for text in QUESTIONS]
        if edit not in FIT_OTHERS and not any(tries):
            yield f"{edit.__name__} fits none of the questions"
        if any(made is not None and not made.strip() for made in tries if isinstance(made, str)):
            yield f"{edit.__name__} leaves nothing"


def of_labels():
    known = list(labels.load())
    if known != sorted(known):
        yield "labels: not in order"
    if len({pair[:2] for pair in known}) < len(known):
        yield "labels: a pair twice"
    for one, other, label in known:
        if one >= other or label not in (0, 1):
            yield f"labels: {one} {other} {label}"


# What these need is in none of the questions.
FIT_OTHERS = {rewordings.possessive, rewordings.spelling}


def of_words():
    for name in ("synonyms", "spellings", "abbreviations", "siblings", "opposites"):
        for group in words.groups(name):
            if len(group) < 2 or len({m.lower() for m in group}) < 2 or not all(m.strip() for m in group):
                yield f"words/{name}: {group}"
    alike = {frozenset(pair) for name in ("synonyms", "spellings", "abbreviations") for group in words.groups(name) for pair in itertools.combinations([m.lower() for m in group], 2)}
    for name in ("siblings", "opposites"):
        for group in words.groups(name):
            for pair in itertools.combinations([m.lower() for m in group], 2):
                if frozenset(pair) in alike:
                    yield f"words: {pair} are the same and not the same"


if __name__ == "__main__":
    main()
