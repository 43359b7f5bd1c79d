"""Counts the wrong hits of a replayed trace anew: two groups of a trace may ask the same, so its wrong hits were read, pair by
pair, by readers who did not know which run served them. Nor do all pairs of one group ask the same: that is not counted here.

Input: runs by name, NAME.json and NAME.jsonl of `reprise eval trace FILE --json --wrong NAME.jsonl > NAME.json`. What was read
is in trace.tsv, hashes in place of texts, and 1 where one answer serves both; --unread lists what nobody has read yet.
"""

import argparse
import hashlib
import json
import pathlib

PATH = pathlib.Path(__file__).resolve().parent / "trace.tsv"
TRAP = "trap:"


def main():
    arguments = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    arguments.add_argument("runs", nargs="+", help="names of runs")
    arguments.add_argument("--unread", action="store_true", help="list the pairs that nobody has read, in place of figures")
    options = arguments.parse_args()
    runs = {name: read(name) for name in options.runs}
    if options.unread:
        for one, other in sorted({pair for _, wrong in runs.values() for pair, *_ in wrong if mark(*pair) not in known()}):
            print(f"{one}\t{other}")
        return
    print_table(runs)


def read(name):
    """The figures of a run, and its wrong hits: both questions and the kind of request."""
    figures = json.loads(pathlib.Path(f"{name}.json").read_text(encoding="utf-8"))
    lines = pathlib.Path(f"{name}.jsonl").read_text(encoding="utf-8").splitlines()
    wrong = [((hit["stored"], hit["asked"]), hit["kind"]) for hit in map(json.loads, lines)]
    return figures, wrong


def mark(one, other):
    """What stands for a pair, in either order."""
    digest = lambda text: hashlib.blake2b(" ".join(text.lower().split()).encode(), digest_size=8).hexdigest()
    return tuple(sorted((digest(one), digest(other))))


def known():
    """What was read: whether one answer serves both."""
    lines = PATH.read_text(encoding="utf-8").splitlines()
    return {(one, other): label == "1" for one, other, label in map(str.split, lines)}


def print_table(runs):
    said = known()
    print(f"{'run':24}{'found':>12}{'hits':>7}{'wrong by groups':>17}{'by reading':>12}{'unread':>8}{'traps':>8}{'wrong by groups':>17}{'by reading':>12}")
    for name, (figures, wrong) in runs.items():
        (told,) = figures.values()
        every, repeat = told["all"], told["repeat"]
        traps = sum(kind["n"] for tag, kind in told.items() if tag.startswith(TRAP))
        other = [(tag, said.get(mark(*pair))) for pair, tag in wrong]
        really = [tag for tag, same in other if same is False]
        trap = lambda tags: f"{sum(tag.startswith(TRAP) for tag in tags)}"
        share = lambda n: f"{n} {100 * n / max(1, every['semantic_hits']):.1f} %"
        print(
            f"{pathlib.Path(name).name:24}{repeat['semantic_found']:6}/{repeat['semantic_possible']:<5}{every['semantic_hits']:7}"
            f"{share(len(wrong)):>17}{share(len(really)):>12}{sum(same is None for _, same in other):8}"
            f"{traps:8}{trap([tag for tag, _ in other]):>17}{trap(really):>12}"
        )


if __name__ == "__main__":
    main()
