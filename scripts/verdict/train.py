"""Trains the verdict's model and tells how good it is on questions that it has not seen.

Input: features of labelled pairs, as the example `verdict_features` writes them (the gateway's own code, so that
what is trained on is what is decided on). Output: `model.json`, which the gateway compiles in, and a report.

Rows are split by family, template, intent or connected question, never by row, and every figure of a file that was
trained on is out of fold: made by a model that was refitted without that fold. `qqp` and `checklist-edits` are never
trained on; they measure. Monotone constraints say what is known without data: a higher cosine, more common words or a
guard that says "equal" never make a hit less likely.
"""

import argparse
import collections
import hashlib
import json
import os
import sys

import lightgbm
import numpy
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

MEASURE_ONLY = {"qqp", "checklist-edits"}
WEAK = {"banking77", "clinc150"}
# What the model looks at: a straight line in the cosine, and trees over what the guards found. Likeness of words and
# letters was tried in the trees as well: it helps on the kind of pairs that were trained on and costs more than it gains
# on others (templated pairs differ in one word, people's own rewordings in many).
LINES = {False: ("cosine",), True: ("cosine", "verifier")}
GUARD = "guard:"
FOLDS = 5
SEED = 20261125
UP = {"cosine", "verifier", "overlap", "containment", "bigrams", "letters", "order", "words_ratio"}
DOWN = {"only_stored", "only_asked"}
PARAMETERS = {
    "objective": "binary",
    "learning_rate": 0.05,
    "num_leaves": 4,
    "min_data_in_leaf": 200,
    "lambda_l2": 5.0,
    "monotone_constraints_method": "advanced",
    "seed": SEED,
    "deterministic": True,
    "num_threads": 2,
    "verbosity": -1,
}


def main():
    arguments = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    arguments.add_argument("features", nargs="+", help="JSONL of verdict_features")
    arguments.add_argument("--model", help="write the model here")
    arguments.add_argument("--report", help="write the figures here, as JSON")
    arguments.add_argument("--rounds", type=int, default=150, help="trees; 0: the line alone")
    arguments.add_argument("--serve", type=float, default=0.9, help="probability from which a row counts as served")
    arguments.add_argument("--verifier", action="store_true", help="look at what the verifier says as well; for rows that it was not trained on")
    arguments.add_argument("--calibrate", nargs="*", default=[], help="files whose rows, as often as they are, make probabilities; all that was trained on, each file and label alike, if none is named")
    arguments.add_argument("--without", nargs="*", default=[], help="files that are left out of training")
    options = arguments.parse_args()

    names, rows = read(options.features)
    data = Data(names, rows, options.verifier)
    # What a guard vetoes is decided already; the model is for the rest.
    left_out = MEASURE_ONLY | set(options.without)
    train = ~data.vetoed & ~data.weak & numpy.array([f not in left_out for f in data.file])
    probability, final, curve = out_of_fold(data, train, options.rounds, options.calibrate)
    probability[data.vetoed] = 0
    figures = report(data, probability, options.serve)
    if options.report:
        with open(options.report, "w", encoding="utf-8") as file:
            json.dump(figures, file, indent=1)
    if options.model:
        write(options.model, data.used, final, curve, options.features)
        manifest(options.model, data, train, options, figures)


def out_of_fold(data, train, rounds, calibrated=()):
    """The probability of each row, by a model fitted without its fold where it was trained on, the model of all, and the curve that
    makes probabilities of its sums, fitted to the rows of the files `calibrated`."""
    folds = data.folds()
    outside = numpy.full(len(data.rows), numpy.nan)
    for fold in range(FOLDS):
        held = train & (folds == fold)
        if held.any():
            outside[held] = Fitted(data, train & (folds != fold), rounds).score(data.x[held])
    final = Fitted(data, train, rounds)
    outside[~train] = final.score(data.x[~train])
    known = train & numpy.isin(data.file, calibrated) if calibrated else train
    curve = calibrate(outside[known], data.y[known], numpy.ones(known.sum()) if calibrated else data.weight[known])
    return numpy.interp(outside, [x for x, _ in curve], [p for _, p in curve]), final, curve


def read(paths):
    names, rows = None, []
    for path in paths:
        with open(path, encoding="utf-8") as file:
            head = json.loads(next(file))["names"]
            if names not in (None, head):
                sys.exit(f"{path} has other features")
            names = head
            rows.extend(json.loads(line) for line in file)
    return names, rows


