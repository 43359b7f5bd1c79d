#!/usr/bin/env bash
# Sets everything up and runs every check and test, each a timed stage; all stages run even when one fails.
# Ends with a table of them and the line `N passed, M failed`, in which a check without tests counts as one.
# Everything is built once, in the dev profile: `--examples` is on each cargo call so that the features, and
# with them the compiled dependencies, are the same for all of them.
set -uo pipefail

cd "$(dirname -- "$0")/.."
# shellcheck source=scripts/need.sh
. scripts/need.sh

target="${CARGO_TARGET_DIR:-target}"
logs="$target/test-logs"
table=() passed=0 failed=0

# stage NAME COMMAND…: runs it, keeps its output, shows that only when it failed.
stage() {
    local name=$1 log started seconds status
    shift
    log="$logs/$name.log"
    started=$SECONDS
    printf '%-10s ' "$name"
    "$@" </dev/null >"$log" 2>&1
    status=$?
    seconds=$((SECONDS - started))
    report "$name" "$log" "$status" "$seconds"
    return "$status"
}

# Adds what a stage's log counts to the sums; a stage that counts nothing is one check.
report() {
    local name=$1 log=$2 status=$3 seconds=$4 good bad word
    good=$(count passed "$log")
    bad=$(count failed "$log")
    if ((status != 0 && bad == 0)); then bad=1; fi
    if ((status == 0 && good == 0)); then good=1; fi
    passed=$((passed + good)) failed=$((failed + bad))
    word=ok
    ((status == 0)) || word=FAILED
    table+=("$(printf '%-10s %-8s %5ds' "$name" "$word" "$seconds")")
    if ((status != 0)); then
        printf 'FAILED (%s)\n' "$log"
        tail -n 200 "$log"
    else
        printf 'ok %5ds  %s\n' "$seconds" "$(closing "$log" | tail -n 1)"
    fi
}

# The lines in which nextest, libtest and pytest sum up.
closing() {
    sed 's/\x1b\[[0-9;]*m//g' "$1" |
        grep -E '^ *Summary \[|^test result: |^(=+ )?[0-9]+ (passed|failed).* in [0-9.]+s'
}

count() {
    closing "$2" | grep -oE "[0-9]+ $1" | awk '{sum += $1} END {print sum + 0}'
}

skip() {
    table+=("$(printf '%-10s %-8s        %s' "$1" skipped "$2")")
    printf '%-10s skipped: %s\n' "$1" "$2"
}

shell_scripts() {
    local script
    for script in scripts/*.sh .ci/run; do
        bash -n "$script" || return
    done
    if command -v shellcheck >/dev/null; then
        shellcheck -x scripts/*.sh .ci/run || return
    fi
    python3 -c 'import ast, sys; [ast.parse(open(f).read(), f) for f in sys.argv[1:]]' scripts/*.py tests/*/*.py
}

tests() {
    if cargo nextest --version >/dev/null 2>&1; then
        cargo nextest run --locked --no-fail-fast --cargo-quiet --status-level fail --final-status-level fail
    else
        cargo test --locked --no-fail-fast --quiet --lib --bins --tests --examples
    fi
}

# The official client in an environment of its own, made anew when its pins change.
contract() {
    local pins=tests/contract/requirements.txt python=.venv-contract/bin/python
    if ! cmp -s "$pins" .venv-contract/pins; then
        rm -rf .venv-contract
        python3 -m venv .venv-contract &&
            "$python" -m pip install --quiet --disable-pip-version-check --no-deps -r "$pins" &&
            cp "$pins" .venv-contract/pins || return
    fi
    "$python" -m pytest tests/contract -c tests/contract/pytest.ini
}

# Both work offline: what they need and this machine lacks is not fetched.
dependencies() {
    if cargo deny --version >/dev/null 2>&1; then
        stage licences cargo deny --offline check --config .deny.toml licenses bans sources
    else
        skip licences "cargo-deny is not installed"
    fi
    if cargo audit --version >/dev/null 2>&1 && [ -d "${CARGO_HOME:-$HOME/.cargo}/advisory-db" ]; then
        stage advisories cargo audit --no-fetch --stale
    else
        skip advisories "cargo-audit is not installed, or has no database yet"
    fi
}

need_rust
need_python
cargo fmt --version >/dev/null 2>&1 || need_fail "rustfmt is missing; install it: rustup component add rustfmt"
cargo clippy --version >/dev/null 2>&1 || need_fail "clippy is missing; install it: rustup component add clippy"
[ -d "$target/debug/deps" ] || echo "the first run builds everything; expect half an hour on two cores"
mkdir -p "$logs"

stage setup scripts/setup.sh
stage scripts shell_scripts
stage fmt cargo fmt --check
if stage build cargo build --locked --quiet --lib --bins --examples; then
    stage tests tests
    stage doctests cargo test --locked --quiet --doc
    stage contract contract
fi
stage clippy cargo clippy --locked --quiet --all-targets -- -D warnings
RUSTDOCFLAGS="-D warnings" stage doc cargo doc --locked --quiet --no-deps --lib --examples
dependencies
if cargo llvm-cov --version >/dev/null 2>&1; then
    stage coverage cargo llvm-cov --locked --quiet --lib --bins --tests --summary-only
    tail -n 1 "$logs/coverage.log"
else
    skip coverage "cargo-llvm-cov is not installed"
fi

printf '\n'
printf '%s\n' "${table[@]}" "$(printf '%-10s %-8s %5ds' all "" "$SECONDS")"
printf '%d passed, %d failed\n' "$passed" "$failed"
((failed == 0))
