"""Near pairs of real questions, drawn evenly over their cosines, read and judged for this project, as rows that `verdict_features`
reads. The verifier is trained on none of them: their families are those that it stops by.

`natural.tsv` has hashes in place of the questions, whose texts stay where they are.
"""

import argparse
import gzip
import hashlib
import json
import pathlib

HERE = pathlib.Path(__file__).resolve()
QUESTIONS = HERE.parents[3] / "shared/data/semantic-pairs/questions.jsonl.gz"


def main():
    arguments = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    arguments.add_argument("--questions", type=pathlib.Path, default=QUESTIONS, help="the questions' texts")
    options = arguments.parse_args()
    with gzip.open(options.questions, "rt", encoding="utf-8") as file:
        texts = {mark(text): text for text in (json.loads(line)["q"].strip() for line in file)}
    for line in HERE.with_suffix(".tsv").read_text(encoding="utf-8").splitlines():
        one, other, label = line.split()
        print(json.dumps({"a": texts[one], "b": texts[other], "label": int(label), "tag": "even"}, ensure_ascii=False))


def mark(text):
    return hashlib.blake2b(" ".join(text.lower().split()).encode(), digest_size=8).hexdigest()


if __name__ == "__main__":
    main()
