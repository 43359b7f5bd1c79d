"""Helps scripts/bench.sh: `questions FILE` prints one question a line, `table FOLDER` one Markdown table of all benches.

FOLDER holds what the benches printed; criterion's figures lie in ../criterion beside it.
"""

import datetime
import gzip
import json
import os
import pathlib
import re
import sys

# Most that the recall of hits at the largest size of real questions may lack, and its search p50 in ms.
RECALL, SEARCH_MS = 0.995, 0.4
STAGES = [
    ("parse_and_check", "parse and check"),
    ("controls", "cache controls"),
    ("scope_and_exact_key", "scope and exact key"),
    ("hot_tier", "hot tier"),
    ("replay_json", "replay as JSON"),
    ("replay_events", "replay as a stream"),
    ("code", "int8 code of a vector"),
    ("search/1000", "search among 1,000"),
    ("search/10000", "search among 10,000"),
    ("cosine", "exact cosine"),
    ("verdict", "verdict"),
]


def questions(path: str) -> None:
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        for line in lines:
            print(" ".join(json.loads(line)["q"].split()))


def machine() -> str:
    info = pathlib.Path("/proc/cpuinfo").read_text()
    model = re.search(r"^model name\s*: (.*)$", info, re.M)
    name = model.group(1) if model else "unknown CPU"
    load = os.getloadavg()[2]
    today = datetime.date.today().isoformat()
    return f"Measured {today} on {os.cpu_count()} cores of {name}, Linux {os.uname().release} (load {load:.1f})."


def row(what: str, measured: str, target: str = "-", met: bool | None = None) -> str:
    verdict = "-" if met is None else "yes" if met else "**no**"
    return f"| {what} | {measured} | {target} | {verdict} |"


def index(text: str) -> list[str]:
    lines = [[c.strip() for c in l.strip("|").split("|")] for l in text.splitlines() if l.startswith("| ")]
    head, sizes = lines[0], [dict(zip(lines[0], l)) for l in lines[1:]]
    assert "recall@1 of hits" in head, "the index bench prints another table"
    real = not re.search(r"^vectors: synthetic", text, re.M)
    kind = "real questions" if real else "synthetic vectors"
    out = []
    for size in sizes:
        recall, p50 = float(size["recall@1 of hits"].split()[0]), float(size["p50 ms"])
        # The targets are for the size that real questions fill.
        judged = real and 45_000 <= int(size["entries"]) <= 55_000
        perturbed = "" if size["of these perturbed"] == "0" else f", {size['of these perturbed']} of them perturbed"
        where = f"{int(size['entries']):,} {kind}{perturbed}, {size['search by']}"
        out.append(row(
            f"recall@1 of hits among {where}", f"{recall:.4f} (all queries {float(size['recall@1']):.4f})",
            "≥ 0.995" if judged else "-", recall >= RECALL if judged else None))
        out.append(row(
            f"search p50 among {where}", f"{p50:.3f} ms, {size['bytes/entry']} bytes an entry, {size['build/s']} built/s",
            "≤ 0.4 ms" if judged else "-", p50 <= SEARCH_MS if judged else None))
    return out


def median_ns(criterion: pathlib.Path, name: str) -> float | None:
    path = criterion / name / "new" / "estimates.json"
    return json.loads(path.read_text())["median"]["point_estimate"] if path.is_file() else None


def embed(criterion: pathlib.Path) -> list[str]:
    out = []
    for tokens in (9, 42, 122):
        for batch in (1, 8, 32):
            bare, pool = (median_ns(criterion, f"embed_{tokens}_tokens/{way}/{batch}") for way in ("bare", "pool"))
            if bare and pool:
                out.append(row(
                    f"embedding {batch} × {tokens} tokens",
                    f"{pool / 1e6:.2f} ms, bare `ort` loop {bare / 1e6:.2f} ms: {pool / bare:.2f} ×"))
    return out


def stages(criterion: pathlib.Path) -> list[str]:
    found = ((label, median_ns(criterion, f"hit_path/{name}")) for name, label in STAGES)
    return [row(f"stage: {label}", f"{ns / 1000:.2f} µs") for label, ns in found if ns is not None]


def table(folder: str) -> None:
    out = pathlib.Path(folder)
    overhead = [l for l in (out / "overhead.txt").read_text().splitlines() if l.startswith("|")]
    rows = index((out / "index.txt").read_text())
    rows += embed(out.parent / "criterion") + stages(out.parent / "criterion")
    print("\n".join([machine(), "", *overhead, *rows]))


if __name__ == "__main__":
    command, argument = sys.argv[1:]
    {"questions": questions, "table": table}[command](argument)
