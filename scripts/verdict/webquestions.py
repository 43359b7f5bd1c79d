"""Makes labelled pairs of natural questions out of WebQuestions, to train the verdict's model on.

WebQuestions (Berant et al., 2013; CC BY 4.0) holds 5,810 questions that people typed into a search engine, each with
its topic and its answers. Among questions that the embedding model finds alike, two with the same topic and the same
answers are served by one answer (label 1); two about other topics, or about the same topic with answers that were come
by over other relations, are not (label 0); the rest is left out as doubtful.

Input: a clone of https://github.com/brmson/dataset-factoid-webquestions (commit 6688908), and the folder of the
embedding model. Output: JSONL of {"a", "b", "label", "source", "tag", "family"}. No row of it is part of this
repository.
"""

import argparse
import json
import pathlib
import random

import numpy
import onnxruntime
import tokenizers

SPLITS = ("trainmodel", "val", "devtest", "test")
SEED = 20261125
NEIGHBOURS = 12
LEAST = 0.55
# Other topics are most of the neighbours; the guards decide most of them, and a quarter is plenty to learn from.
KEPT_OF_OTHER_TOPICS = 0.25


def main():
    arguments = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    arguments.add_argument("dataset", type=pathlib.Path, help="the clone")
    arguments.add_argument("model", type=pathlib.Path, help="models/all-MiniLM-L6-v2")
    arguments.add_argument("out", type=pathlib.Path, help="JSONL to write")
    options = arguments.parse_args()

    questions = read(options.dataset, "main")
    topics = {k: r["freebaseKey"] for k, r in read(options.dataset, "d-freebase").items()}
    paths = {k: {tuple(p) for p, _ in r["relPaths"]} for k, r in read(options.dataset, "d-freebase-rp").items()}
    ids = sorted(questions)
    vectors = embed(options.model, [questions[i]["qText"] for i in ids])
    dice = random.Random(SEED)
    with options.out.open("w", encoding="utf-8") as out:
        for a, b in neighbours(ids, vectors):
            judged = judge(questions, topics, paths, a, b)
            if judged is None or judged[1] == "other_topic" and dice.random() > KEPT_OF_OTHER_TOPICS:
                continue
            label, tag = judged
            row = {
                "a": questions[a]["qText"],
                "b": questions[b]["qText"],
                "label": label,
                "source": "webquestions",
                "tag": tag,
                "family": topics[a],
            }
            out.write(json.dumps(row) + "\n")


def read(dataset, folder):
    rows = {}
    for split in SPLITS:
        with (dataset / folder / f"{split}.json").open(encoding="utf-8") as file:
            rows.update((row["qId"], row) for row in json.load(file))
    return rows


def embed(model, texts):
    tokenizer = tokenizers.Tokenizer.from_file(str(model / "tokenizer.json"))
    tokenizer.enable_truncation(64)
    tokenizer.enable_padding()
    session = onnxruntime.InferenceSession(str(model / "model.onnx"))
    vectors = []
    for at in range(0, len(texts), 64):
        batch = tokenizer.encode_batch(texts[at : at + 64])
        ids = numpy.array([e.ids for e in batch], dtype=numpy.int64)
        mask = numpy.array([e.attention_mask for e in batch], dtype=numpy.int64)
        vectors.append(session.run(None, {"input_ids": ids, "attention_mask": mask})[0])
    return numpy.concatenate(vectors)


def neighbours(ids, vectors):
    cosine = vectors @ vectors.T
    numpy.fill_diagonal(cosine, -1)
    seen = set()
    for i, row in enumerate(cosine):
        for j in numpy.argsort(-row)[:NEIGHBOURS]:
            pair = (min(i, j), max(i, j))
            if row[j] >= LEAST and pair not in seen:
                seen.add(pair)
                yield ids[pair[0]], ids[pair[1]]


def judge(questions, topics, paths, a, b):
    answers = [{answer.lower() for answer in questions[i]["answers"]} for i in (a, b)]
    same_topic = topics[a] == topics[b]
    if answers[0] == answers[1] and same_topic:
        return 1, "same_answer"
    if answers[0] & answers[1]:
        return None
    if not same_topic:
        return 0, "other_topic"
    ways = paths.get(a, set()), paths.get(b, set())
    apart = all(ways) and not ways[0] & ways[1]
    return (0, "other_relation") if apart else None


if __name__ == "__main__":
    main()
