"""Tells by file and tag how good each part of the verdict is: the cosine, cosine and guards, the verifier, cosine and verifier
without guards, and all of them, as the gateway decides.

Input: features of pairs that the verifier was not trained on, as the example `verdict_features` writes them. What is fitted here
is fitted as train.py does, out of fold. A row that a guard vetoes is never served, so it counts as 0 where guards have a say.
"""

import argparse

import numpy
import train
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

SHARES = (0.03, 0.10)
# Trees of the verdict without the verifier.
ROUNDS = 150


def main():
    arguments = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    arguments.add_argument("features", nargs="+", help="JSONL of verdict_features")
    arguments.add_argument("--rounds", type=int, default=0, help="trees of the verdict with the verifier")
    arguments.add_argument("--without", nargs="*", default=[], help="files that are left out of training")
    arguments.add_argument("--grey", nargs=2, type=float, default=(0.0, 1.0), help="probabilities by cosine and guards between which the verifier is asked")
    options = arguments.parse_args()
    data = train.Data(*train.read(options.features), verifier=True)
    print_table(data, columns(data, options))


def columns(data, options):
    """A score for each row by each part."""
    left_out = train.MEASURE_ONLY | set(options.without)
    chosen = ~data.weak & numpy.array([file not in left_out for file in data.file])
    cosine, verifier = (data.x[:, data.used.index(name)] for name in ("cosine", "verifier"))
    before = train.out_of_fold(blind(data), chosen & ~data.vetoed, ROUNDS)[0]
    whole = train.out_of_fold(data, chosen & ~data.vetoed, options.rounds)[0]
    low, high = options.grey
    whole = numpy.where((before < low) | (before > high), before, whole)
    before[data.vetoed] = whole[data.vetoed] = 0
    return {"cosine": cosine + 1, "cosine, guards": before, "verifier": odds(verifier), "cosine, verifier": line(data, chosen), "all": whole}


def blind(data):
    """The same rows without what the verifier says."""
    other = object.__new__(train.Data)
    other.__dict__.update(data.__dict__)
    other.line = train.LINES[False]
    kept = [i for i, name in enumerate(data.used) if name != "verifier"]
    other.used = [data.used[i] for i in kept]
    other.x, other.back = data.x[:, kept], data.back[:, kept]
    return other


def odds(log_odds):
    return 1 / (1 + numpy.exp(-log_odds))


def line(data, chosen):
    """A straight line in cosine and verifier, out of fold."""
    x = data.x[:, [data.used.index(name) for name in data.line]]
    folds, found = data.folds(), numpy.zeros(len(data.y))
    for fold in range(train.FOLDS):
        fitted = LogisticRegression(C=1e3).fit(x[chosen & (folds != fold)], data.y[chosen & (folds != fold)], data.weight[chosen & (folds != fold)])
        found[folds == fold] = fitted.predict_proba(x[folds == fold])[:, 1]
    return found


def print_table(data, scores):
    print("AUC, and % of the 1s served at " + " and ".join(f"{100 * share:.0f} %" for share in SHARES) + " wrong")
    print(f"{'file':16}{'tag':22}{'n':>6}{'ones':>6}" + "".join(f"{name:>20}" for name in scores))
    for file in sorted(set(data.file)):
        for tag in ["all", *sorted(set(data.tag[data.file == file]))]:
            at = (data.file == file) & ((data.tag == tag) | (tag == "all"))
            told = "".join(f"{figures(data.y[at], score[at]):>20}" for score in scores.values())
            print(f"{file:16}{tag:22}{int(at.sum()):6}{int(data.y[at].sum()):6}{told}")


def figures(label, score):
    if not 0 < label.sum() < len(label):
        return "-"
    covered = "".join(f"{100 * train.coverage(label, score, share):6.1f}" for share in SHARES)
    return f"{roc_auc_score(label, score):.3f} {covered}"


if __name__ == "__main__":
    main()
