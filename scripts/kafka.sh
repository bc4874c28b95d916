#!/usr/bin/env bash
# Apache Kafka on this machine's loopback, for trying things and for the tests: kafka.sh --help
#
# One node in KRaft mode, made of the artifacts on Maven Central, which are fetched once into ~/.cache. A broker is a
# directory: its ports, data, log, process id and, with --secure, certificates. So there may be any number of them.
set -euo pipefail
scripts=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

version=4.3.1
libs=${XDG_CACHE_HOME:-$HOME/.cache}/kafka-streams/kafka-$version/libs
dir=${XDG_DATA_HOME:-$HOME/.local/share}/kafka-streams/kafka
port=
secure=
follow=
kill=

usage() {
  cat <<END
usage: kafka.sh COMMAND [--dir DIRECTORY] [OPTION …]

  start   start a broker and wait until it answers; nothing happens when it runs already
          --port PORT   PORT and the five after it are its ports (9092; 0: any that are free)
          --secure      also listen with TLS and SASL, with certificates and users made for it
          --follow PID  stop the broker and remove its directory when the process PID is gone
  stop    stop the broker; its data stays
          --kill        at once, as a crash would
  status  say whether it runs; exit status 1 if not
  env     print the variables that the tests read, as in: eval "\$(scripts/kafka.sh env)"
  fetch   fetch the artifacts and nothing else
  tool    run a command line tool against it, as in: kafka.sh tool topics --list
          (topics, groups, consumer-groups, streams-groups, configs, acls, transactions,
          console-consumer, console-producer, offsets, or the name of a class)

The default directory is $dir.
END
}

fail() {
  printf 'kafka: %s\n' "$*" >&2
  exit 1
}

say() {
  printf 'kafka: %s\n' "$*" >&2
}

parse_options() {
  while [ $# -gt 0 ]; do
    case "$1" in
      --secure) secure=yes ;;
      --kill) kill=yes ;;
      --dir | --port | --follow)
        [ $# -ge 2 ] || fail "$1 needs a value"
        printf -v "${1#--}" '%s' "$2"
        shift
        ;;
      *) fail "unknown option $1 (see kafka.sh --help)" ;;
    esac
    shift
  done
  mkdir -p "$dir"
  dir=$(cd "$dir" && pwd)
}

# ---- artifacts

fetch() {
  [ ! -d "$libs" ] || return 0
  "$scripts/kafka-java.sh"
  say "fetching Apache Kafka $version from Maven Central"
  mkdir -p "$(dirname "$libs")"
  local part
  part=$(mktemp -d "$libs.XXXXXX")
  if ! mvn -q -B -f "$scripts/kafka/pom.xml" dependency:copy-dependencies -DoutputDirectory="$part" >&2; then
    rm -rf "$part"
    fail "the artifacts could not be fetched; Maven's message is above"
  fi
  # Another process may have been faster; then its copy stays.
  mv -T "$part" "$libs" 2>/dev/null || rm -rf "$part"
  [ -d "$libs" ] || fail "the artifacts could not be put into $libs"
}

run_java() {
  java -Xmx256m -XX:+UseSerialGC -XX:TieredStopAtLevel=1 -cp "$libs/*" \
    -Dlog4j2.configurationFile="$scripts/kafka/tools-log4j2.properties" "$@"
}

# ---- ports

is_free() {
  ! (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null
}

# Six free ports in a row below 32768, where no system takes ports for outgoing connections: they stay free while the
# broker is down between two starts.
pick_port() {
  local try candidate offset
  for try in $(seq 50); do
    candidate=$((20000 + RANDOM % 12000))
    for offset in 0 1 2 3 4 5; do
      is_free $((candidate + offset)) || continue 2
    done
    echo "$candidate"
    return
  done
  fail "no six free ports in a row after $try tries"
}

# The ports and kind of a broker are settled by its first start.
settle() {
  if [ -e "$dir/settings" ]; then
    local asked=$port
    # shellcheck source=/dev/null
    . "$dir/settings"
    [ -z "$asked" ] || [ "$asked" = 0 ] || [ "$asked" = "$port" ] ||
      fail "the broker in $dir was made for port $port: remove the directory, or name another by --dir"
    return
  fi
  case "$port" in
    0) port=$(pick_port) ;;
    '') port=9092 ;;
    *[!0-9]*) fail "--port $port is not a number" ;;
  esac
  printf 'port=%s\nsecure=%s\n' "$port" "$secure" >"$dir/settings"
}

