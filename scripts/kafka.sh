#!/usr/bin/env bash
# Apache Kafka on this machine's loopback, for trying things and for the tests: kafka.sh --help
#
# KRaft mode, made of the artifacts on Maven Central, which are fetched once into ~/.cache. A cluster is a directory: its
# ports, data, logs, process ids and, with --secure, certificates. So there may be any number of them. It has one node,
# or with --nodes three, each with a directory in it.
set -euo pipefail
scripts=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

# The version that a cluster is made for, unless it is told another, and the jars of the version at hand.
newest=4.3.1
version=
libs=
dir=${XDG_DATA_HOME:-$HOME/.local/share}/kafka-streams/kafka
port=
secure=
follow=
kill=
# How many there are, and the one that a command is for.
nodes=
node=
# Of the node at hand: its number, first port and directory.
at=
own=
home=

usage() {
  cat <<END
usage: kafka.sh COMMAND [--dir DIRECTORY] [OPTION …]

  start   start a broker and wait until it answers; nothing happens when it runs already
          --port PORT   PORT and the five after it are its ports (9092; 0: any that are free)
          --secure      also listen with TLS and SASL, with certificates and users made for it
          --version V   Apache Kafka V, from 3.3.1 on ($newest, or \$KAFKA_VERSION)
          --nodes 3     three brokers with three replicas of all, two of which must have a record
          --node N      only the broker N of them
          --follow PID  stop the broker and remove its directory when the process PID is gone
  stop    stop the broker; its data stays
          --kill        at once, as a crash would
          --node N      only the broker N of three
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
      --dir | --port | --follow | --nodes | --node | --version)
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

# ---- versions

# Whether the version at hand is $1 or later.
is_from() {
  [ "$(printf '%s\n' "$1" "$version" | sort -V | head -n 1)" = "$1" ]
}

# Settles the version of a cluster that has none yet.
choose_version() {
  version=${version:-${KAFKA_VERSION:-$newest}}
  case "$version" in
    *[!0-9.]* | '') fail "--version $version is no version such as $newest" ;;
  esac
  is_from 3.3.1 || fail "--version $version: KRaft is ready for use from 3.3.1 on"
  [ -z "$secure" ] || is_from 3.5.0 || fail "--secure needs 3.5.0 or later, whose storage can be made with users"
  use_version
}

use_version() {
  libs=${XDG_CACHE_HOME:-$HOME/.cache}/kafka-streams/kafka-$version/libs
}

# ---- artifacts

fetch() {
  [ ! -d "$libs" ] || return 0
  local profile=kafka-4
  is_from 4.0.0 || profile=kafka-3
  "$scripts/kafka-java.sh"
  say "fetching Apache Kafka $version from Maven Central"
  mkdir -p "$(dirname "$libs")"
  local part
  part=$(mktemp -d "$libs.XXXXXX")
  if ! mvn -q -B -f "$scripts/kafka/pom.xml" -P "$profile" -Dkafka.version="$version" \
    dependency:copy-dependencies -DoutputDirectory="$part" >&2; then
    rm -rf "$part"
    fail "the artifacts could not be fetched; Maven's message is above"
  fi
  # Another process may have been faster; then its copy stays.
  mv -T "$part" "$libs" 2>/dev/null || rm -rf "$part"
  [ -d "$libs" ] || fail "the artifacts could not be put into $libs"
}

# The setting by which the JVM finds the log's configuration: version 3 logs by log4j 1.
log_settings() {
  if is_from 4.0.0; then
    echo "-Dlog4j2.configurationFile=$scripts/kafka/$1log4j2.properties"
  else
    echo "-Dlog4j.configuration=file:$scripts/kafka/3/$1log4j.properties"
  fi
}

run_java() {
  java -Xmx256m -XX:+UseSerialGC -XX:TieredStopAtLevel=1 -cp "$libs/*" "$(log_settings tools-)" "$@"
}

# ---- ports

