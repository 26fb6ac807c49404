"""Who hears which event. The one table through which anything travels *up* the import direction.

A consumer's handler is called as `handler(event=OutboxEvent)` inside the relay's transaction, once per event in effect.
Where most events of its types are nothing to it, a `chooser(events=Sequence[OutboxEvent])` returns, before that and
outside transactions, those that are: the others are passed over together.
One of batches is called as `batch_handler(events=Sequence[OutboxEvent])`; its `events` may name a function that is
asked before each batch which types it hears of.
A publisher is an object with `publish(events: Sequence[PublishedEvent])`, called outside transactions, at least once.
Patterns are `fnmatch` patterns over event types.
"""

from typing import Any

from config.settings.env import env

EVENT_CONSUMERS: dict[str, dict[str, Any]] = {
    "release_parked": {
        "batch_handler": "webhooks.inbound.services.release_parked",
        "events": ["payment.submitted", "receipt.created"],
    },
    "subscriptions": {
        "handler": "billing.services.follow_invoice",
        "chooser": "billing.services.of_subscriptions",
        "events": ["invoice.paid", "invoice.reopened", "invoice.failed", "invoice.voided"],
    },
    "webhooks": {
        "batch_handler": "webhooks.outbound.services.fan_out",
        "events": "webhooks.outbound.services.wanted",
        "start": "end",
    },
}

EVENT_PUBLISHERS: dict[str, dict[str, Any]] = {
    "log": {"class": "outbox.subscribers.log.LogPublisher", "events": ["*"]},
}
if env.publish_to_redis_url:
    EVENT_PUBLISHERS["redis"] = {
        "class": "outbox.subscribers.redis_streams.RedisStreamPublisher",
        "events": ["*"],
        "options": {
            "url": env.publish_to_redis_url,
            "stream": env.publish_to_redis_stream,
            "max_length": env.publish_to_redis_max_length or None,
        },
    }
if env.publish_to_rabbitmq_url:
    EVENT_PUBLISHERS["rabbitmq"] = {
        "class": "outbox.subscribers.rabbitmq.RabbitMQPublisher",
        "events": ["*"],
        "options": {"url": env.publish_to_rabbitmq_url, "exchange": env.publish_to_rabbitmq_exchange},
    }
if env.publish_to_kafka_servers:
    EVENT_PUBLISHERS["kafka"] = {
        "class": "outbox.subscribers.kafka.KafkaPublisher",
        "events": ["*"],
        "options": {
            "servers": env.publish_to_kafka_servers,
            "topic": env.publish_to_kafka_topic,
            "settings": env.publish_to_kafka_settings,
        },
    }
