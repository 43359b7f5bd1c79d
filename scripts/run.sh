#!/bin/sh
# Sets everything up, builds the gateway and starts it on 127.0.0.1:8080. What is done already is not done
# again. Arguments go to `reprise serve`; paths in them start at the repository, where it runs.
set -eu

cd "$(dirname -- "$0")/.."
# shellcheck source=scripts/need.sh
. scripts/need.sh

need_rust
scripts/setup.sh

program="${CARGO_TARGET_DIR:-target}/release/reprise"
if [ -x "$program" ]; then
    cargo build --release --locked --quiet --bin reprise
else
    echo "run: the first build takes some ten minutes on two cores" >&2
    cargo build --release --locked --bin reprise
fi
exec "$program" serve "$@"