# ---- certificates

# Makes $1.key and $1.crt for the subject $2 with the extensions $3, signed by the authority $4 (itself, if it is $1).
certify() {
  openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$1.key"
  openssl req -new -key "$1.key" -subj "/CN=$2" -out "$1.csr"
  printf '%b' "$3" >"$1.ext"
  if [ "$1" = "$4" ]; then
    openssl x509 -req -in "$1.csr" -signkey "$1.key" -days 3650 -sha256 -extfile "$1.ext" -out "$1.crt"
  else
    openssl x509 -req -in "$1.csr" -CA "$4.crt" -CAkey "$4.key" -CAcreateserial -days 3650 -sha256 \
      -extfile "$1.ext" -out "$1.crt"
  fi
  rm "$1.csr" "$1.ext"
}

# An authority, what it signed for the server and for a client, and another authority that signed nothing of this.
make_certificates() {
  local tls=$dir/tls authority='basicConstraints=critical,CA:true\nkeyUsage=critical,keyCertSign,cRLSign\n'
  [ ! -e "$tls/done" ] || return 0
  command -v openssl >/dev/null || fail "--secure needs openssl: install it, then try again"
  mkdir -p "$tls"
  {
    certify "$tls/ca" "Kafka test authority" "$authority" "$tls/ca"
    certify "$tls/stranger-ca" "Some other authority" "$authority" "$tls/stranger-ca"
    certify "$tls/server" localhost 'subjectAltName=DNS:localhost,IP:127.0.0.1\nextendedKeyUsage=serverAuth\n' "$tls/ca"
    certify "$tls/client" carol 'extendedKeyUsage=clientAuth\n' "$tls/ca"
  } >"$tls/openssl.log" 2>&1 || fail "certificates could not be made, see $tls/openssl.log"
  # The broker wants key and certificate in one file.
  cat "$tls/server.key" "$tls/server.crt" >"$tls/server.pem"
  touch "$tls/done"
}

# ---- settings of the broker

plain_listeners() {
  cat <<END

listeners=CONTROLLER://127.0.0.1:$((port + 1)),PLAINTEXT://127.0.0.1:$port
advertised.listeners=CONTROLLER://127.0.0.1:$((port + 1)),PLAINTEXT://127.0.0.1:$port
END
}

# The listeners with TLS are advertised by the name that the certificate is for.
secure_listeners() {
  local listener login=org.apache.kafka.common.security
  cat <<END

listeners=CONTROLLER://127.0.0.1:$((port + 1)),PLAINTEXT://127.0.0.1:$port,SSL://127.0.0.1:$((port + 2)),SASL_SSL://127.0.0.1:$((port + 3)),SASL_PLAINTEXT://127.0.0.1:$((port + 4)),MUTUAL://127.0.0.1:$((port + 5))
advertised.listeners=CONTROLLER://127.0.0.1:$((port + 1)),PLAINTEXT://127.0.0.1:$port,SSL://localhost:$((port + 2)),SASL_SSL://localhost:$((port + 3)),SASL_PLAINTEXT://127.0.0.1:$((port + 4)),MUTUAL://localhost:$((port + 5))
listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,SSL:SSL,SASL_SSL:SASL_SSL,SASL_PLAINTEXT:SASL_PLAINTEXT,MUTUAL:SSL
listener.name.mutual.ssl.client.auth=required
ssl.keystore.type=PEM
ssl.keystore.location=$dir/tls/server.pem
ssl.truststore.type=PEM
ssl.truststore.location=$dir/tls/ca.crt

# Whoever has a name may do all that no rule forbids; rules are made by: kafka.sh tool acls
authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer
allow.everyone.if.no.acl.found=true
super.users=User:ANONYMOUS

sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-256,SCRAM-SHA-512,OAUTHBEARER
END
  for listener in sasl_ssl sasl_plaintext; do
    cat <<END
listener.name.$listener.plain.sasl.jaas.config=$login.plain.PlainLoginModule required user_alice="alice-secret" user_bob="bob-secret";
listener.name.$listener.scram-sha-256.sasl.jaas.config=$login.scram.ScramLoginModule required;
listener.name.$listener.scram-sha-512.sasl.jaas.config=$login.scram.ScramLoginModule required;
listener.name.$listener.oauthbearer.sasl.jaas.config=$login.oauthbearer.OAuthBearerLoginModule required unsecuredLoginStringClaim_sub="broker";
END
  done
}

