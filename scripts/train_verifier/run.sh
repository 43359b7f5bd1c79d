#!/usr/bin/env bash
# Trains models/verifier anew, from nothing: an environment, the pairs, the model and its figures. Goes on where an earlier run
# was cut off (target/train_verifier); further arguments go to the program, `--help` names them.
set -euo pipefail
cd "$(dirname "$0")/../.."
# shellcheck source=scripts/need.sh
. scripts/need.sh
need_python

venv=target/train_verifier/venv
pins=scripts/train_verifier/requirements.txt
if ! cmp -s "$pins" "$venv/pins"; then
    rm -rf "$venv"
    python3 -m venv "$venv"
    "$venv/bin/python" -m pip install --quiet --disable-pip-version-check -r "$pins"
    cp "$pins" "$venv/pins"
fi
PYTHONPATH=scripts exec "$venv/bin/python" -m train_verifier --out models/verifier "$@"
