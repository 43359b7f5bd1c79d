"""Pairs as batches of token ids, pairs of about the same length together."""

import dataclasses
import random

import torch
from tokenizers import Tokenizer

# Most tokens of a pair that is trained on; the few longer ones are left out.
LONGEST = 80
TOKENS_PER_BATCH = 1024
PAIRS_PER_BATCH = 32


@dataclasses.dataclass
class Batch:
    """One batch, padded: ids, types and mask `[pairs, tokens]`, label and weight `[pairs]`, and the rows' places."""

    ids: torch.Tensor
    types: torch.Tensor
    mask: torch.Tensor
    label: torch.Tensor
    weight: torch.Tensor
    at: list

    def to(self, device):
        moved = {k: v.to(device) for k, v in self.__dict__.items() if k != "at"}
        return Batch(at=self.at, **moved)


class Reader:
    """The encoder's tokenizer; remembers what it has read."""

    def __init__(self, path):
        self.tokenizer = Tokenizer.from_file(str(path))
        self.tokenizer.encode_special_tokens = True
        self.known = {}

    def read(self, texts):
        new = list({text for text in texts if text not in self.known})
        for text, read in zip(new, self.tokenizer.encode_batch_fast(new, add_special_tokens=False)):
            self.known[text] = read.ids

    def pair(self, a, b):
        """Both framed as by themselves, one behind the other: ids and types."""
        cls, sep = 101, 102
        a, b = self.known[a], self.known[b]
        return [cls, *a, sep, cls, *b, sep], [0] * (len(a) + 2) + [1] * (len(b) + 2)


def fitting(rows, reader):
    reader.read([row[side] for row in rows for side in "ab"])
    return [row for row in rows if len(reader.pair(row["a"], row["b"])[0]) <= LONGEST]


def pack(rows, places, reader, flipped):
    pairs = [reader.pair(*((row["b"], row["a"]) if flip else (row["a"], row["b"]))) for row, flip in zip(rows, flipped)]
    longest = max(len(ids) for ids, _ in pairs)
    # Widths in steps, so that an accelerator sees few shapes.
    longest = -(-longest // 8) * 8
    padded = lambda part: torch.tensor([row[part] + [0] * (longest - len(row[part])) for row in pairs])
    mask = torch.tensor([[i < len(ids) for i in range(longest)] for ids, _ in pairs])
    number = lambda key: torch.tensor([float(row[key]) for row in rows])
    return Batch(padded(0), padded(1), mask, number("label"), number("weight"), places)


def batches(rows, reader, seed=None):
    """All rows once. With a seed in random order, each pair in either direction; without, in order of length."""
    chance = random.Random(seed)
    length = [len(reader.pair(row["a"], row["b"])[0]) for row in rows]
    order = list(range(len(rows)))
    if seed is not None:
        chance.shuffle(order)
        # Sorted by length in stretches, so that batches have little padding and are still mixed.
        stretch = 64 * 50
        order = [i for s in range(0, len(order), stretch) for i in sorted(order[s : s + stretch], key=length.__getitem__)]
    else:
        order.sort(key=length.__getitem__)
    packed, batch = [], []
    for i in order:
        full = len(batch) == PAIRS_PER_BATCH or (len(batch) + 1) * max(length[i], *(length[j] for j in batch), 0) > TOKENS_PER_BATCH
        if batch and full:
            packed.append(batch)
            batch = []
        batch.append(i)
    if batch:
        packed.append(batch)
    if seed is not None:
        chance.shuffle(packed)
    for places in packed:
        flipped = [seed is not None and chance.random() < 0.5 for _ in places]
        yield pack([rows[i] for i in places], places, reader, flipped)
