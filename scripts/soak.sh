#!/usr/bin/env bash
# Ten minutes of mixed load on a release gateway; fails when memory or descriptors grow.
# Usage: scripts/soak.sh [SECONDS]. See scripts/soak.py for what is sent and measured.
set -euo pipefail
cd "$(dirname "$0")/.."
profile=${SOAK_PROFILE:-release}
cargo build --quiet --profile "$profile" --bin reprise --example mock_upstream
folder=target/${profile/#dev/debug}
exec python3 scripts/soak.py --seconds "${1:-600}" \
    --gateway "$folder/reprise" --mock "$folder/examples/mock_upstream"
