#!/bin/sh
# Installs the Java that a broker needs, 17 or later, and Maven, where they are missing: kafka-java.sh [--jdk]
#
# --jdk asks for the compiler too, which the Java side of the interoperability tests needs.
# Does nothing and prints nothing when all is there.
set -eu

fail() {
  printf 'kafka-java: %s\n' "$*" >&2
  exit 1
}

# Whether program $1 is there and is of version 17 or later.
has_java() {
  command -v "$1" >/dev/null 2>&1 || return 1
  version=$("$1" -version 2>&1 | sed -n 's/^[a-z]* *[a-z]* *"\{0,1\}\([0-9][0-9]*\).*/\1/p' | head -n 1)
  [ "${version:-0}" -ge 17 ]
}

# The newest long-lived release among the system's packages, as some have dropped 17 and others lack 21.
java_package() {
  for release in 21 17 25; do
    if apt-cache show "openjdk-$release-$1" >/dev/null 2>&1; then
      echo "openjdk-$release-$1"
      return
    fi
  done
  fail "no Java 17 or later among the packages of this system: install one, then try again"
}

kind=jre-headless
[ "${1:-}" != --jdk ] || kind=jdk-headless

missing=
has_java java || missing="java"
[ "$kind" = jre-headless ] || has_java javac || missing="$missing javac"
command -v mvn >/dev/null 2>&1 || missing="$missing mvn"
[ -n "$missing" ] || exit 0

command -v apt-get >/dev/null 2>&1 ||
  fail "missing, or older than Java 17: $missing (install a JDK of version 17 or later and Maven, then try again)"
root=
if [ "$(id -u)" -ne 0 ]; then
  command -v sudo >/dev/null 2>&1 || fail "missing, or older than Java 17: $missing; no sudo to install them with"
  root=sudo
fi
# The standard output belongs to the caller.
{
  echo "kafka-java: missing, or older than Java 17: $missing; installing with apt-get"
  $root env DEBIAN_FRONTEND=noninteractive apt-get update -q
  $root env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends \
    "$(java_package "$kind")" maven
} >&2
has_java java || fail "java is still older than 17: make a later one the default (update-alternatives --config java)"
