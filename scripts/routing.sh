#!/usr/bin/env bash
# Routing over three mock providers: the measured split beside its weights, how soon a slowed provider is left and
# taken up again, and when the breaker opens and closes, as one Markdown table. Fails when one is out of its bounds.
set -euo pipefail
cd "$(dirname "$0")/.."
told=$(cargo test --quiet --locked --test ops -- --nocapture --test-threads=1 --exact \
    routing::split::weights_split_a_thousand_requests_at_sixteen_connections_within_two_per_cent \
    routing::latency::load_leaves_a_slowed_provider_within_five_seconds_and_comes_back_when_it_is_quick_again \
    routing::breaker::a_failing_provider_is_left_alone_and_one_probe_brings_it_back) || {
    echo "$told" >&2
    exit 1
}
echo "| what | measured |"
echo "|---|---|"
grep -o '| .*' <<<"$told"
