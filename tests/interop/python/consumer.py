"""Prints what is committed of a topic now, one JSON object per record: consumer.py BOOTSTRAP TOPIC

Values are JSON. Records of a partition are in order.
"""

import json
import sys

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, TopicPartition

PATIENCE_SECONDS = 60


def as_json(message):
    headers = [[name, value.decode()] for name, value in message.headers() or []]
    return json.dumps({
        "key": message.key().decode(),
        "value": json.loads(message.value()),
        "timestamp": message.timestamp()[1],
        "headers": headers,
    })


def next_message(consumer, topic):
    message = consumer.poll(PATIENCE_SECONDS)
    if message is None:
        sys.exit(f"nothing came of {topic} for {PATIENCE_SECONDS} s")
    return message


def main(bootstrap, topic):
    consumer = Consumer({
        "bootstrap.servers": bootstrap,
        "group.id": "python-consumer",
        "isolation.level": "read_committed",
        "enable.auto.commit": False,
        "enable.partition.eof": True,
    })
    partitions = set(consumer.list_topics(topic, timeout=PATIENCE_SECONDS).topics[topic].partitions)
    if not partitions:
        sys.exit(f"there is no topic {topic}")
    consumer.assign([TopicPartition(topic, number, OFFSET_BEGINNING) for number in partitions])
    while partitions:
        message = next_message(consumer, topic)
        if message.error() is None:
            print(as_json(message))
        elif message.error().code() == KafkaError._PARTITION_EOF:
            partitions.discard(message.partition())
        else:
            sys.exit(f"{topic}: {message.error()}")
    consumer.close()


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(*sys.argv[1:])
