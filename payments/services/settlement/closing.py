"""Staff has settled a difference at the provider, or knows why it is none: it is closed, and stays so as it is."""

from config.api.principals import Principal
from config.kernel import clock, db
from config.kernel.errors import Conflict, NotFound
from config.kernel.fields import by_id_or
from payments.models import Difference
from payments.models.settlement import Mend


class DifferenceNotFound(NotFound):
    """There is no difference {id}."""

    code = "difference_not_found"


class DifferenceResolved(Conflict):
    """The difference {id} waits for nobody: {mend}."""

    code = "difference_resolved"


@db.transaction(idempotent=False)
def close_difference(*, actor: Principal, difference_id: str, reason: str) -> Difference:
    """It waits for nobody any more. Later runs leave it closed unless they find other amounts or another row of ours.

    Nothing is booked by that. Raises DifferenceNotFound, DifferenceResolved.
    """
    difference: Difference = by_id_or(DifferenceNotFound, Difference.objects.select_for_update(), difference_id)
    check_closable(difference)
    difference.mend, difference.resolved_at = Mend.CLOSED_BY_HAND, clock.now()
    difference.closed_by, difference.closed_reason = actor.actor, reason
    difference.save(update_fields=["mend", "resolved_at", "closed_by", "closed_reason"])
    return difference


def check_closable(difference: Difference) -> None:
    """It waits for a person. Raises DifferenceResolved."""
    if difference.resolved_at is not None:
        raise DifferenceResolved(id=difference.id, mend=difference.get_mend_display())


def is_closed(row: Difference, found: Difference) -> bool:
    """Whether staff has closed `row` by hand, and `found` is still the same."""
    same = all(getattr(row, name) == getattr(found, name) for name in Difference.FACTS)
    return same and row.mend == Mend.CLOSED_BY_HAND and row.resolved_at is not None
