"""What a body says of itself, and how it is kept: parsed by its provider's adapter, stored without card numbers."""

import hashlib
import json
from typing import Any

from config.api import card_numbers
from payments.providers import base, registry
from webhooks.inbound.models import ArchivedPayload, ProviderEvent

_STORED_IN = {
    "id": "event_id",
    "type": "type",
    "account": "account",
    "our_reference": "our_reference",
    "charge_reference": "charge_reference",
}
_FIELDS = {field.name: field for field in ProviderEvent._meta.concrete_fields}
_LONGEST = {name: _FIELDS[column].max_length or 0 for name, column in _STORED_IN.items()}


def parse(provider: str, body: bytes) -> base.ProviderEvent:
    """The event in `body`. Raises MalformedEvent, also for one whose identifiers are missing or cannot be stored."""
    try:
        event = registry.get(provider).parse_event(body)
    except RecursionError as error:
        raise base.MalformedEvent("nested too deeply") from error
    for name, longest in _LONGEST.items():
        text = getattr(event, name)
        if len(text) > longest:
            raise base.MalformedEvent(f"{name} is longer than {longest} characters")
        if "\x00" in text or any("\ud800" <= character <= "\udfff" for character in text):
            raise base.MalformedEvent(f"{name} holds characters that are no text")
    for name in ("id", "type", "account"):
        if not getattr(event, name):
            raise base.MalformedEvent(f"{name} is empty")
    return event


def of(row: ProviderEvent) -> str:
    """The body it came with, wherever that lies; one more statement for an archived one."""
    return row.payload or ArchivedPayload.objects.filter(id=row.id).values_list("payload", flat=True).first() or ""


def digest(body: bytes) -> str:
    """The identity of a body that has none of its own."""
    return hashlib.sha256(body).hexdigest()


def storable(body: bytes, event: base.ProviderEvent | None) -> str:
    """`body` as text: byte for byte unless it holds card numbers, which are masked.

    The event's own identifiers stay as they are even where they look like a card number: without them the event could
    not be applied again.
    """
    text = body.decode("utf-8", "backslashreplace")
    try:
        document = json.loads(text)
        masked = _mask(document, _identifiers(event))
        if masked == document:
            return text
        return json.dumps(masked, ensure_ascii=False).encode("utf-8", "backslashreplace").decode()
    except (ValueError, RecursionError):
        return card_numbers.mask_text(text)


def _identifiers(event: base.ProviderEvent | None) -> frozenset[str]:
    if event is None:
        return frozenset()
    references = (event.our_reference, event.charge_reference, event.refund_reference, event.dispute_reference)
    return frozenset({event.id, event.account, *references})


def _mask(value: Any, kept: frozenset[str]) -> Any:
    if isinstance(value, dict):
        return {card_numbers.mask(key): _mask(item, kept) for key, item in value.items()}
    if isinstance(value, list):
        return [_mask(item, kept) for item in value]
    return value if isinstance(value, str) and value in kept else card_numbers.mask(value)
