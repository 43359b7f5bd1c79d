"""Pairs of questions out of the templates in `templates/`: phrasings of one thing, slots with values, and twists that look
alike and ask something else."""

import pathlib
import tomllib

HERE = pathlib.Path(__file__).resolve().parent / "templates"


def families():
    """All families, as read."""
    found = []
    for path in sorted(HERE.glob("*.toml")):
        found.extend(tomllib.loads(path.read_text(encoding="utf-8"))["family"])
    return found


def filled(chance, phrasing, values):
    """A phrasing with the values of its slots, each in one of its spellings."""
    text = phrasing.format(**{slot: chance.choice(value.split("|")) for slot, value in values.items()})
    return text[:1].upper() + text[1:] if phrasing[:1] == "{" and chance.random() < 0.5 else text


def values_of(chance, family):
    """A value for each slot; two slots that stand for each other never have the same one."""
    values = {slot: chance.choice(known) for slot, known in family.get("slots", {}).items()}
    for one, other in [*family.get("symmetric", []), *family.get("directed", [])]:
        values[other] = chance.choice([v for v in family["slots"][other] if v != values[one]])
    return values


def exchanged(values, pair):
    one, other = pair
    return {**values, one: values[other], other: values[one]}


def same(chance, family):
    """Two questions that one answer serves."""
    values = values_of(chance, family)
    again = values
    if family.get("symmetric") and chance.random() < 0.5:
        again = exchanged(values, chance.choice(family["symmetric"]))
    known = family["phrasings"] if chance.random() < 0.85 else None
    if known is None:
        twist = chance.choice(family["twists"])
        return filled(chance, twist, values), filled(chance, twist, values)
    one, other = chance.sample(known, 2)
    return filled(chance, one, values), filled(chance, other, again)


def different(chance, family):
    """Two questions that need two answers, and what differs."""
    values = values_of(chance, family)
    one, other = chance.sample(family["phrasings"], 2)
    if chance.random() < 0.5:
        other = one
    kind = chance.random()
    if kind < 0.4:
        twist = chance.choice(family["twists"])
        if chance.random() < 0.2:
            first, second = chance.sample(family["twists"], 2)
            return filled(chance, first, values), filled(chance, second, values), "twists"
        return *turn(chance, filled(chance, one, values), filled(chance, twist, values)), "twist"
    if kind < 0.6 and family.get("directed"):
        back = exchanged(values, chance.choice(family["directed"]))
        return filled(chance, one, values), filled(chance, other, back), "direction"
    changed = next((v for v in (values_of(chance, family) for _ in range(20)) if differs(family, values, v)), None)
    if changed is None:
        return *turn(chance, filled(chance, one, values), filled(chance, family["twists"][0], values)), "twist"
    slot = chance.choice([slot for slot in values if values[slot] != changed[slot]])
    close = {**values, slot: changed[slot]}
    close = close if differs(family, values, close) else changed
    return filled(chance, one, values), filled(chance, other, close), "slot"


def differs(family, values, other):
    """Whether two fillings ask something else, however symmetric slots are exchanged."""
    if values == other:
        return False
    return not any(exchanged(values, pair) == other for pair in family.get("symmetric", []))


def turn(chance, a, b):
    return (a, b) if chance.random() < 0.5 else (b, a)