is_free() {
  ! (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null
}

# Calls the command for the node that was asked for, or for all of them one by one.
each_node() {
  local number
  for number in ${node:-$(seq "$nodes")}; do
    at=$number own=$((port + 2 * (number - 1))) home=$dir
    [ "$nodes" = 1 ] || home=$dir/node-$number
    mkdir -p "$home"
    "$@"
  done
}

# The addresses of all nodes without security.
bootstrap() {
  local number addresses=
  for number in $(seq "$nodes"); do
    addresses=$addresses,127.0.0.1:$((port + 2 * (number - 1)))
  done
  echo "${addresses#,}"
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

# The ports and kind of a cluster are settled by its first start.
settle() {
  if [ -e "$dir/settings" ]; then
    local asked=$port wanted=$nodes asked_version=$version
    # What was made before clusters had a version.
    version=$newest
    # shellcheck source=/dev/null
    . "$dir/settings"
    [ -z "$asked" ] || [ "$asked" = 0 ] || [ "$asked" = "$port" ] ||
      fail "the broker in $dir was made for port $port: remove the directory, or name another by --dir"
    [ -z "$wanted" ] || [ "$wanted" = "$nodes" ] ||
      fail "what is in $dir has $nodes nodes: remove the directory, or name another by --dir"
    [ -z "$asked_version" ] || [ "$asked_version" = "$version" ] ||
      fail "the broker in $dir was made with version $version: remove the directory, or name another by --dir"
    use_version
    check_node
    return
  fi
  choose_version
  case "${nodes:=1}" in
    1) ;;
    3) [ -z "$secure" ] || fail "--secure is for one node, not for three" ;;
    *) fail "--nodes $nodes: there are one or three" ;;
  esac
  check_node
  case "$port" in
    0) port=$(pick_port) ;;
    '') port=9092 ;;
    *[!0-9]*) fail "--port $port is not a number" ;;
  esac
  printf 'port=%s\nsecure=%s\nnodes=%s\nversion=%s\n' "$port" "$secure" "$nodes" "$version" >"$dir/settings"
}

check_node() {
  case "$node" in
    '' | 1) ;;
    2 | 3) [ "$nodes" = 3 ] || fail "--node $node: what is in $dir has one node" ;;
    *) fail "--node $node: nodes are 1, 2 and 3" ;;
  esac
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

# The controller is advertised where the broker lets it be.
advertised_controller() {
  ! is_from 3.9.0 || echo "CONTROLLER://127.0.0.1:$((own + 1)),"
}

plain_listeners() {
  cat <<END

listeners=CONTROLLER://127.0.0.1:$((own + 1)),PLAINTEXT://127.0.0.1:$own
advertised.listeners=$(advertised_controller)PLAINTEXT://127.0.0.1:$own
END
}

