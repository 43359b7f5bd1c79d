# Sourced by the other scripts: says in one line what this machine lacks, and how to get it.
# shellcheck shell=sh

need_fail() {
    echo "$(basename -- "$0"): $1" >&2
    exit 1
}

# A Rust toolchain and the C compiler that some crates build their C with.
need_rust() {
    command -v cargo >/dev/null ||
        need_fail "cargo is missing; install Rust from https://rustup.rs (Debian's own package is too old)"
    command -v "${CC:-cc}" >/dev/null ||
        need_fail "a C compiler is missing; install one (Debian: apt install build-essential)"
}

# Python with what makes a virtual environment.
need_python() {
    command -v python3 >/dev/null ||
        need_fail "python3 is missing; install it (Debian: apt install python3 python3-pip python3-venv)"
    python3 -c 'import venv, ensurepip' 2>/dev/null ||
        need_fail "python3 cannot make virtual environments; install what does (Debian: apt install python3-venv)"
}
