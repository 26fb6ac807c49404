"""librdkafka's mock cluster in a process of its own. It cannot be started again on its port, nor stand behind a proxy.

python -m outbox.tests.publishers.kafka_server      prints the address, serves until its standard input ends
"""

import itertools
import subprocess
import sys
from pathlib import Path

from confluent_kafka import Consumer, Message, Producer, TopicPartition

from outbox.tests.publishers.conformance import Broker, Entry
from tests import servers
from tests.stoppable import StoppableServer

_topics = itertools.count(1)
_QUIET = {"log_level": 0}


class KafkaServer(Broker):
    too_large_bytes = 1_000_001
    """What librdkafka itself refuses unless told otherwise."""

    def __init__(self, folder: Path) -> None:
        self._log = folder / "log"
        command = [sys.executable, "-m", __name__]
        self.server = StoppableServer(command, log=self._log, ready=lambda: self._log.read_text().endswith("\n"))

    @property
    def address(self) -> str:
        return self._log.read_text().strip()

    def entry(self, port: int | None = None) -> Entry:
        return self._entry(self.address)

    def nobody_there(self) -> Entry:
        return self._entry(f"127.0.0.1:{servers.free_port()}")

    def received(self) -> list[str]:
        return [(message.value() or b"").decode() for message in self.messages()]

    def messages(self) -> list[Message]:
        """What is in the topic, an aggregate's in order."""
        consumer = Consumer({"bootstrap.servers": self.address, "group.id": "tests", "fetch.wait.max.ms": 10, **_QUIET})
        partitions = consumer.list_topics(self._topic, timeout=10).topics[self._topic].partitions
        consumer.assign([TopicPartition(self._topic, number, 0) for number in partitions])
        ends = [consumer.get_watermark_offsets(TopicPartition(self._topic, number))[1] for number in partitions]
        found = consumer.consume(sum(ends), timeout=10)
        consumer.close()
        return found

    def empty(self) -> None:
        self._topic = f"events-{next(_topics)}"

    def _entry(self, address: str) -> Entry:
        return {
            "class": "outbox.subscribers.kafka.KafkaPublisher",
            "options": {"servers": address, "topic": self._topic},
        }


def serve() -> None:
    producer = Producer({"test.mock.num.brokers": 1, "bootstrap.servers": "mock", **_QUIET})
    brokers = producer.list_topics(timeout=10).brokers.values()
    print(",".join(f"{broker.host}:{broker.port}" for broker in brokers), flush=True)
    subprocess.run(["sleep", "infinity"], check=False)


if __name__ == "__main__":
    serve()
