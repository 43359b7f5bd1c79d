"""The word lists under `words/`, and the small tools that edits share. Each list is one group a line, members parted by `|`."""

import functools
import pathlib
import re

HERE = pathlib.Path(__file__).resolve().parent / "words"
NUMBERS = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen "
    "eighteen nineteen twenty"
).split()
TENS = dict(zip("twenty thirty forty fifty sixty seventy eighty ninety".split(), range(20, 100, 10)))


@functools.cache
def groups(name):
    """The groups of a list, as tuples."""
    with open(HERE / f"{name}.txt", encoding="utf-8") as file:
        lines = [line.rstrip("\n") for line in file if line.strip() and not line.startswith("#")]
    return [tuple(line.split("|")) for line in lines]


@functools.cache
def members(name):
    """From each member of a list, in lower case, to the groups that it is in."""
    found = {}
    for group in groups(name):
        for member in group:
            found.setdefault(member.lower(), []).append(group)
    return found


@functools.cache
def pattern(name):
    """Finds any member as whole words, the longest first. A short name with capitals is found with them only: `GET` is not
    `get`."""
    names = sorted({member for group in groups(name) for member in group}, key=len, reverse=True)
    either = lambda word: re.escape(word) if len(word) < 5 and word != word.lower() else f"(?i:{re.escape(word)})"
    return re.compile(r"(?<![\w'-])(?:" + "|".join(map(either, names)) + r")(?![\w'-])")


def like(model, word):
    """`word` with the capital of `model`, where that is a plain word."""
    if model[:1].isupper() and model[1:].islower() and word[:1].islower():
        return word[:1].upper() + word[1:]
    return word


def exchange(chance, text, name):
    """`text` with one member of a list in the place of another of its group, or None."""
    found = list(pattern(name).finditer(text))
    if not found:
        return None
    match = chance.choice(found)
    group = chance.choice(members(name)[match.group().lower()])
    others = [other for other in group if other.lower() != match.group().lower()]
    if not others:
        return None
    return text[: match.start()] + like(match.group(), chance.choice(others)) + text[match.end() :]


def sub_one(chance, text, regex, make):
    """`text` with one match of `regex` replaced by what `make` says of it, or None."""
    found = list(re.finditer(regex, text))
    if not found:
        return None
    match = chance.choice(found)
    made = make(match)
    return None if made is None or made == match.group() else text[: match.start()] + made + text[match.end() :]


def lower_first(text):
    """For the middle of a sentence: the first word without its capital, unless it is a name or an abbreviation."""
    first = text.split(" ", 1)[0]
    plain = first[1:].islower() or first in ("I", "A")
    return text[:1].lower() + text[1:] if plain and first != "I" and not first.startswith("I'") else text


def upper_first(text):
    return text[:1].upper() + text[1:]


def spelled(number):
    """A small number in words."""
    if number <= 20:
        return NUMBERS[number]
    ten, one = number // 10 * 10, number % 10
    word = next(w for w, n in TENS.items() if n == ten)
    return f"{word}-{NUMBERS[one]}" if one else word
