"""Tells how good the committed model is with guards that have changed since it was trained, out of fold as train.py does.

Input: features of the same pairs by verdict_features, once as the gateway was when the model was trained (the commit
that last changed model.json) and once as it is now. Each fold is fitted to the first and judges the second.
"""

import argparse

import numpy
import train

ROUNDS = 150


def main():
    arguments = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    arguments.add_argument("trained", help="JSONL of verdict_features at the commit of the model")
    arguments.add_argument("now", help="JSONL of verdict_features as it is")
    arguments.add_argument("--serve", type=float, default=0.66, help="probability from which a row counts as served")
    arguments.add_argument("--without", nargs="*", default=["cannot"], help="files that were left out of training")
    options = arguments.parse_args()

    old, new = (train.Data(*train.read([path])) for path in (options.trained, options.now))
    left_out = train.MEASURE_ONLY | set(options.without)
    chosen = ~old.vetoed & ~old.weak & numpy.array([file not in left_out for file in old.file])
    folds = old.folds()
    final = train.Fitted(old, chosen, ROUNDS)
    then, now = final.score(old.x), final.score(new.x)
    for fold in range(train.FOLDS):
        held = chosen & (folds == fold)
        fitted = train.Fitted(old, chosen & (folds != fold), ROUNDS)
        then[held], now[held] = fitted.score(old.x[held]), fitted.score(new.x[held])
    curve = train.calibrate(then[chosen], old.y[chosen], old.weight[chosen])
    probability = numpy.interp(now, [x for x, _ in curve], [p for _, p in curve])
    probability[new.vetoed] = 0
    train.report(new, probability, options.serve)


if __name__ == "__main__":
    main()
