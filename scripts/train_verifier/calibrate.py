"""The curve that makes probabilities of logits: a scale and a shift, fitted on families that were not trained on."""

import collections

import numpy
from sklearn.linear_model import LogisticRegression


def fit(rows, scores):
    """Log-odds are scale * logit + shift. Each file counts alike, and in it both labels: how often one answer serves in
    somebody's traffic is not for these files to say."""
    cells = collections.Counter((row["file"], int(row["label"])) for row in rows)
    weight = numpy.array([1 / cells[row["file"], int(row["label"])] for row in rows])
    label = numpy.array([int(row["label"]) for row in rows])
    fitted = LogisticRegression(C=1e6).fit(numpy.array(scores)[:, None], label, sample_weight=weight)
    return float(fitted.coef_[0][0]), float(fitted.intercept_[0])