write_properties() {
  cat "$scripts/kafka/server.properties"
  printf '\ncontroller.quorum.bootstrap.servers=127.0.0.1:%s\nlog.dirs=%s\n' $((port + 1)) "$dir/data"
  if [ -n "$secure" ]; then secure_listeners; else plain_listeners; fi
  # Settings that somebody wants to be different for this broker.
  [ ! -e "$dir/extra.properties" ] || cat "$dir/extra.properties"
}

format() {
  [ ! -e "$dir/data/meta.properties" ] || return 0
  local cluster mechanism user
  cluster=K$(head -c 16 /dev/urandom | base64 | tr '+/' '-_' | cut -c 2-22)
  set --
  if [ -n "$secure" ]; then
    for mechanism in SCRAM-SHA-256 SCRAM-SHA-512; do
      for user in alice bob; do
        set -- "$@" --add-scram "$mechanism=[name=$user,password=$user-secret]"
      done
    done
  fi
  run_java kafka.tools.StorageTool format --cluster-id "$cluster" --config "$dir/server.properties" --standalone "$@" \
    >"$dir/format.log" 2>&1 || fail "the storage could not be formatted: $(tail -n 5 "$dir/format.log")"
}

# ---- the process

# The process id, if the process of that number is this broker: numbers are used again.
running() {
  local pid
  [ -s "$dir/pid" ] || return 1
  pid=$(cat "$dir/pid")
  if [ -r "/proc/$pid/cmdline" ]; then
    grep -qaF -- "$dir/server.properties" "/proc/$pid/cmdline" || return 1
  elif [ -d /proc/self ] || ! ps -p "$pid" -o args= | grep -qF -- "$dir/server.properties"; then
    return 1
  fi
  echo "$pid"
}

# Whether process $1 has ended with all its threads, the last of which closes its ports. Nobody may have waited for it.
is_gone() {
  if [ ! -d /proc/self ]; then
    ! command kill -0 "$1" 2>/dev/null
    return
  fi
  [ -d "/proc/$1" ] || return 0
  local threads=("/proc/$1/task/"*)
  [ "${#threads[@]}" -eq 1 ] && ! grep -qs '^State:[[:space:]]*[^ZX]' "/proc/$1/status"
}

launch() {
  local detach=nohup
  # Nobody may find the line of an earlier start in it.
  : >"$dir/start.log"
  ! command -v setsid >/dev/null || detach=setsid
  # Descriptor 9 is the lock, which must not live on in the broker.
  # shellcheck disable=SC2086
  $detach java ${KAFKA_STREAMS_BROKER_JVM:--Xms128m -Xmx512m} -XX:+UseSerialGC -XX:+ExitOnOutOfMemoryError \
    -Dkafka.logs.dir="$dir" -Dlog4j2.configurationFile="$scripts/kafka/log4j2.properties" -cp "$libs/*" \
    kafka.Kafka "$dir/server.properties" </dev/null >"$dir/start.log" 2>&1 9>&- &
  echo $! >"$dir/pid"
}

await_start() {
  local deadline=$((SECONDS + 120))
  until grep -q 'Kafka Server started' "$dir/start.log"; do
    if ! running >/dev/null && ! grep -q 'Kafka Server started' "$dir/start.log"; then
      tail -n 30 "$dir/start.log" >&2
      fail "the broker ended while it started; its log is $dir/kafka.log"
    fi
    if [ $SECONDS -ge $deadline ]; then
      tail -n 30 "$dir/kafka.log" >&2
      fail "the broker does not answer after two minutes; its log is $dir/kafka.log"
    fi
    sleep 0.1
  done
}

