#!/usr/bin/env bash
# A schema registry on this machine's loopback, for trying things and for the tests: registry.sh --help
#
# Apicurio Registry, whose Confluent-compatible API is at /apis/ccompat/v7. It comes from Maven Central, is fetched once
# into ~/.cache, and keeps its schemas in memory: a stop forgets them.
set -euo pipefail
scripts=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

version=3.0.9
cache=${XDG_CACHE_HOME:-$HOME/.cache}/kafka-streams
app=$cache/apicurio-$version
dir=${XDG_DATA_HOME:-$HOME/.local/share}/kafka-streams/registry
port=
follow=

usage() {
  cat <<END
usage: registry.sh COMMAND [--dir DIRECTORY] [OPTION …]

  start   start a registry and wait until it answers; nothing happens when it runs already
          --port PORT   its port (8081; 0: any that is free)
          --follow PID  stop the registry and remove its directory when the process PID is gone
  stop    stop the registry; its schemas are gone
  status  say whether it runs; exit status 1 if not
  env     print the variable that the tests read, as in: eval "\$(scripts/registry.sh env)"
  fetch   fetch the artifact and nothing else

The default directory is $dir.
END
}

fail() {
  printf 'registry: %s\n' "$*" >&2
  exit 1
}

say() {
  printf 'registry: %s\n' "$*" >&2
}

parse_options() {
  while [ $# -gt 0 ]; do
    case "$1" in
      --dir | --port | --follow)
        [ $# -ge 2 ] || fail "$1 needs a value"
        printf -v "${1#--}" '%s' "$2"
        shift
        ;;
      *) fail "unknown option $1 (see registry.sh --help)" ;;
    esac
    shift
  done
  mkdir -p "$dir"
  dir=$(cd "$dir" && pwd)
}

fetch() {
  [ ! -d "$app" ] || return 0
  "$scripts/kafka-java.sh"
  say "fetching Apicurio Registry $version from Maven Central"
  local part
  mkdir -p "$cache"
  part=$(mktemp -d "$app.XXXXXX")
  mkdir "$part/app"
  if ! "$scripts/maven-artifact.sh" "io.apicurio:apicurio-registry-app:$version:tar.gz:all" "$part"; then
    rm -rf "$part"
    exit 1
  fi
  tar -xzf "$part/apicurio-registry-app-$version-all.tar.gz" -C "$part/app"
  # Another process may have been faster; then its copy stays.
  mv -T "$part/app" "$app" 2>/dev/null || true
  rm -rf "$part"
  [ -d "$app" ] || fail "the artifact could not be put into $app"
}

url() {
  echo "http://127.0.0.1:$(cat "$dir/port")/apis/ccompat/v7"
}

# The process id, if the process of that number is this registry: numbers are used again.
running() {
  local pid
  [ -s "$dir/pid" ] || return 1
  pid=$(cat "$dir/pid")
  if [ -r "/proc/$pid/cmdline" ]; then
    grep -qaF -- "-Dregistry.dir=$dir" "/proc/$pid/cmdline" || return 1
  elif [ -d /proc/self ] || ! ps -p "$pid" -o args= | grep -qF -- "-Dregistry.dir=$dir"; then
    return 1
  fi
  echo "$pid"
}

is_free() {
  ! (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null
}

pick_port() {
  local try candidate
  for try in $(seq 50); do
    candidate=$((20000 + RANDOM % 12000))
    if is_free "$candidate"; then
      echo "$candidate"
      return
    fi
  done
  fail "no free port after $try tries"
}

# Whether the registry answers a request for its subjects.
answers() {
  local line
  exec 3<>"/dev/tcp/127.0.0.1/$port" || return 1
  printf 'GET /apis/ccompat/v7/subjects HTTP/1.0\r\nHost: localhost\r\n\r\n' >&3 && read -r -t 5 line <&3 || line=
  exec 3>&-
  [[ $line == HTTP/*\ 200* ]]
}

await_start() {
  local pid=$1 deadline=$((SECONDS + 120))
  until answers 2>/dev/null; do
    if ! kill -0 "$pid" 2>/dev/null; then
      tail -n 30 "$dir/registry.log" >&2
      fail "the registry ended while it started; its log is $dir/registry.log"
    fi
    [ $SECONDS -lt $deadline ] || fail "the registry does not answer after two minutes; its log is $dir/registry.log"
    sleep 0.2
  done
}

follow() {
  (
    while kill -0 "$follow" 2>/dev/null; do sleep 1; done
    stop
    rm -rf "$dir"
  ) </dev/null >/dev/null 2>&1 9>&- &
  disown
}

start() {
  local pid detach=nohup
  fetch
  "$scripts/kafka-java.sh"
  if pid=$(running); then
    say "runs already as process $pid at $(url)"
    return
  fi
  [ "$port" != 0 ] || port=$(pick_port)
  port=${port:-8081}
  is_free "$port" || fail "port $port is in use by another program: name another by --port"
  echo "$port" >"$dir/port"
  ! command -v setsid >/dev/null || detach=setsid
  # Descriptor 9 is the lock, which must not live on in the registry.
  $detach java -Xmx256m -XX:+UseSerialGC -XX:TieredStopAtLevel=1 -Dregistry.dir="$dir" \
    -Dquarkus.http.host=127.0.0.1 -Dquarkus.http.port="$port" -jar "$app/apicurio-registry-app-$version-runner.jar" \
    </dev/null >"$dir/registry.log" 2>&1 9>&- &
  pid=$!
  echo "$pid" >"$dir/pid"
  await_start "$pid"
  say "Apicurio Registry $version, process $pid; its URL is $(url)"
  [ -z "$follow" ] || follow
}

stop() {
  local pid deadline=$((SECONDS + 20))
  pid=$(running) || return 0
  kill -TERM "$pid"
  while running >/dev/null; do
    if [ $SECONDS -ge $deadline ]; then
      kill -KILL "$pid"
      deadline=$((SECONDS + 20))
    fi
    sleep 0.1
  done
  rm -f "$dir/pid"
}

status() {
  local pid
  pid=$(running) || {
    say "no registry runs in $dir"
    return 1
  }
  echo "registry of process $pid at $(url), in $dir"
}

print_env() {
  status >/dev/null 2>&1 || fail "no registry runs in $dir"
  printf 'export KAFKA_STREAMS_TEST_REGISTRY=%q\n' "$(url)"
}

# One start or stop of a directory at a time, where the system has locks for scripts.
locked() {
  if command -v flock >/dev/null; then
    exec 9>"$dir/lock"
    flock 9
  fi
  "$@"
}

command=${1:---help}
shift || true
case "$command" in
  start | stop) parse_options "$@" && locked "$command" ;;
  status) parse_options "$@" && status ;;
  env) parse_options "$@" && print_env ;;
  fetch) parse_options "$@" && fetch ;;
  --help | -h | help) usage ;;
  *) fail "unknown command $command (see registry.sh --help)" ;;
esac
