"""Writes records as articles on Kafka do it in Python. Fails if one of them is not delivered."""

import argparse
import json
import sys

from confluent_kafka import Producer

HEADERS = {"event_type": "order_created", "source": "python-producer"}
FLUSH_SECONDS = 60


class Reports:
    """What became of the records."""

    def __init__(self):
        self.delivered = 0
        self.failed = []

    def __call__(self, error, message):
        if error is None:
            self.delivered += 1
        else:
            self.failed.append(f"{message.key()!r}: {error}")


def parse():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bootstrap-server", required=True)
    parser.add_argument("--topic", required=True)
    parser.add_argument("--key-field", required=True, help="field of the values that is the key")
    parser.add_argument("--values", required=True, help="file of values, one JSON object per line")
    parser.add_argument("--timestamp", type=int, help="time of all records in ms; else that of writing")
    parser.add_argument("--config", action="append", default=[], help="NAME=VALUE, of the client")
    return parser.parse_args()


def send(producer, record, reports):
    """Hands a record to the client, which may first have to get rid of others."""
    while True:
        try:
            producer.produce(headers=HEADERS, on_delivery=reports, **record)
            producer.poll(0)
            return
        except BufferError:
            producer.poll(1)


def main(options):
    producer = Producer({
        "bootstrap.servers": options.bootstrap_server,
        "acks": "all",
        "enable.idempotence": True,
        "compression.type": "lz4",
        "linger.ms": 5,
        **dict(setting.split("=", 1) for setting in options.config),
    })
    reports = Reports()
    time = {} if options.timestamp is None else {"timestamp": options.timestamp}
    with open(options.values, encoding="utf-8") as lines:
        for line in lines:
            value = json.loads(line)
            key, data = value[options.key_field].encode(), json.dumps(value).encode()
            send(producer, {"topic": options.topic, "key": key, "value": data, **time}, reports)
    left = producer.flush(FLUSH_SECONDS)
    if left or reports.failed:
        sys.exit(f"{left} records are not delivered after {FLUSH_SECONDS} s, failed: {reports.failed}")
    print(f"{reports.delivered} records delivered to {options.topic}")


if __name__ == "__main__":
    main(parse())
