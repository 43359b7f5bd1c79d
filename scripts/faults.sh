#!/usr/bin/env bash
# Prints the fault matrix as one Markdown table: what OpenAI's client hears of each fault, the calls made for it (at the
# provider, and at the one that it falls back on), and how long it took at least and at most over all clients'
# dialects and providers'. Fails if one of its tests does.
set -euo pipefail
cd "$(dirname "$0")/.."
log=$(mktemp)
trap 'rm -f "$log"' EXIT
if ! cargo test --locked --quiet --test ops -- --nocapture --test-threads=1 faults:: >"$log" 2>&1; then
    cat "$log" >&2
    exit 1
fi
cat <<'HEAD'
| fault | JSON alone | JSON with a fallback | stream alone | stream with a fallback |
|---|---|---|---|---|
HEAD
# A line of the test harness may stand in front of a row.
sed -n 's/^.*matrix: //p' "$log"
