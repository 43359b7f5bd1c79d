"""How good scores are: ROC AUC by file and by tag, and how much is served at a share of wrong."""

import dataclasses

import numpy
from sklearn.metrics import roc_auc_score


@dataclasses.dataclass
class Macro:
    """AUC of each file, and their mean: a large file says no more than a small one."""

    by_file: dict

    @property
    def mean(self):
        return float(numpy.mean(list(self.by_file.values()))) if self.by_file else 0.0

    def line(self):
        return f"mean {self.mean:.4f}  " + "  ".join(f"{k} {v:.3f}" for k, v in self.by_file.items())


def auc(label, score):
    label = numpy.asarray(label)
    return float(roc_auc_score(label, score)) if 0 < label.sum() < len(label) else None


def coverage(label, score, wrong):
    """Share of all 1s that are served at the loosest threshold with at most this share of wrong among the served."""
    label, score = numpy.asarray(label), numpy.asarray(score)
    order = numpy.argsort(-score, kind="stable")
    ones = numpy.cumsum(label[order])
    served = numpy.arange(1, len(order) + 1)
    # A threshold takes all rows of one score or none.
    last = numpy.append(score[order][1:] != score[order][:-1], True)
    fine = last & (served - ones <= wrong * served)
    return float(ones[fine].max() / max(1, label.sum())) if fine.any() else 0.0


def macro(rows, scores):
    files = sorted({row["file"] for row in rows if row["label"] in (0, 1)})
    told = {}
    for file in files:
        at = [i for i, row in enumerate(rows) if row["file"] == file]
        found = auc([int(rows[i]["label"]) for i in at], [scores[i] for i in at])
        if found is not None:
            told[file] = found
    return Macro(told)


def table(rows, scores, say=print):
    """By file and tag; `scores` is a dict of columns."""
    say(f"{'file':18}{'tag':22}{'n':>6}{'ones':>6}" + "".join(f"{name:>34}" for name in scores))
    for file in sorted({row["file"] for row in rows if row["label"] in (0, 1)}):
        mine = [i for i, row in enumerate(rows) if row["file"] == file]
        for tag in ["all", *sorted({rows[i].get("tag", "-") for i in mine})]:
            at = [i for i in mine if tag in ("all", rows[i].get("tag", "-"))]
            label = [int(rows[i]["label"]) for i in at]
            line = f"{file:18}{tag:22}{len(at):6}{sum(label):6}"
            for column in scores.values():
                score = [column[i] for i in at]
                found = auc(label, score)
                covered = " ".join(f"{100 * coverage(label, score, w):5.1f}" for w in (0.01, 0.03, 0.1))
                line += f"      {'-' if found is None else f'{found:.3f}':>6}  {covered if found is not None else '':>20}"
            say(line)