class Data:
    """Rows as arrays; each pair once in each direction at training, once at measuring."""

    def __init__(self, names, rows, verifier=False):
        self.line = LINES[verifier]
        at = [i for i, name in enumerate(names) if name in self.line or name.startswith(GUARD)]
        if verifier:
            # What it cannot read is decided without it.
            place = names.index("verifier")
            rows = [row for row in rows if row["forth"][place] is not None and row["back"][place] is not None]
        number = lambda values: [numpy.nan if values[i] is None else values[i] for i in at]
        self.used, self.rows = [names[i] for i in at], rows
        self.x = numpy.array([number(r["forth"]) for r in rows], dtype=numpy.float64)
        self.back = numpy.array([number(r["back"]) for r in rows], dtype=numpy.float64)
        self.y = numpy.array([int(r["label"]) for r in rows])
        self.file = numpy.array([r["file"] for r in rows])
        self.tag = numpy.array([r.get("tag", "untagged") for r in rows])
        self.vetoed = numpy.array([bool(r.get("vetoed")) for r in rows])
        # A label that a rule gave says that two questions have one topic, not one answer.
        self.weak = numpy.array([f in WEAK or bool(r.get("weak")) for f, r in zip(self.file, rows)])
        self.weight = self.weights()

    def weights(self):
        """Each file counts alike, and in it both labels of what no guard vetoes."""
        cell = [(f, y, v) for f, y, v in zip(self.file, self.y, self.vetoed)]
        cells = collections.Counter(cell)
        weight = numpy.array([1 / cells[c] for c in cell])
        return weight * len(self.rows) / weight.sum()

    def folds(self):
        """One fold for all that hangs together, by family, template, intent or a text in common."""
        parent = {}

        def find(x):
            parent.setdefault(x, x)
            while parent[x] != x:
                parent[x] = parent[parent[x]]
                x = parent[x]
            return x

        keys = []
        for row in self.rows:
            named = [f"{row['file']}:{k}:{v}" for k in ("family", "test", "intent") for v in str(row.get(k, "")).split("|") if v]
            key = named or [f"text:{row[side].strip().lower()}" for side in "ab"]
            for other in key[1:]:
                parent[find(other)] = find(key[0])
            keys.append(key[0])
        fold = lambda root: int(hashlib.blake2b(f"{SEED}{root}".encode(), digest_size=4).hexdigest(), 16) % FOLDS
        return numpy.array([fold(find(key)) for key in keys])


class Fitted:
    """A line in the cosine, and in what the verifier says, and trees that correct it."""

    def __init__(self, data, chosen, rounds):
        self.at = [data.used.index(name) for name in data.line]
        constraints = [1 if n in UP or n.startswith("guard:") else -1 if n in DOWN else 0 for n in data.used]
        # One answer serves both ways or neither.
        x = numpy.concatenate([data.x[chosen], data.back[chosen]])
        y, weight = numpy.tile(data.y[chosen], 2), numpy.tile(data.weight[chosen], 2)
        line = LogisticRegression(C=1e3).fit(x[:, self.at], y, sample_weight=weight)
        self.slopes, self.base = line.coef_[0].astype(float), float(line.intercept_[0])
        parameters = {**PARAMETERS, "monotone_constraints": constraints}
        rows = lightgbm.Dataset(x, y, weight=weight, init_score=self.line(x))
        self.trees = lightgbm.train(parameters, rows, rounds) if rounds else None

    def line(self, x):
        return self.base + x[:, self.at] @ self.slopes

    def score(self, x):
        return self.line(x) + (self.trees.predict(x, raw_score=True) if self.trees else 0.0)


def calibrate(score, y, weight):
    """Logistic in the trees' sum, as points of a curve."""
    fitted = LogisticRegression(C=1e6).fit(score[:, None], y, sample_weight=weight)
    points = numpy.linspace(-10, 10, 81)
    return [[float(x), float(p)] for x, p in zip(points, fitted.predict_proba(points[:, None])[:, 1])]


def coverage(label, score, wrong):
    best, ones, zeros = 0, 0, 0
    order = numpy.argsort(-score, kind="stable")
    for i, at in enumerate(order):
        if score[at] <= 0:
            break
        ones, zeros = ones + label[at], zeros + 1 - label[at]
        if i + 1 < len(order) and score[order[i + 1]] == score[at]:
            continue
        if zeros <= wrong * (ones + zeros):
            best = ones
    return best / max(1, label.sum())


