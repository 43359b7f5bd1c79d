#!/usr/bin/env bash
# The crash tests in their full form: 50 kills under write load, 100 at any point of an analyst's journey,
# 200 damaged folders, a full disk.
# REPRISE_CRASH_SEED chooses other moments and other bytes.
set -euo pipefail
cd "$(dirname "$0")/.."
export REPRISE_CRASH_ROUNDS=${REPRISE_CRASH_ROUNDS:-50}
export REPRISE_JOURNEY_KILLS=${REPRISE_JOURNEY_KILLS:-100}
export REPRISE_DAMAGE_ROUNDS=${REPRISE_DAMAGE_ROUNDS:-200}
exec cargo test --test ops -- --nocapture --test-threads=1 crash:: journey:: damage:: disk::
