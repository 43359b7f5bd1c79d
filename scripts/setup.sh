#!/bin/sh
# Fetches what the binary needs and git does not hold: the ONNX Runtime library, out of its PyPI wheel.
# Builds nothing, needs no cargo, and does nothing the second time.
set -eu

VERSION=1.31.0
SHA256_x86_64=5e129d6c56abd53e659cb70f00a108d6824086470ff99c2e47a82e5786563db3
SHA256_aarch64=35758d7606d578ec5b9d65f6e8a1f488013194c3f6097038a3223cb26d35ef9a

root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
target="$root/models/onnxruntime"
library="libonnxruntime.so.$VERSION"
stamp="$target/.complete"

fail() {
    echo "setup: $1" >&2
    exit 1
}

system=$(uname -s)
machine=$(uname -m)
[ "$system" = Linux ] || fail "$system is not supported: ONNX Runtime $VERSION is pinned for Linux only; set ORT_DYLIB_PATH to your own build of it"
case "$machine" in
x86_64) sha256=$SHA256_x86_64 ;;
aarch64 | arm64) machine=aarch64 sha256=$SHA256_aarch64 ;;
*) fail "no ONNX Runtime wheel is pinned for $machine; set ORT_DYLIB_PATH to a library of version $VERSION" ;;
esac

[ "$(cat "$stamp" 2>/dev/null)" = "$sha256" ] && [ -f "$target/$library" ] && exit 0

command -v python3 >/dev/null || fail "python3 is missing; install it (Debian: apt install python3 python3-pip)"
python3 -m pip --version >/dev/null 2>&1 || fail "pip for python3 is missing; install it (Debian: apt install python3-pip)"
command -v sha256sum >/dev/null || fail "sha256sum is missing; install coreutils"

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM

# The wheel is named outright, whatever Python is here: only the library inside it is used.
python3 -m pip download --quiet --disable-pip-version-check --no-deps --only-binary=:all: \
    --python-version 3.12 --implementation cp --abi cp312 --platform "manylinux_2_28_$machine" \
    --dest "$work" "onnxruntime==$VERSION" ||
    fail "could not download the wheel of onnxruntime $VERSION; check that pip can reach its package index"

wheel=$(echo "$work"/*.whl)
echo "$sha256  $wheel" | sha256sum --check --status ||
    fail "the wheel of onnxruntime $VERSION does not have the pinned checksum; nothing was installed"

mkdir -p "$work/out"
python3 - "$wheel" "$work/out" "$library" <<'PY'
import pathlib, sys, zipfile

wheel, out, library = sys.argv[1:]
with zipfile.ZipFile(wheel) as archive:
    for member, name in [(f"capi/{library}", library), ("LICENSE", "LICENSE"), ("ThirdPartyNotices.txt", "ThirdPartyNotices.txt")]:
        (pathlib.Path(out) / name).write_bytes(archive.read(f"onnxruntime/{member}"))
PY

# Other versions go, so that the gateway finds exactly one; the stamp comes last, so that a broken run is repeated.
rm -rf "$target"
mkdir -p "$target"
mv "$work/out"/* "$target/"
echo "$sha256" >"$stamp"
echo "setup: ONNX Runtime $VERSION is in models/onnxruntime"