# The listeners with TLS are advertised by the name that the certificate is for.
secure_listeners() {
  local listener login=org.apache.kafka.common.security
  cat <<END

listeners=CONTROLLER://127.0.0.1:$((port + 1)),PLAINTEXT://127.0.0.1:$port,SSL://127.0.0.1:$((port + 2)),SASL_SSL://127.0.0.1:$((port + 3)),SASL_PLAINTEXT://127.0.0.1:$((port + 4)),MUTUAL://127.0.0.1:$((port + 5))
advertised.listeners=$(advertised_controller)PLAINTEXT://127.0.0.1:$port,SSL://localhost:$((port + 2)),SASL_SSL://localhost:$((port + 3)),SASL_PLAINTEXT://127.0.0.1:$((port + 4)),MUTUAL://localhost:$((port + 5))
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

# Of several nodes each names all the others from the start.
write_quorum() {
  if [ "$nodes" = 1 ] && ! is_from 3.9.0; then
    printf '\ncontroller.quorum.voters=1@127.0.0.1:%s\n' $((port + 1))
    return
  fi
  if [ "$nodes" = 1 ]; then
    printf '\ncontroller.quorum.bootstrap.servers=127.0.0.1:%s\n' $((port + 1))
    return
  fi
  printf '\nnode.id=%s\ncontroller.quorum.voters=1@127.0.0.1:%s,2@127.0.0.1:%s,3@127.0.0.1:%s\n' "$at" \
    $((port + 1)) $((port + 3)) $((port + 5))
  cat "$scripts/kafka/three-nodes.properties"
}

write_properties() {
  cat "$scripts/kafka/server.properties"
  write_quorum
  printf 'log.dirs=%s\n' "$home/data"
  if [ -n "$secure" ]; then secure_listeners; else plain_listeners; fi
  # Settings that somebody wants to be different for this broker.
  [ ! -e "$dir/extra.properties" ] || cat "$dir/extra.properties"
}

format() {
  [ ! -e "$home/data/meta.properties" ] || return 0
  local mechanism user
  [ -e "$dir/cluster-id" ] || echo "K$(head -c 16 /dev/urandom | base64 | tr '+/' '-_' | cut -c 2-22)" >"$dir/cluster-id"
  set --
  # Nodes that name all the others need nobody to make them a quorum.
  [ "$nodes" != 1 ] || ! is_from 3.9.0 || set -- --standalone
  if [ -n "$secure" ]; then
    for mechanism in SCRAM-SHA-256 SCRAM-SHA-512; do
      for user in alice bob; do
        set -- "$@" --add-scram "$mechanism=[name=$user,password=$user-secret]"
      done
    done
  fi
  run_java kafka.tools.StorageTool format --cluster-id "$(cat "$dir/cluster-id")" --config "$home/server.properties" "$@" \
    >"$home/format.log" 2>&1 || fail "the storage could not be formatted: $(tail -n 5 "$home/format.log")"
}

# ---- the process

# The process id, if the process of that number is this broker: numbers are used again.
running() {
  local pid
  [ -s "$home/pid" ] || return 1
  pid=$(cat "$home/pid")
  if [ -r "/proc/$pid/cmdline" ]; then
    grep -qaF -- "$home/server.properties" "/proc/$pid/cmdline" || return 1
  elif [ -d /proc/self ] || ! ps -p "$pid" -o args= | grep -qF -- "$home/server.properties"; then
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
  : >"$home/start.log"
  ! command -v setsid >/dev/null || detach=setsid
  # Descriptor 9 is the lock, which must not live on in the broker.
  # shellcheck disable=SC2086
  $detach java ${KAFKA_STREAMS_BROKER_JVM:--Xms128m -Xmx512m} -XX:+UseSerialGC -XX:+ExitOnOutOfMemoryError \
    -Dkafka.logs.dir="$home" "$(log_settings '')" -cp "$libs/*" \
    kafka.Kafka "$home/server.properties" </dev/null >"$home/start.log" 2>&1 9>&- &
  echo $! >"$home/pid"
}

await_start() {
  local deadline=$((SECONDS + 120))
  until grep -q 'Kafka Server started' "$home/start.log"; do
    # By its number alone: at first it has not taken up the name of the broker.
    if is_gone "$(cat "$home/pid")" && ! grep -q 'Kafka Server started' "$home/start.log"; then
      tail -n 30 "$home/start.log" >&2
      fail "the broker ended while it started; its log is $home/kafka.log"
    fi
    if [ $SECONDS -ge $deadline ]; then
      tail -n 30 "$home/kafka.log" >&2
      fail "the broker does not answer after two minutes; its log is $home/kafka.log"
    fi
    sleep 0.1
  done
}

# Waits beside the broker for the end of the process that asked for it; until then that may stop and start it.
follow() {
  (
    while command kill -0 "$follow" 2>/dev/null; do sleep 1; done
    node='' kill=yes stop
    rm -rf "$dir"
  ) </dev/null >/dev/null 2>&1 9>&- &
  disown
}

start_node() {
  local pid
  if pid=$(running); then
    say "runs already as process $pid in $home"
    return
  fi
  is_free "$own" || fail "port $own is in use by another program: name another by --port"
  write_properties >"$home/server.properties"
  format
  launch
  started="$started $at"
}

start() {
  local first='' started=
  [ -e "$dir/settings" ] || first=yes
  settle
  fetch
  "$scripts/kafka-java.sh"
  [ -z "$secure" ] || make_certificates
  each_node start_node
  [ -n "$started" ] || return 0
  for node in $started; do
    each_node await_start
    say "Apache Kafka $version listens on 127.0.0.1:$own, process $(cat "$home/pid"), in $home"
  done
  [ -z "$follow" ] || [ -z "$first" ] || follow
}

# A broker that does not end within 20 seconds of the signal is killed.
stop_node() {
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
  rm -f "$home/pid"
}

stop() {
  [ -e "$dir/settings" ] || return 0
  settle
  each_node stop_node
}

status_of_node() {
  local pid
  if ! pid=$(running); then
    say "no broker runs in $home"
    return 1
  fi
  echo "broker of process $pid on 127.0.0.1:$own${secure:+, with TLS and SASL}, in $home"
}

status() {
  if [ ! -e "$dir/settings" ]; then
    say "no broker runs in $dir"
    return 1
  fi
  settle
  each_node status_of_node
}

print_env() {
  status >/dev/null 2>&1 || fail "no broker runs in $dir"
  printf 'export %s=%q\n' KAFKA_STREAMS_TEST_BOOTSTRAP "$(bootstrap)" KAFKA_STREAMS_TEST_DIR "$dir" \
    KAFKA_STREAMS_TEST_VERSION "$version"
  [ -z "$secure" ] || printf 'export KAFKA_STREAMS_TEST_%s=%q\n' SSL "localhost:$((port + 2))" \
    SASL_SSL "localhost:$((port + 3))" SASL_PLAINTEXT "127.0.0.1:$((port + 4))" MUTUAL "localhost:$((port + 5))" \
    TLS "$dir/tls"
}

tool() {
  [ $# -gt 0 ] || fail "tool needs a name, as in: kafka.sh tool topics --list"
  local name=$1 server=--bootstrap-server
  shift
  if [ -e "$dir/settings" ]; then settle; else choose_version; fi
  fetch
  local core=kafka tools=org.apache.kafka.tools class
  # Tools moved from the broker's Scala classes to Java's one by one.
  case "$name" in
    topics) class=$(one_of $tools.TopicCommand $core.admin.TopicCommand) ;;
    groups) class=$(one_of $tools.GroupsCommand) ;;
    consumer-groups) class=$(one_of $tools.consumer.group.ConsumerGroupCommand $core.admin.ConsumerGroupCommand) ;;
    streams-groups) class=$(one_of $tools.streams.StreamsGroupCommand) ;;
    configs) class=$(one_of $tools.ConfigCommand $core.admin.ConfigCommand) ;;
    acls) class=$(one_of $tools.AclCommand $core.admin.AclCommand) ;;
    transactions) class=$(one_of $tools.TransactionsCommand) ;;
    offsets) class=$(one_of $tools.GetOffsetShell $core.tools.GetOffsetShell) ;;
    console-consumer) class=$(one_of $tools.consumer.ConsoleConsumer $core.tools.ConsoleConsumer) ;;
    console-producer) class=$(one_of $tools.ConsoleProducer $core.tools.ConsoleProducer) ;;
    *.*) class=$name server= ;;
    *) fail "unknown tool $name (see kafka.sh --help)" ;;
  esac
  [ -n "$class" ] || fail "Apache Kafka $version has no tool $name"
  if [ -z "$server" ]; then
    run_java "$class" "$@"
    return
  fi
  [ -e "$dir/settings" ] || fail "there is no broker in $dir: start one first, or name its directory by --dir"
  run_java "$class" "$server" "$(bootstrap)" "$@"
}

# The first of the classes that the version at hand has. Names of files stand in a jar as they are.
one_of() {
  local class
  for class in "$@"; do
    if grep -qaF "${class//.//}.class" "$libs"/kafka*.jar; then
      echo "$class"
      return
    fi
  done
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
  fetch) parse_options "$@" && choose_version && fetch ;;
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
