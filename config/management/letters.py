"""Dead letters of both directions: held events, provider events, deliveries, and what can be done with each kind."""

import dataclasses
import datetime
import json
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any

from django.forms.models import model_to_dict

from config.api.principals import Principal
from config.kernel.errors import DomainError
from config.kernel.fields import by_id
from config.kernel.ids import with_prefix
from outbox import services as outbox
from outbox.models import HeldEvent, HeldEventQuerySet
from outbox.states import HeldStatus
from webhooks.inbound import services as inbound
from webhooks.inbound.models import ProviderEvent, ProviderEventQuerySet
from webhooks.inbound.services import payloads
from webhooks.inbound.states import ProviderEventStatus
from webhooks.outbound import services as outbound
from webhooks.outbound.models import Delivery, DeliveryQuerySet
from webhooks.outbound.services.messages import body_of
from webhooks.outbound.states import DeliveryStatus, EndpointStatus

GIVEN_UP, TRIED_AGAIN, WAITS = "given up", "tried again by itself", "waits behind another"
UNAPPLIED = (ProviderEventStatus.PARKED, ProviderEventStatus.DEAD)


@dataclasses.dataclass(frozen=True)
class Letter:
    """One of them. `of` is the subscriber that cannot take it, the provider that has sent it, or the id of the endpoint
    that nothing arrives at; times are ISO 8601.

    `error` is why it lies here; of one to requeue or skip, why that was or would be refused. What there is not is of no
    kind.
    """

    kind: str
    id: str
    type: str
    of: str
    status: str
    since: str
    attempts: int
    error: str


Act = Callable[[str, Principal, str], object]
"""By id, on whose behalf, with a reason. Raises DomainError."""


@dataclasses.dataclass(frozen=True)
class Kind:
    """Where letters of a kind lie: all that match options, and those with some ids, whatever became of them.

    `acts` by name; `refused` says of the others why not. Nothing can be done where the status is not `open`.
    """

    found: Callable[[dict[str, Any]], Iterator[Letter]]
    named: Callable[[list[str]], Iterator[Letter]]
    show: Callable[[str], dict[str, Any] | None]
    open: Collection[str]
    acts: Mapping[str, Act]
    refused: Mapping[str, str]


def _held(options: dict[str, Any]) -> Iterator[Letter]:
    rows = HeldEvent.objects.held()
    if options["of"]:
        rows = rows.filter(subscriber=options["of"])
    if options["since"]:
        rows = rows.filter(held_at__gte=options["since"])
    return _held_letters(rows)


def _held_letters(rows: HeldEventQuerySet) -> Iterator[Letter]:
    for row in rows.select_related("event").order_by("held_at", "id").iterator():
        yield Letter(
            "held", row.id, row.event.type, row.subscriber, _line(row), _iso(row.held_at), row.attempts, row.error
        )


def _line(row: HeldEvent) -> str:
    if row.status != HeldStatus.HELD:
        return str(row.status)
    if row.given_up_at is not None:
        return GIVEN_UP
    return TRIED_AGAIN if row.available_at is not None else WAITS


def _received(options: dict[str, Any]) -> Iterator[Letter]:
    rows = ProviderEvent.objects.filter(status__in=UNAPPLIED)
    if options["of"]:
        rows = rows.filter(provider=options["of"])
    if options["since"]:
        rows = rows.filter(received_at__gte=options["since"])
    return _received_letters(rows)


def _received_letters(rows: ProviderEventQuerySet) -> Iterator[Letter]:
    """As tuples: payloads may be many and large, and a machine is never loaded in part."""
    names = ("id", "type", "provider", "status", "received_at", "attempts", "error")
    for id, type_, provider, status, at, attempts, error in rows.order_by("received_at", "id").values_list(*names):
        yield Letter("inbox", id, type_, provider, status, _iso(at), attempts, error)


def _undelivered(options: dict[str, Any]) -> Iterator[Letter]:
    """Those whose endpoints are there: to the others nobody can send."""
    rows = Delivery.objects.filter(status=DeliveryStatus.DEAD).exclude(endpoint__status=EndpointStatus.DELETED)
    if options["of"]:
        rows = rows.filter(endpoint__in=with_prefix("whe", [options["of"]]))
    if options["since"]:
        rows = rows.filter(ended_at__gte=options["since"])
    return _delivery_letters(rows)


def _delivery_letters(rows: DeliveryQuerySet) -> Iterator[Letter]:
    """One that has not ended has been lying since it was made."""
    for row in rows.order_by("id").iterator():
        since = _iso(row.ended_at or row.created_at)
        yield Letter("delivery", row.id, row.type, row.endpoint_id, row.status, since, row.attempts, row.error)


def _iso(at: datetime.datetime) -> str:
    return at.astimezone(datetime.UTC).isoformat(timespec="seconds")


def _show_held(id: str) -> dict[str, Any] | None:
    row = by_id(HeldEvent.objects.select_related("event"), id)
    return None if row is None else {"held": _fields(row), "event": _fields(row.event)}


def _show_received(id: str) -> dict[str, Any] | None:
    row = by_id(ProviderEvent.objects, id)
    return (
        None
        if row is None
        else {
            "event": _fields(row) | {"payload": payloads.of(row)},
            "replays": [_fields(replay) for replay in row.replays.order_by("id")],
        }
    )


def _show_delivery(id: str) -> dict[str, Any] | None:
    row = by_id(Delivery.objects.select_related("endpoint", "event"), id)
    return (
        None
        if row is None
        else {
            "delivery": _fields(row),
            "url": row.endpoint.url,
            "body": json.loads(body_of(row)),
            "tries": [_fields(each) for each in row.tries.order_by("id")],
        }
    )


def _fields(row: Any) -> dict[str, Any]:
    return {"id": row.pk, "status": getattr(row, "status", None)} | model_to_dict(row)


def _replay(id: str, actor: Principal, reason: str) -> None:
    replay = inbound.replay(provider_event_id=id, actor=actor, reason=reason)
    if replay.error:
        raise DomainError(replay.error)


KINDS = {
    "held": Kind(
        found=_held,
        named=lambda ids: _held_letters(HeldEvent.objects.filter(id__in=with_prefix("hev", ids))),
        show=_show_held,
        open=(GIVEN_UP, TRIED_AGAIN, WAITS),
        acts={
            "requeue": lambda id, actor, reason: outbox.requeue_held(held_id=id, actor=actor, reason=reason),
            "skip": lambda id, actor, reason: outbox.skip_held(held_id=id, actor=actor, reason=reason),
        },
        refused={},
    ),
    "inbox": Kind(
        found=_received,
        named=lambda ids: _received_letters(ProviderEvent.objects.filter(id__in=with_prefix("pev", ids))),
        show=_show_received,
        open=UNAPPLIED,
        acts={"requeue": _replay},
        refused={"skip": "A provider event cannot be skipped: requeue it, or leave it."},
    ),
    "delivery": Kind(
        found=_undelivered,
        named=lambda ids: _delivery_letters(Delivery.objects.filter(id__in=with_prefix("whd", ids))),
        show=_show_delivery,
        open=(DeliveryStatus.DEAD,),
        acts={"requeue": lambda id, actor, reason: outbound.resend(delivery_id=id, actor=actor, reason=reason)},
        refused={"skip": "A delivery cannot be skipped, as nothing waits behind it: requeue it, or leave it."},
    ),
}
