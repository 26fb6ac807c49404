"""Sending again what has been sent, or given up; and a ping, which nobody has recorded."""

import dataclasses

from django.db.models import QuerySet

from config.api.principals import Principal
from config.kernel import clock, db
from config.kernel.errors import Conflict, NotFound
from config.kernel.fields import by_id_or
from webhooks.outbound.models import Delivery, DeliveryQuerySet, Endpoint
from webhooks.outbound.services import endpoints, messages, nudging
from webhooks.outbound.states import DeliveryStatus, EndpointStatus

CHUNK = 500


class DeliveryNotFound(NotFound):
    """There is no delivery {id}."""

    code = "delivery_not_found"


class EndpointNotEnabled(Conflict):
    """Webhook endpoint {id} is {status}: enable or resume it first."""

    code = "webhook_endpoint_not_enabled"


@dataclasses.dataclass(frozen=True)
class Resent:
    """How many; and if more are left, the id after which to go on."""

    count: int
    next_cursor: str | None

    @property
    def has_more(self) -> bool:
        return self.next_cursor is not None


@db.transaction(idempotent=False)
def ping(*, actor: Principal, endpoint_id: str, reason: str = "") -> Delivery:
    """A delivery that tells of nothing, due now. Raises EndpointNotFound, EndpointNotEnabled."""
    endpoint = endpoints.lock(endpoint_id, action="test")
    check_enabled(endpoint)
    now = clock.now()
    nudging.nudge_after_commit()
    return Delivery.objects.create(
        endpoint=endpoint, type=messages.PING, available_at=now, created_at=now, actor=actor.actor, reason=reason
    )


def check_enabled(endpoint: Endpoint) -> None:
    """Raises EndpointNotEnabled."""
    if endpoint.status != EndpointStatus.ENABLED:
        raise EndpointNotEnabled(id=endpoint.id, status=endpoint.status)


@db.transaction(idempotent=True)
def resend(*, actor: Principal, delivery_id: str, reason: str = "") -> Delivery:
    """Due now, with all its tries before it; under the id that it always had. A try under way counts no more.

    Raises DeliveryNotFound, ForbiddenTransition when its endpoint has been deleted.
    """
    found = by_id_or(DeliveryNotFound, Delivery.objects, delivery_id)
    endpoints.lock(found.endpoint_id, action="send again to")
    delivery = Delivery.objects.select_for_update().get(pk=found.pk)
    delivery.resend()
    delivery.attempts, delivery.available_at, delivery.ended_at = 0, clock.now(), None
    delivery.claimed_by, delivery.claimed_until = "", None
    delivery.actor, delivery.reason = actor.actor, reason
    delivery.save()
    nudging.nudge_after_commit()
    return delivery


def resend_many(*, actor: Principal, deliveries: DeliveryQuerySet, reason: str = "", limit: int) -> int:
    """As `resend`, for the oldest `limit` of `deliveries` whose endpoints are there; how many. A chunk at a time."""
    alive = deliveries.exclude(endpoint__status=EndpointStatus.DELETED).order_by("id")
    return _resend_each(actor, list(alive.values_list("id", flat=True)[:limit]), reason)


def resend_to_endpoint(
    *, actor: Principal, endpoint_id: str, deliveries: QuerySet[Delivery], reason: str = "", limit: int
) -> Resent:
    """As `resend_many`, for those of `deliveries` that are one endpoint's.

    Raises EndpointNotFound, ForbiddenTransition when it has been deleted.
    """
    _check_alive(endpoint_id)
    rows = deliveries.filter(endpoint=endpoint_id).order_by("id")
    ids = list(rows.values_list("id", flat=True)[: limit + 1])
    count = _resend_each(actor, ids[:limit], reason)
    return Resent(count=count, next_cursor=ids[limit - 1] if len(ids) > limit else None)


@db.transaction(idempotent=True)
def _check_alive(endpoint_id: str) -> None:
    endpoints.lock(endpoint_id, action="send again to")


def _resend_each(actor: Principal, ids: list[str], reason: str) -> int:
    return sum(_resend_some(actor, ids[start : start + CHUNK], reason) for start in range(0, len(ids), CHUNK))


@db.transaction(idempotent=True)
def _resend_some(actor: Principal, ids: list[str], reason: str) -> int:
    nudging.nudge_after_commit()
    alive = Endpoint.objects.exclude(status=EndpointStatus.DELETED)
    return Delivery.objects.filter(id__in=ids, endpoint__in=alive).update(
        status=DeliveryStatus.PENDING,
        attempts=0,
        available_at=clock.now(),
        ended_at=None,
        claimed_by="",
        claimed_until=None,
        actor=actor.actor,
        reason=reason,
    )
