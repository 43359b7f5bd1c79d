#!/usr/bin/env bash
# 10,000 requests at 64 connections against each kind of limit in each dimension, then two minutes of a window that
# moves on; fails where more or fewer are let in than the limit says. Usage: scripts/limits.sh [REQUESTS].
# See scripts/limits.py for what is sent and measured.
set -euo pipefail
cd "$(dirname "$0")/.."
profile=${LIMITS_PROFILE:-release}
cargo build --quiet --profile "$profile" --bin reprise --example mock_upstream
folder=target/${profile/#dev/debug}
exec python3 scripts/limits.py --requests "${1:-10000}" --slide 130 \
    --gateway "$folder/reprise" --mock "$folder/examples/mock_upstream"