def report(data, probability, serve):
    figures = {}
    print(f"{'file':16}{'tag':22}{'n':>6}  {'served 1':>16}  {'served 0':>16}   auc   1 %   5 %  10 %")
    for file in sorted(set(data.file)):
        tags = sorted(set(data.tag[data.file == file]))
        for tag in tags + ["all"]:
            at = (data.file == file) & ((data.tag == tag) | (tag == "all"))
            y, p = data.y[at], probability[at]
            served = p >= serve
            told = {
                "n": int(at.sum()),
                "label1": int(y.sum()),
                "label0": int((1 - y).sum()),
                "served1": int((served & (y == 1)).sum()),
                "served0": int((served & (y == 0)).sum()),
                "auc": float(roc_auc_score(y, p)) if 0 < y.sum() < len(y) else None,
                **{f"coverage_{w}pct": float(coverage(y, p, w / 100)) for w in (1, 5, 10)},
            }
            figures.setdefault(file, {})[tag] = told
            part = lambda a, b: f"{a}/{b} {100 * a / b:5.1f} %" if b else "-"
            auc = "-" if told["auc"] is None else f"{told['auc']:.3f}"
            print(
                f"{file:16}{tag:22}{told['n']:6}  {part(told['served1'], told['label1']):>16}  "
                f"{part(told['served0'], told['label0']):>16}  {auc}  "
                + "  ".join(f"{100 * told[f'coverage_{w}pct']:4.1f}" for w in (1, 5, 10))
            )
    return figures


def write(path, names, fitted, curve, inputs):
    trees = [flat(tree["tree_structure"]) for tree in fitted.trees.dump_model()["tree_info"]] if fitted.trees else []
    digest = hashlib.sha256()
    for name in inputs:
        with open(name, "rb") as file:
            digest.update(file.read())
    model = {
        "version": digest.hexdigest()[:12],
        "features": names,
        "base": round(fitted.base, 5),
        "line": [[at, round(float(slope), 5)] for at, slope in zip(fitted.at, fitted.slopes)],
        "trees": trees,
        "calibration": [[round(x, 4), round(p, 6)] for x, p in curve],
    }
    with open(path, "w", encoding="utf-8") as file:
        json.dump(model, file, separators=(",", ":"))
        file.write("\n")


def digest_of(path):
    with open(path, "rb") as file:
        return hashlib.sha256(file.read()).hexdigest()


def manifest(path, data, train, options, figures):
    """What the model was made of, beside it, in TOML."""
    with open(path, encoding="utf-8") as file:
        version = json.load(file)["version"]
    lines = [
        f'version = "{version}"',
        f'sha256 = "{digest_of(path)}"',
        f'script_sha256 = "{digest_of(__file__)}"',
        f"seed = {SEED}",
        f"rounds = {options.rounds}",
        f'parameters = "{PARAMETERS["num_leaves"]} leaves of at least {PARAMETERS["min_data_in_leaf"]} rows, '
        f'rate {PARAMETERS["learning_rate"]}, L2 {PARAMETERS["lambda_l2"]}, monotone"',
        'license = "Apache-2.0"',
    ]
    for file in sorted(set(data.file)):
        at = data.file == file
        told = figures[file]["all"]
        lines += [
            "",
            "[[data]]",
            f'file = "{file}"',
            f"rows = {int(at.sum())}",
            f"trained_on = {int((at & train).sum())}",
            f'served_right = "{told["served1"]}/{told["label1"]}"',
            f'served_wrong = "{told["served0"]}/{told["label0"]}"',
            f"coverage_10pct = {told['coverage_10pct']:.3f}",
        ]
    lines.append("")
    name = "MANIFEST.toml" if os.path.basename(path) == "model.json" else os.path.basename(path).replace(".json", ".toml")
    with open(os.path.join(os.path.dirname(path), name), "w", encoding="utf-8") as file:
        file.write(f"# Written by scripts/verdict/train.py. Served from {options.serve} on; out of fold where trained on.\n")
        file.write("\n".join(lines))


def flat(node):
    """A tree as arrays, parents before children; a leaf is its own child."""
    tree = {"feature": [], "value": [], "left": [], "right": [], "missing_left": []}

    def add(node):
        at = len(tree["feature"])
        leaf = "leaf_value" in node
        tree["feature"].append(-1 if leaf else node["split_feature"])
        # Rounded up, so that a feature that is exactly at a split stays on its side as f32.
        value = node["leaf_value"] if leaf else float(numpy.float32(node["threshold"]))
        tree["value"].append(float(f"{value:.7g}"))
        tree["left"].append(at)
        tree["right"].append(at)
        tree["missing_left"].append(True if leaf else bool(node["default_left"]))
        if not leaf:
            tree["left"][at] = add(node["left_child"])
            tree["right"][at] = add(node["right_child"])
        return at

    add(node)
    return tree


if __name__ == "__main__":
    main()
