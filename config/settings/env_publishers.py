"""The environment variables that turn publishers on."""

import json
import re
from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import Field, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict


def redis_address(value: str) -> str:
    """Empty, or the address of a Redis. Raises ValueError without what was found: it may hold a password."""
    try:
        parts = urlsplit(value)
        is_known = bool(parts.hostname) and parts.port != 0 and not parts.fragment
    except ValueError:  # its text holds parts of the password
        is_known = False
    if value and not (is_known and re.fullmatch(r"rediss?://[^/\s]+(/\d*)?(\?\S*)?", value)):
        raise ValueError("set redis://host:6379/0, or rediss://… for TLS")
    return value


class PublisherEnv(BaseSettings):
    """Each of them may be on beside the others."""

    model_config = SettingsConfigDict(use_attribute_docstrings=True)

    publish_to_redis_url: str = Field(default="", repr=False)
    """A Redis that keeps what it is given, `redis://host:6379/0`, and gets every event as an entry of a stream."""
    publish_to_redis_stream: str = "quittance:events"
    """The stream there."""
    publish_to_redis_max_length: int = Field(default=0, ge=0)
    """About how many of its latest entries the stream keeps; what is trimmed is lost to groups that had not read it.
    `0`: all."""
    publish_to_rabbitmq_url: str = Field(default="", repr=False)
    """A RabbitMQ, `amqp://user:password@host:5672/vhost`, that gets every event as a message."""
    publish_to_rabbitmq_exchange: str = "quittance.events"
    """The topic exchange there; the routing key is the event's type."""
    publish_to_kafka_servers: str = ""
    """A Kafka that gets every event as a message: `host:9092`, several with commas."""
    publish_to_kafka_topic: str = "quittance.events"
    """The topic there; the key is the aggregate's id."""
    publish_to_kafka_settings: Annotated[dict[str, Any], NoDecode] = Field(default={}, repr=False)
    """Of librdkafka, as a JSON object, for TLS, SASL and the like."""

    @field_validator("publish_to_redis_url")
    @classmethod
    def _is_a_redis_to_publish_to(cls, value: str) -> str:
        return redis_address(value)

    @field_validator("publish_to_rabbitmq_url")
    @classmethod
    def _is_a_rabbitmq(cls, value: str) -> str:
        try:
            is_known = bool(re.fullmatch(r"amqps?://[^/\s]+(/\S*)?", value)) and urlsplit(value).port != 0
        except ValueError:  # its text holds parts of the password
            is_known = False
        if value and not (is_known and urlsplit(value).hostname):
            raise ValueError("set amqp://user:password@host:5672/vhost, or amqps://… for TLS")
        return value

    @field_validator("publish_to_kafka_servers")
    @classmethod
    def _are_servers(cls, value: str) -> str:
        if value and not re.fullmatch(r"[^\s:/,]+:\d+(,[^\s:/,]+:\d+)*", value):
            raise ValueError("set host:9092, several with commas and no blanks")
        return value

    @field_validator("publish_to_kafka_settings", mode="before")
    @classmethod
    def _is_an_object(cls, value: object) -> object:
        try:
            parsed = json.loads(value) if isinstance(value, str) else value
        except ValueError:  # its text may hold a password
            parsed = None
        if not isinstance(parsed, dict):
            raise ValueError('set a JSON object, as {"security.protocol": "SASL_SSL"}')
        return parsed
