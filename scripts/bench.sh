#!/bin/sh
# Runs every bench and prints one Markdown table: what was measured beside what was asked for.
# Needs an otherwise idle machine of two cores or more, and some 40 minutes. --quick: short rounds, to see that
# it works. --large: an index of 1,000,000 entries as well, which takes half an hour more and 6 GB.
set -eu

fail() {
    echo "bench: $1" >&2
    exit 1
}

quick=
large=1
case "${1:-}" in
'') ;;
--quick)
    quick=--quick
    large=0
    ;;
--large) large=2 ;;
*) fail "usage: scripts/bench.sh [--quick | --large]" ;;
esac

root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
cd "$root"
command -v cargo >/dev/null || fail "cargo is missing; install Rust (https://rustup.rs)"
for tool in taskset setpriv; do
    command -v "$tool" >/dev/null || fail "$tool is missing; install util-linux"
done
[ "$(nproc)" -ge 2 ] || fail "two cores are needed: one for the gateway, one for the load"
sh scripts/setup.sh

out="${CARGO_TARGET_DIR:-target}/bench"
mkdir -p "$out"
out=$(CDPATH='' cd -- "$out" && pwd)

echo "bench: building" >&2
cargo build --release --quiet --example question_vectors
cargo bench --quiet --no-run

# Embeddings of real questions, made once; without the file the benches use synthetic vectors and say so.
questions="${REPRISE_BENCH_QUESTIONS:-$root/../shared/data/semantic-pairs/questions.jsonl.gz}"
vectors="$out/questions.f32"
if [ -f "$questions" ] && { [ ! -s "$vectors" ] || [ "$questions" -nt "$vectors" ]; }; then
    echo "bench: embedding real questions" >&2
    python3 scripts/bench_table.py questions "$questions" |
        cargo run --release --quiet --example question_vectors -- "$vectors"
fi
if [ -s "$vectors" ]; then
    export REPRISE_BENCH_VECTORS="$vectors"
fi

for bench in embed hit_path; do
    echo "bench: $bench" >&2
    # shellcheck disable=SC2086 # an empty $quick is no argument
    cargo bench --quiet --bench "$bench" -- $quick >"$out/$bench.txt"
done
echo "bench: index" >&2
REPRISE_BENCH_LARGE=$large cargo bench --quiet --bench index >"$out/index.txt"
# shellcheck disable=SC2086
cargo bench --quiet --bench overhead -- $quick >"$out/overhead.txt"

python3 scripts/bench_table.py table "$out"
