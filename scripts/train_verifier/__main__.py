"""Makes models/verifier out of the labelled pairs: generates, mines, trains, measures, calibrates, exports.

Each step leaves its result in the work folder and is not done again, so a run that was cut off goes on where it was.
"""

import argparse
import collections
import hashlib
import json
import pathlib

from safetensors.torch import load_file, save_file

from . import batches, calibrate, encoder, export, figures, generate, labels, mine, rows, sets, train

HERE = pathlib.Path(__file__).resolve().parents[2]
EPOCHS = 2
SEED = 7
# The families that the shipped model stops by; it is trained on all others.
STOP = 2
# Rows of each file that training stops by.
STOP_ROWS = 600


def main():
    arguments = argparse.ArgumentParser(prog="train_verifier", description=__doc__.splitlines()[0])
    arguments.add_argument("--data", type=pathlib.Path, default=HERE.parent / "shared/data/semantic-pairs", help="folder of the labelled pairs")
    arguments.add_argument("--encoder", type=pathlib.Path, default=HERE / "models/all-MiniLM-L6-v2", help="folder of the embedding model")
    arguments.add_argument("--work", type=pathlib.Path, default=HERE / "target/train_verifier", help="folder of what is made on the way")
    arguments.add_argument("--without-quora", action="store_true", help="leave out what came from Quora's questions")
    arguments.add_argument("--folds", default="", help="families to measure on as well with a model that never saw them, 0,1,2,3,4 for all: each takes as long as the model that is shipped")
    arguments.add_argument("--epochs", type=int, default=EPOCHS)
    arguments.add_argument("--out", type=pathlib.Path, help="folder to write the model into, models/verifier for one")
    options = arguments.parse_args()
    options.work = options.work / ("plain" if options.without_quora else "all")
    options.work.mkdir(parents=True, exist_ok=True)

    reader = batches.Reader(options.encoder / "tokenizer.json")
    shared, made = data(options, reader)
    known = [row for row in shared if not (options.without_quora and row["file"] in rows.QUORA)] + made
    model = shipped(options, known, reader)
    measure(options, model, shared + made, reader)
    for fold in [int(fold) for fold in options.folds.split(",") if fold]:
        cross(options, fold, known, shared + made, reader)


def data(options, reader):
    """The shared rows and the made ones, each with its families."""
    shared = batches.fitting(rows.load(options.data), reader)
    path = options.work / "made.json"
    if path.exists():
        made = json.loads(path.read_text())
    else:
        quora = not options.without_quora
        bases = generate.bases(options.data, shared, quora)
        natural = list(labels.pairs(bases))
        made = generate.edits(options.data, shared, quora) + generate.from_templates() + list(sets.pairs()) + natural
        made += mine.pairs(options.encoder, bases, shared + natural, reader)
        path.write_text(json.dumps(made))
    made = batches.fitting(made, reader)
    say(f"{len(shared)} labelled pairs, {len(made)} made")
    return shared, made


def say(line):
    print(line, flush=True)


def fitted(options, name, known, stop_rows, reader):
    """The weights of a run, made unless they are there."""
    path = options.work / f"{name}.safetensors"
    if not path.exists():
        say(f"{name}: {len(known)} pairs to train on")
        save_file(train.fit(known, stop_rows, reader, options.epochs, SEED, say), path)
    return encoder.Encoder(load_file(path)).to(train.device())


def shipped(options, known, reader):
    """The model that is shipped."""
    by_file = {}
    for row in known:
        if row["folds"] == [STOP] and not row["held"] and row["label"] in (0, 1):
            by_file.setdefault(row["file"], []).append(row)
    some = [row for mine in by_file.values() for row in mine[:: max(1, len(mine) // STOP_ROWS)]]
    return fitted(options, "shipped", rows.split(known, STOP)[0], some, reader)


def measure(options, model, known, reader):
    """How good the shipped model is on families that it was not trained on; writes those rows down, and the model if it is
    wanted."""
    unseen = [row for row in known if (row["folds"] == [STOP] or row["held"]) and row["label"] in (0, 1)]
    scores = train.score(model, unseen, reader)
    if options.out:
        # A sample tells whether the small graph says what the weights say.
        some = range(0, len(unseen), max(1, len(unseen) // 3000))
        export.export(model.weights(), [unseen[i] for i in some], [scores[i] for i in some], reader, options.out, options.encoder / "tokenizer.json")
        labelled = [i for i, row in enumerate(unseen) if row["file"] in rows.FILES and row["weight"] > 0 and not row["held"]]
        scale, shift = calibrate.fit([unseen[i] for i in labelled], [scores[i] for i in labelled])
        export.manifest(options.out, scale, shift, training(options, known))
    figures.table(unseen, {"verifier": scores}, say)
    folder = options.work / "unseen"
    folder.mkdir(exist_ok=True)
    for file in sorted({row["file"] for row in unseen}):
        with open(folder / f"{file}.jsonl", "w", encoding="utf-8") as out:
            for row in unseen:
                if row["file"] == file:
                    kept = {k: row[k] for k in ("a", "b", "label", "tag", "family", "test", "intent", "weak") if k in row}
                    out.write(json.dumps(kept, ensure_ascii=False) + "\n")


def training(options, known):
    """What the model was made of, as lines of its manifest."""
    used = [row for row in rows.split(known, STOP)[0] if not (options.without_quora and row["file"] in rows.QUORA)]
    counts = collections.Counter(row["file"] for row in used)
    digest = hashlib.sha256()
    for path in sorted(pathlib.Path(__file__).parent.rglob("*")):
        if path.suffix in (".py", ".txt", ".toml", ".jsonl", ".tsv"):
            digest.update(path.read_bytes())
    return [
        f"seed = {SEED}",
        f"epochs = {options.epochs}",
        f'scripts_sha256 = "{digest.hexdigest()}"',
        "pairs = { " + ", ".join(f'"{file}" = {n}' for file, n in sorted(counts.items())) + " }",
    ]


def cross(options, fold, known, measured, reader):
    """What a model that never saw the families of a fold says of them; its last weights, chosen by nothing."""
    path = options.work / f"fold-{fold}.json"
    if path.exists():
        return
    model = fitted(options, f"fold-{fold}", rows.split(known, fold)[0], [], reader)
    test = [row for row in measured if row["folds"] == [fold] and not row["held"] and row["label"] in (0, 1)]
    scores = train.score(model, test, reader)
    figures.table(test, {"verifier": scores}, say)
    told = [{**{k: row[k] for k in ("a", "b", "label", "file", "tag")}, "score": s} for row, s in zip(test, scores)]
    path.write_text(json.dumps(told))


if __name__ == "__main__":
    main()
