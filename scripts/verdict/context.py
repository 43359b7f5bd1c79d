"""Tells whether what stands around a candidate says anything beyond its cosine: the distance to the second candidate,
the age of the answer, how many questions the tenant has asked.

Input: a trace (JSONL, gzipped; requests in order with `t_ms`, `tenant`, `q`, `group`, `kind`) and the folder of the
embedding model. Each request meets the nearest of its tenant's earlier questions; it is right when their groups agree.
Output: for each set of features, out of five folds, the area under the ROC curve and the share of wrong ones among the
surest fifth, two fifths and three fifths. Nothing is trained for the gateway here.
"""

import argparse
import gzip
import json
import pathlib

import numpy
import onnxruntime
import tokenizers
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedKFold, cross_val_predict

LEAST = 0.7
SEED = 20261129
FEATURES = {"cosine": [0], "and gap": [0, 1], "and age": [0, 2], "and number": [0, 3], "and all": [0, 1, 2, 3]}


def main():
    arguments = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    arguments.add_argument("trace", type=pathlib.Path)
    arguments.add_argument("model", type=pathlib.Path, help="models/all-MiniLM-L6-v2")
    options = arguments.parse_args()
    with gzip.open(options.trace, "rt") as lines:
        rows = [json.loads(line) for line in lines]
    texts = sorted({row["q"] for row in rows}, key=lambda text: (len(text), text))
    vectors = dict(zip(texts, embed(options.model, texts)))
    measured = numpy.array(list(meetings(rows, vectors)))
    traps = measured[:, 5] == 1
    for name, kept in [("all", traps | ~traps), ("without traps", ~traps)]:
        print(f"{name}, cosine {LEAST} or more: {kept.sum()}")
        tell(measured[kept])


def embed(model, texts):
    tokenizer = tokenizers.Tokenizer.from_file(str(model / "tokenizer.json"))
    tokenizer.enable_truncation(128)
    tokenizer.enable_padding()
    session = onnxruntime.InferenceSession(str(model / "model.onnx"))
    names = {given.name for given in session.get_inputs()}
    for start in range(0, len(texts), 32):
        encoded = tokenizer.encode_batch(texts[start : start + 32])
        ids = numpy.array([one.ids for one in encoded])
        mask = numpy.array([one.attention_mask for one in encoded])
        given = {"input_ids": ids, "attention_mask": mask, "token_type_ids": numpy.zeros_like(ids)}
        states = session.run(None, {name: given[name] for name in names})[0]
        if states.ndim == 3:
            states = (states * mask[..., None]).sum(1) / mask.sum(1, keepdims=True)
        yield from states / numpy.linalg.norm(states, axis=1, keepdims=True)


def meetings(rows, vectors):
    """Cosine, gap, log of the age in seconds, log of the number asked before, right, trap."""
    tenants = {}
    for row in rows:
        before = tenants.setdefault(row["tenant"], {})
        if row["q"] in before:
            continue
        asked = vectors[row["q"]]
        if len(before) > 1:
            cosines = numpy.array([stored @ asked for stored, *_ in before.values()])
            second, best = numpy.argsort(cosines)[-2:]
            _, group, time = list(before.values())[best]
            if cosines[best] >= LEAST:
                age = numpy.log1p((row["t_ms"] - time) / 1000)
                gap, number = cosines[best] - cosines[second], numpy.log1p(len(before))
                yield cosines[best], gap, age, number, group == row["group"], row["kind"].startswith("trap")
        before[row["q"]] = (asked, row["group"], row["t_ms"])


def tell(measured):
    right = measured[:, 4] == 1
    folds = StratifiedKFold(5, shuffle=True, random_state=SEED)
    for name, columns in FEATURES.items():
        chosen = measured[:, columns].astype(float)
        chosen = (chosen - chosen.mean(0)) / chosen.std(0)
        sure = cross_val_predict(LogisticRegression(C=100), chosen, right, cv=folds, method="predict_proba")[:, 1]
        order = numpy.argsort(-sure)
        wrong = [1 - right[order[: len(order) * part // 5]].mean() for part in (1, 2, 3)]
        shares = ", ".join(f"{100 * share:.1f} %" for share in wrong)
        print(f"  {name:12} AUC {roc_auc_score(right, sure):.4f}, wrong {shares}")


if __name__ == "__main__":
    main()
