# The project's commands; `make help` lists them. Each build with RocksDB is $(CARGO)'s, of the whole workspace with one set
# of features and one profile, so that nothing is compiled twice.

# Outside of the clone, so that all clones of one machine share the compiled dependencies.
CARGO_TARGET_DIR ?= $(HOME)/.cache/kafka-streams/target
export CARGO_TARGET_DIR

# Where brokers of other versions than the newest are.
KAFKAS := $(or $(XDG_DATA_HOME),$(HOME)/.local/share)/kafka-streams/kafka

# What `make demo` and `make bench-kafka` hand to the program, as in: make demo ARGS="--instances 3"
ARGS ?=
# The versions of Kafka that `make test-versions` is for; none means those that scripts/test-versions.sh names.
VERSIONS ?=
# Where its stores are: memory, which builds in minutes, or rocksdb.
STORE ?= memory

MEMBERS := state-store kafka-client streams-core streams-serdes streams-dsl examples tests ui-tests bench
# The tests that ask the broker or schema registry of the environment or start their own; without one they say that they
# are skipped.
BROKER_TESTS := groups contract broker interop smoke small_examples real_registry java_avro
STAGE := scripts/stage.sh
CARGO := scripts/cargo.sh

.NOTPARALLEL:
ORDERS := "$(CARGO_TARGET_DIR)/debug/high-value-orders"

.PHONY: help demo cluster-demo test test-cluster test-versions fmt clippy doc operators guide deny bench bench-kafka fuzz cluster kafka kafka-stop registry registry-stop programs deps clean

help: ## List these targets (the default)
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-13s %s\n", $$1, $$2 }' Makefile
	@echo
	@echo '  make demo ARGS="--help"            what the demo can be asked for'
	@echo '  CARGO_TARGET_DIR=target make test  build inside of this clone, not in $(CARGO_TARGET_DIR)'

ifeq ($(STORE),memory)
demo: ## Run the high-value-orders example on 69,659 real orders (STORE=rocksdb: with stores on disk)
	@scripts/deps.sh
	@cargo build -p examples --bin high-value-orders --no-default-features
	@$(ORDERS) $(ARGS)
	@echo 'The same with stores on disk: make demo STORE=rocksdb. On Apache Kafka: make programs kafka, and the README.' >&2
else
demo: programs
	@$(ORDERS) --store $(STORE) $(ARGS)
endif

cluster-demo: deps ## Run three brokers, a registry, two instances and Prometheus, and watch the lag fall (no Docker)
	@cargo build -p examples --bin high-value-orders --no-default-features --features rdkafka,metrics
	@scripts/cluster-demo.sh $(ORDERS)

test: deps ## Check a change: format, lints, licences, tests, docs, figures of the example; needs no broker
	@$(STAGE) "format" cargo fmt --all --check
	@$(STAGE) "format of the fuzz targets" cargo fmt --manifest-path fuzz/Cargo.toml --check
	@$(STAGE) "lints" $(CARGO) clippy --workspace --all-targets -- -D warnings
	@$(STAGE) "lints of what programs build" cargo clippy -p streams-dsl --no-default-features -- -D warnings
	@$(STAGE) "lints of the tests of processes" $(CARGO) clippy --workspace --test cluster -- -D warnings
	@$(STAGE) "dashboard and alerts" scripts/check-ops.sh
	@$(STAGE) "licences and sources of the dependencies" scripts/deny.sh
	@$(STAGE) "tests and doctests" $(CARGO) test --workspace
	@RUSTDOCFLAGS="-D warnings" $(STAGE) "documentation" $(CARGO) doc --workspace --no-deps
	@$(STAGE) "build of the programs" $(CARGO) build --workspace --bins
	@$(STAGE) "figures of the example" scripts/check-demo.sh $(ORDERS)

