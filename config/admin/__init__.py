"""The back office: staff look at money and state here, and change them only through services. See README.md."""

from config.admin.actions import (
    MAX_REASON_LENGTH,
    ReasonedAction,
    ReasonedActionsAdmin,
    ReasonForm,
    Said,
    unless_refused,
    unless_transition,
)
from config.admin.filters import MadeDateFilter, NewestRelatedFilter, RecentValuesFilter
from config.admin.form_keys import KeyedForm, claim
from config.admin.paginator import BoundedPaginator, bounded_count
from config.admin.read_only import ReadOnlyAdmin, ReadOnlyInline, TypedLookups

__all__ = [
    "MAX_REASON_LENGTH",
    "BoundedPaginator",
    "KeyedForm",
    "MadeDateFilter",
    "NewestRelatedFilter",
    "ReadOnlyAdmin",
    "ReadOnlyInline",
    "ReasonForm",
    "ReasonedAction",
    "ReasonedActionsAdmin",
    "RecentValuesFilter",
    "Said",
    "TypedLookups",
    "bounded_count",
    "claim",
    "unless_refused",
    "unless_transition",
]