# Waits beside the broker for the end of the process that asked for it; until then that may stop and start it.
follow() {
  (
    while command kill -0 "$follow" 2>/dev/null; do sleep 1; done
    kill=yes stop
    rm -rf "$dir"
  ) </dev/null >/dev/null 2>&1 9>&- &
  disown
}

start() {
  local pid
  if pid=$(running); then
    say "runs already as process $pid in $dir"
    return
  fi
  fetch
  "$scripts/kafka-java.sh"
  local first=
  [ -e "$dir/settings" ] || first=yes
  settle
  is_free "$port" || fail "port $port is in use by another program: name another by --port"
  [ -z "$secure" ] || make_certificates
  write_properties >"$dir/server.properties"
  format
  launch
  await_start
  [ -z "$follow" ] || [ -z "$first" ] || follow
  say "Apache Kafka $version listens on 127.0.0.1:$port, process $(cat "$dir/pid"), in $dir"
}

# A broker that does not end within 20 seconds of the signal is killed.
stop() {
  local pid deadline=$((SECONDS + 20))
  pid=$(running) || return 0
  # A suspended process takes the signal when it goes on.
  if [ -n "$kill" ]; then command kill -KILL "$pid"; else command kill -TERM "$pid" && command kill -CONT "$pid"; fi
  until is_gone "$pid"; do
    if [ $SECONDS -ge $deadline ]; then
      say "killing the broker, which did not end within 20 seconds"
      command kill -KILL "$pid"
      deadline=$((SECONDS + 20))
    fi
    sleep 0.05
  done
  rm -f "$dir/pid"
}

status() {
  local pid
  if ! pid=$(running); then
    say "no broker runs in $dir"
    return 1
  fi
  settle
  echo "broker of process $pid on 127.0.0.1:$port${secure:+, with TLS and SASL}, in $dir"
}

print_env() {
  running >/dev/null || fail "no broker runs in $dir"
  settle
  printf 'export %s=%q\n' KAFKA_STREAMS_TEST_BOOTSTRAP "127.0.0.1:$port" KAFKA_STREAMS_TEST_DIR "$dir"
  [ -z "$secure" ] || printf 'export KAFKA_STREAMS_TEST_%s=%q\n' SSL "localhost:$((port + 2))" \
    SASL_SSL "localhost:$((port + 3))" SASL_PLAINTEXT "127.0.0.1:$((port + 4))" MUTUAL "localhost:$((port + 5))" \
    TLS "$dir/tls"
}

tool() {
  [ $# -gt 0 ] || fail "tool needs a name, as in: kafka.sh tool topics --list"
  local name=$1 class server=--bootstrap-server tools=org.apache.kafka.tools
  shift
  case "$name" in
    topics) class=$tools.TopicCommand ;;
    groups) class=$tools.GroupsCommand ;;
    consumer-groups) class=$tools.consumer.group.ConsumerGroupCommand ;;
    streams-groups) class=$tools.streams.StreamsGroupCommand ;;
    configs) class=kafka.admin.ConfigCommand ;;
    acls) class=$tools.AclCommand ;;
    transactions) class=$tools.TransactionsCommand ;;
    offsets) class=$tools.GetOffsetShell ;;
    console-consumer) class=$tools.consumer.ConsoleConsumer ;;
    console-producer) class=$tools.ConsoleProducer ;;
    *.*) class=$name server= ;;
    *) fail "unknown tool $name (see kafka.sh --help)" ;;
  esac
  fetch
  if [ -z "$server" ]; then
    run_java "$class" "$@"
    return
  fi
  [ -e "$dir/settings" ] || fail "there is no broker in $dir: start one first, or name its directory by --dir"
  settle
  run_java "$class" "$server" "127.0.0.1:$port" "$@"
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
  tool)
    if [ "${1:-}" = --dir ]; then
      parse_options --dir "${2:?--dir needs a value}"
      shift 2
    fi
    tool "$@"
    ;;
  -h | --help | help) usage ;;
  *) fail "unknown command $command (see kafka.sh --help)" ;;
esac