test-cluster: deps ## Check it on Apache Kafka: with Java, with processes that are killed; and feed bytes to the decoders
	@$(STAGE) "build of the programs" $(CARGO) build --workspace --bins
	@$(STAGE) "lints without RocksDB" cargo clippy --workspace --all-targets --no-default-features -- -D warnings
	@SIMULATION_SEED=100..150 $(STAGE) "simulation of more seeds" $(CARGO) test --workspace --test suite -- simulation::
	@$(STAGE) "unit tests on a real Kafka" scripts/with-kafka.sh $(CARGO) test --workspace --lib -- broker_tests client::kafka::tests
	@$(STAGE) "tests on a real Kafka" scripts/with-registry.sh scripts/with-kafka.sh $(CARGO) test --workspace $(addprefix --test ,$(BROKER_TESTS))
	@KAFKA_STREAMS_TEST_DATA_PLANE=rdkafka $(STAGE) "smoke tests on librdkafka" scripts/with-kafka.sh $(CARGO) test --workspace --test smoke
	@$(STAGE) "workloads beside Java" scripts/bench-kafka.sh --small
	@$(STAGE) "instructions per record" scripts/instructions.sh
	@$(STAGE) "decoders" scripts/fuzz.sh
	@$(STAGE) "processes on a real Kafka" scripts/with-kafka.sh $(CARGO) test --workspace --test cluster
	@KAFKA_STREAMS_TEST_DATA_PLANE=rdkafka $(STAGE) "processes with librdkafka" scripts/with-kafka.sh $(CARGO) test --workspace --test cluster -- scaling::

test-versions: deps ## Check it on several versions of Kafka: the clients' contract, and the orders with a kill
	@cargo build -p examples --bin high-value-orders --no-default-features --features rdkafka
	@scripts/test-versions.sh $(ORDERS) $(VERSIONS)

fmt: ## Format the sources
	cargo fmt --all
	cargo fmt --manifest-path fuzz/Cargo.toml

clippy: ## Run the lints
	$(CARGO) clippy --workspace --all-targets -- -D warnings

doc: ## Build the documentation
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --workspace --no-deps
	@echo "see $(CARGO_TARGET_DIR)/doc/streams_dsl/index.html"

operators: ## Write the guide's table of operators, which is made of their files
	@KAFKA_STREAMS_WRITE_OPERATORS=1 cargo test -q -p streams-dsl --no-default-features --lib -- tests::variants

guide: operators ## Build the guide, docs/guide, as a book of HTML pages
	@command -v mdbook >/dev/null || { echo 'mdbook is missing: cargo install mdbook' >&2; exit 1; }
	mdbook build docs/guide
	@# Documents beside the guide are no pages of the book: their links lead to the files themselves.
	@sed -i -E 's#href="((\.\./)+[A-Z][A-Z-]*)\.html#href="\1.md#g' docs/guide/book/*.html
	@echo "see docs/guide/book/index.html"

deny: ## Check the licences and sources of the dependencies, and what is known against them
	@scripts/deny.sh

bench: ## Measure the record path (docs/BENCHMARKS.md says what is measured)
	cargo bench -p bench --no-default-features

bench-kafka: ## Measure it beside Java's Kafka Streams on one broker (ARGS="--only N1,W1k --store memory"; --help)
	@scripts/bench-kafka.sh $(ARGS)

fuzz: ## Feed arbitrary bytes to all decoders (FUZZ_SECONDS=60 for longer, FUZZ_SEED=0 for other bytes)
	scripts/fuzz.sh

cluster: deps ## Of the tests, only those of processes on a real Kafka that are killed, frozen and cut off
	$(CARGO) build --workspace --bins
	scripts/with-kafka.sh $(CARGO) test --workspace --test cluster

kafka: ## Start Apache Kafka on localhost:9092, from Maven Central (VERSION=3.9.1: of that version)
	@scripts/kafka.sh start $(if $(VERSION),--version $(VERSION) --dir $(KAFKAS)-$(VERSION))

kafka-stop: ## Stop it (with the VERSION that it was started with)
	@scripts/kafka.sh stop $(if $(VERSION),--dir $(KAFKAS)-$(VERSION))

registry: ## Start a schema registry, Apicurio's, on localhost:8081, from Maven Central
	@scripts/registry.sh start

registry-stop: ## Stop it
	@scripts/registry.sh stop

programs: ## Build the programs, with RocksDB and librdkafka
	@scripts/deps.sh --native
	@$(CARGO) build --workspace --bins

deps: ## Install what building and checking need (Debian and Ubuntu; elsewhere: say what to install)
	@scripts/deps.sh --native --lints

clean: ## Remove what was built of this project, but not RocksDB and the other dependencies
	cargo clean $(addprefix -p ,$(MEMBERS))
	@echo "dependencies stay: rm -rf $(CARGO_TARGET_DIR) removes them too"
