"""Plans: made, renamed, repriced and retired. A new price is a new version; what runs keeps the one it began with."""

import dataclasses
from collections.abc import Iterator, Mapping
from typing import Any

from django.conf import settings

from billing import events
from billing.models import AfterGrace, Cycle, Plan, PlanVersion
from billing.services import features
from config.api.idempotency import Created, IdempotencyKey, find_earlier, insert_once, key_fields
from config.api.principals import Principal
from config.kernel import clock, db, money
from config.kernel.errors import Conflict, FieldError, Invalid, NotFound
from config.kernel.fields import by_id_or
from invoices.services import RetryPolicy
from outbox import services as outbox

DEFAULT_FAMILY = "default"
"""Of plans that name none: whoever has one of them can change to any other."""
MAX_PLAN_AMOUNT = money.MAX_AMOUNT // 2
"""So that what is used over the limits of one plan fits on an invoice beside the price of the next."""
MAX_TRIAL_DAYS = 730
MAX_GRACE_DAYS = 365


class PlanNotFound(NotFound):
    """There is no plan {id}."""

    code = "plan_not_found"


class PlanInactive(Conflict):
    """Nobody can subscribe to plan {plan_id}: it is not active."""

    code = "plan_inactive"


class InvalidPlan(Invalid):
    """The plan is not valid."""

    code = "invalid_plan"


@dataclasses.dataclass(frozen=True)
class PlanTerms:
    """What a version of a plan says. `amount` is minor units per cycle, 0 for a free plan."""

    amount: int
    currency: str
    cycle: str
    trial_days: int = 0
    features: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    retry_policy: Mapping[str, int] = dataclasses.field(default_factory=dict)
    grace_days: int = settings.GRACE_DAYS
    after_grace: str = AfterGrace.SUSPEND

    def stored(self) -> dict[str, Any]:
        """The fields of the version; of the retry policy what is not said is as in the settings."""
        policy = RetryPolicy(**(settings.SUBSCRIPTION_RETRY_POLICY | dict(self.retry_policy)))
        return dataclasses.asdict(self) | {"features": dict(self.features), "retry_policy": policy.to_json()}


def create_plan(
    *,
    actor: Principal,
    name: str,
    terms: PlanTerms,
    family: str = DEFAULT_FAMILY,
    metadata: Mapping[str, Any] | None = None,
    key: IdempotencyKey | None,
    reason: str = "",
) -> Created[Plan]:
    """A new active plan. Raises InvalidPlan, InvalidMoney, IdempotencyKeyReused."""
    _check(terms)

    def insert() -> Plan:
        now = clock.now()
        plan = Plan(name=name, family=family, metadata=metadata or {}, created_at=now, **key_fields(key))
        plan.save(force_insert=True)
        return plan

    @db.transaction(idempotent=key is not None)
    def create() -> Created[Plan]:
        created = insert_once(Plan, key, insert)
        if created.is_new:
            _add_version(created.row, number=1, stored=terms.stored())
            _record(created.row, events.PlanCreated, actor, reason)
        return created

    return find_earlier(Plan, key) or create()


@db.transaction(idempotent=False)
def update_plan(*, actor: Principal, plan_id: str, changes: Mapping[str, Any], reason: str = "") -> Plan:
    """Set name, metadata or is_active; any field of PlanTerms makes a new version, unless it changes nothing.

    Raises PlanNotFound, InvalidPlan.
    """
    plan = by_id_or(PlanNotFound, Plan.objects.select_for_update(), plan_id)
    own = {name: value for name, value in changes.items() if name in ("name", "metadata", "is_active")}
    for name, value in own.items():
        setattr(plan, name, value)
    latest = _latest(plan)
    was = {field.name: getattr(latest, field.name) for field in dataclasses.fields(PlanTerms)}
    terms = PlanTerms(**was | {name: value for name, value in changes.items() if name not in own})
    _check(terms)
    if terms.stored() != was:
        _add_version(plan, number=latest.number + 1, stored=terms.stored())
    elif not own:
        return plan
    plan.save(update_fields=[*own])
    _record(plan, events.PlanUpdated, actor, reason)
    return plan


def find_plan(plan_id: str, principal: Principal) -> Plan:
    """The plan with its latest version, if it exists for whoever asks. Raises PlanNotFound."""
    return by_id_or(PlanNotFound, Plan.objects.select_related("latest_version").visible_to(principal), plan_id)


def offered(plan_id: str) -> tuple[Plan, PlanVersion]:
    """What somebody who subscribes now gets. Raises PlanNotFound, PlanInactive."""
    plan = by_id_or(PlanNotFound, Plan.objects.select_related("latest_version"), plan_id)
    if not plan.is_active:
        raise PlanInactive(plan_id=plan.id)
    version = _latest(plan)
    version.plan = plan
    return plan, version


def _latest(plan: Plan) -> PlanVersion:
    assert plan.latest_version is not None, plan.id
    return plan.latest_version


def _add_version(plan: Plan, *, number: int, stored: Mapping[str, Any]) -> None:
    plan.latest_version = PlanVersion.objects.create(plan=plan, number=number, created_at=clock.now(), **stored)
    plan.save(update_fields=["latest_version"])


def _record(plan: Plan, event: type[events.PlanEvent], actor: Principal, reason: str = "") -> None:
    outbox.record(source=plan, event=events.of_plan(event, plan, _latest(plan)), actor=actor, reason=reason)


def _check(terms: PlanTerms) -> None:
    money.check_currency(terms.currency)
    found = tuple(_problems(terms))
    if found:
        raise InvalidPlan(" ".join(error.detail for error in found[:3]), errors=found)


def _problems(terms: PlanTerms) -> Iterator[FieldError]:
    if not 0 <= terms.amount <= MAX_PLAN_AMOUNT:
        yield FieldError("amount", "out_of_range", f"Send 0 to {MAX_PLAN_AMOUNT} minor units.")
    if terms.cycle not in Cycle.values:
        yield FieldError("cycle", "unknown_cycle", f"Choose one of {', '.join(Cycle.values)}.")
    if terms.after_grace not in AfterGrace.values:
        yield FieldError("after_grace", "unknown_choice", f"Choose one of {', '.join(AfterGrace.values)}.")
    if not 0 <= terms.trial_days <= MAX_TRIAL_DAYS:
        yield FieldError("trial_days", "out_of_range", f"Send 0 to {MAX_TRIAL_DAYS} days.")
    if not 0 <= terms.grace_days <= MAX_GRACE_DAYS:
        yield FieldError("grace_days", "out_of_range", f"Send 0 to {MAX_GRACE_DAYS} days.")
    yield from features.problems(terms.features)
