#!/bin/sh
# Warms the gateway from cron: asks what FILE holds by `reprise warm`, never twice at the same time.
#
#   30 4 * * *  /srv/reprise/scripts/warm.sh /srv/questions.jsonl --model gpt-4o-mini --max-usd 2
#
# usage: warm.sh FILE [option of `reprise warm`]...
# REPRISE_BIN   the program; default: target/release/reprise of this repository, else the one on the PATH
# REPRISE_DATA  data folder; default: index/ of this repository
# Other REPRISE_… variables and OPENAI_… go on to the program.
# It says nothing where all went well, so that cron sends no mail; what the program said, the report included, is in
# warm/last.log of the data folder. Where something failed, that goes to stderr.
set -eu

say() {
    echo "$(date '+%Y-%m-%dT%H:%M:%S%z') warm: $1" >&2
}
fail() {
    say "$1"
    exit "${2:-1}"
}

[ $# -ge 1 ] || fail "usage: warm.sh FILE [option of \`reprise warm\`]..." 2
[ "$1" != - ] || fail "give a file: cron has no stdin" 2
[ -r "$1" ] || fail "$1 cannot be read"
command -v flock >/dev/null || fail "flock is missing; install it (Debian: apt install util-linux)"

root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
data=${REPRISE_DATA:-$root/index}
program=${REPRISE_BIN:-$root/target/release/reprise}
[ -n "${REPRISE_BIN:-}" ] || [ -x "$program" ] || program=$(command -v reprise) || program=
[ -n "$program" ] && [ -x "$program" ] ||
    fail "the program is missing: build it (cargo build --release) or name it in REPRISE_BIN"
# The program takes every other REPRISE_ variable for a setting.
unset REPRISE_BIN REPRISE_DATA

umask 077
mkdir -p "$data/warm" || fail "no folder can be made at $data/warm"
# The program inherits the lock: it holds for as long as either of the two runs.
exec 9>"$data/warm/cron.lock"
if ! flock -n 9; then
    say "an earlier run is still under way; nothing was done"
    exit 0
fi

log="$data/warm/last.log"
status=0
"$program" warm --data "$data" "$@" >"$log" 2>&1 || status=$?
if [ "$status" -ne 0 ]; then
    cat "$log" >&2
    say "$1: ended with status $status"
fi
exit "$status"
