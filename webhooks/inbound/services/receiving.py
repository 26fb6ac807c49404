"""A webhook arrives: verified, stored once, applied in the same transaction."""

import dataclasses
import logging
from collections.abc import Mapping

from django.conf import settings
from django.db import IntegrityError
from django.utils import timezone

from config.kernel import clock, correlation, db
from config.kernel.errors import NotFound
from config.observability import counters
from payments.providers import base, registry
from webhooks.inbound.models import Outcome, ProviderEvent
from webhooks.inbound.services import applying, payloads
from webhooks.inbound.services.applying import Verdict

logger = logging.getLogger(__name__)


class UnknownEndpoint(NotFound):
    """No provider sends webhooks to {path}."""

    code = "unknown_webhook_endpoint"


@dataclasses.dataclass(frozen=True)
class Answer:
    """`status` is the event's, or "duplicate"; `id` is that of the row that holds the event."""

    status: str
    id: str


@dataclasses.dataclass(frozen=True)
class _Webhook:
    """A verified body: the event it holds, or the verdict that spares trying to apply it."""

    provider: str
    account: str
    event_id: str
    body: bytes
    event: base.ProviderEvent | None
    verdict: Verdict | None

    def row(self) -> ProviderEvent:
        now = clock.now()
        row = ProviderEvent(
            provider=self.provider,
            account=self.account,
            event_id=self.event_id,
            payload=payloads.storable(self.body, self.event),
            available_at=now,
            correlation_id=correlation.current(),
            received_at=now,
        )
        if self.event is not None:
            row.learn(self.event)
        return row


def receive(*, path: str, body: bytes, headers: Mapping[str, str]) -> Answer:
    """What the sender at /webhooks/`path` is told. Raises UnknownEndpoint, and BadSignature with nothing stored.

    Once a signature is good the event is stored, whatever else goes wrong with it; a database that does not let us
    raises, so that the provider sends it again.
    """
    provider = _provider_at(path)
    try:
        provider.verify_webhook(body=body, headers=headers, now=timezone.now())
    except base.BadSignature:
        counters.WEBHOOKS.count(provider.name, "bad_signature")
        raise
    webhook = _read(provider, body)
    answer = _store_or_note(webhook)
    counters.WEBHOOKS.count(webhook.provider, answer.status)
    told = {"event_id": webhook.event_id, "type": webhook.event.type if webhook.event else "", "outcome": answer.status}
    correlation.note(provider=webhook.provider, provider_event_id=answer.id)
    logger.info("webhook", extra=told)
    return answer


def _store_or_note(webhook: _Webhook) -> Answer:
    try:
        return _store(webhook)
    except applying.POISON as error:
        verdict = applying.failure(event=f"{webhook.event_id} of {webhook.provider}", error=error)
        return _store(dataclasses.replace(webhook, verdict=verdict))


def _provider_at(path: str) -> base.Provider:
    name = settings.WEBHOOK_PATHS.get(path, path)
    if name not in settings.PROVIDERS:
        raise UnknownEndpoint(path=path)
    return registry.get(name)


def _read(provider: base.Provider, body: bytes) -> _Webhook:
    """A parser that breaks on a signed body is our bug: the event is kept under the body's digest and tried again."""
    digest = payloads.digest(body)
    try:
        event = payloads.parse(provider.name, body)
    except base.MalformedEvent as error:
        verdict = Verdict(Outcome.MALFORMED, applying.describe(error))
    except Exception as error:
        verdict = applying.failure(event=f"{digest} of {provider.name}", error=error)
    else:
        return _Webhook(provider.name, event.account, event.id, body, event, None)
    return _Webhook(provider.name, provider.account, digest, body, None, verdict)


@db.transaction(idempotent=True)
def _store(webhook: _Webhook) -> Answer:
    """In one transaction, so that neither the event nor its effect is ever there without the other."""
    row = webhook.row()
    try:
        with db.one_insert():
            row.save(force_insert=True)
    except IntegrityError:
        return Answer(status="duplicate", id=_first_id(webhook))
    applying.conclude(row, webhook.verdict or applying.attempt(row, webhook.event))
    return Answer(status=str(row.status), id=row.id)


def _first_id(webhook: _Webhook) -> str:
    first: str = ProviderEvent.objects.values_list("id", flat=True).get(
        provider=webhook.provider, account=webhook.account, event_id=webhook.event_id
    )
    return first
