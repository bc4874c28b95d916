#!/bin/sh
# Installs what the build lacks, and says what and why: deps.sh [--native] [--fetch] [--lints] [--valgrind] [--python]
#
# Rust needs a C compiler, to link. --native adds what librdkafka and RocksDB need: a C++20 compiler and make, as
# librdkafka is compiled from source, and RocksDB where rocksdb.sh has no library; libclang with its headers, which reads
# RocksDB's C header to generate the Rust bindings; the headers of OpenSSL and zlib, which pkg-config finds for librdkafka.
# --fetch adds what fetches that library, --lints rustfmt and clippy, --valgrind what counts instructions, --python what
# makes environments of Python packages.
# Does nothing and prints nothing when all is there.
set -eu
cd "$(dirname "$0")/.."

fail() {
  printf 'deps: %s\n' "$*" >&2
  exit 1
}

check_rust() {
  command -v cargo >/dev/null 2>&1 || fail "cargo is missing: install Rust from https://rustup.rs, then try again"
  wanted=$(awk -F '"' '/^rust-version/ { print $2; exit }' Cargo.toml)
  found=$(rustc --version | awk '{ print $2 }')
  printf '%s %s\n' "$wanted" "$found" | awk '{
    split($1, wanted, "."); split($2, found, ".")
    exit !(found[1] > wanted[1] || found[1] == wanted[1] && found[2] + 0 >= wanted[2] + 0)
  }' || fail "Rust $found is older than $wanted: run 'rustup update', then try again"
}

check_lints() {
  missing=
  cargo fmt --version >/dev/null 2>&1 || missing="rustfmt"
  cargo clippy --version >/dev/null 2>&1 || missing="$missing clippy"
  [ -n "$missing" ] || return 0
  command -v rustup >/dev/null 2>&1 || fail "missing of the Rust toolchain, and there is no rustup to add it: $missing"
  echo "deps: adding to the Rust toolchain:" $missing
  # Unquoted on purpose: one argument a component.
  rustup component add $missing
}

has_compiler() {
  echo 'int main() {}' | "${CXX:-c++}" -std=c++20 -x c++ -fsyntax-only - >/dev/null 2>&1
}

# Whether one of the files is there; the patterns are expanded by the caller.
any_exists() {
  for file in "$@"; do
    case "$file" in
      *libclang-cpp* | *libclang_rt*) ;;
      *) [ ! -e "$file" ] || return 0 ;;
    esac
  done
  return 1
}

has_libclang() {
  [ -z "${LIBCLANG_PATH:-}" ] || return 0
  [ "$(uname -s)" != Darwin ] || return 0
  any_exists /usr/lib/llvm*/lib/libclang*.so* /usr/lib/*/libclang*.so* /usr/lib/libclang*.so* \
    /usr/lib64/libclang*.so* /usr/lib64/llvm*/lib*/libclang*.so* /usr/local/lib/libclang*.so* || return 1
  any_exists /usr/lib/llvm*/lib/clang/*/include/stddef.h /usr/lib/clang/*/include/stddef.h \
    /usr/lib64/clang/*/include/stddef.h /usr/lib64/llvm*/lib*/clang/*/include/stddef.h \
    /usr/local/lib/clang/*/include/stddef.h
}

install_with_apt() {
  root=
  if [ "$(id -u)" -ne 0 ]; then
    command -v sudo >/dev/null 2>&1 || fail "missing: $*; as root, run: apt-get install $*"
    root=sudo
  fi
  echo "deps: installing with apt-get: $*"
  $root env DEBIAN_FRONTEND=noninteractive apt-get update -q
  $root env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends "$@"
}

check_linker() {
  command -v cc >/dev/null 2>&1 && return 0
  command -v apt-get >/dev/null 2>&1 || fail "missing: a C compiler, with which Rust links; install gcc or clang"
  install_with_apt gcc libc6-dev
}

check_native() {
  set --
  command -v make >/dev/null 2>&1 || set -- "$@" make
  has_compiler || set -- "$@" g++
  has_libclang || set -- "$@" libclang-dev
  if ! command -v pkg-config >/dev/null 2>&1; then
    set -- "$@" pkg-config libssl-dev zlib1g-dev
  else
    pkg-config --exists openssl || set -- "$@" libssl-dev
    pkg-config --exists zlib || set -- "$@" zlib1g-dev
  fi
  [ $# -gt 0 ] || return 0
  if command -v apt-get >/dev/null 2>&1; then
    install_with_apt "$@"
  else
    fail "missing: $* (Debian's names; elsewhere a C++20 compiler is gcc 10 or clang 11 and later, libclang with its
headers is clang-devel on Fedora, clang on Arch, clang-dev on Alpine, llvm of Homebrew; the headers of OpenSSL and
zlib are openssl-devel and zlib-devel on Fedora). Install them, then try again;
a libclang in an unusual place is found by LIBCLANG_PATH"
  fi
  has_compiler || fail "the C++ compiler still does not take -std=c++20: install gcc 10 or later, or set CXX"
}

check_fetch() {
  set --
  command -v curl >/dev/null 2>&1 || set -- "$@" curl ca-certificates
  command -v unzip >/dev/null 2>&1 || set -- "$@" unzip
  [ $# -gt 0 ] || return 0
  command -v apt-get >/dev/null 2>&1 || fail "missing: $*; install them, then try again"
  install_with_apt "$@"
}

check_valgrind() {
  command -v valgrind >/dev/null 2>&1 && return 0
  command -v apt-get >/dev/null 2>&1 || fail "missing: valgrind; install it, then try again"
  # Its debugger needs the symbols of the C library.
  install_with_apt valgrind libc6-dbg
}

# Debian has the module venv without what puts pip into an environment.
check_python() {
  command -v python3 >/dev/null 2>&1 && python3 -c 'import ensurepip, venv' 2>/dev/null && return 0
  command -v apt-get >/dev/null 2>&1 || fail "missing: Python 3 with its modules venv and ensurepip; install them, then try again"
  install_with_apt python3 python3-venv
}

check_linker
check_rust
for part in "$@"; do
  case "$part" in
    --native) check_native ;;
    --fetch) check_fetch ;;
    --lints) check_lints ;;
    --valgrind) check_valgrind ;;
    --python) check_python ;;
    *) fail "unknown option $part (the head of this file has them all)" ;;
  esac
done
