#!/usr/bin/env bash
# The long form of the crash test of batches: 2,000 lines, killed twice with SIGKILL, in as many rounds as
# REPRISE_BATCH_ROUNDS says (3). Prints a table; fails where any line is not answered exactly once.
set -euo pipefail
cd "$(dirname "$0")/.."
export REPRISE_BATCH_LINES=${REPRISE_BATCH_LINES:-2000}
rounds=${REPRISE_BATCH_ROUNDS:-3}
cargo test --locked --test ops --no-run
echo "| round | lines | killed after | answered exactly once | calls made twice | seconds |"
echo "|---|---|---|---|---|---|"
for round in $(seq "$rounds"); do
    began=$SECONDS
    told=$(cargo test --quiet --locked --test ops -- --nocapture --exact \
        batches::a_batch_killed_twice_answers_each_line_exactly_once | grep ' lines, killed after ')
    echo "$told" | sed -E "s/^([0-9]+) lines, killed after \[([0-9, ]+)\]: ([0-9]+) answered once, ([0-9]+) calls.*/| $round | \1 | \2 | \3 | \4 | $((SECONDS - began)) |/"
done
