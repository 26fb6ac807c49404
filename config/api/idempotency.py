"""Idempotency keys, kept on the row they created. See README.md in this folder; the header is `idempotency_header`.

A first request stores its key's digest and its fingerprint on the new row. A repetition gets that row, a key sent with
other input a 409: from `find_earlier`, before anything is locked, or, if both ran at once, from `insert_once`.
"""

import dataclasses
import functools
import hmac
from collections.abc import Callable
from typing import Generic, TypeVar

from django.db import IntegrityError, models

from config.kernel import db
from config.kernel.errors import Conflict
from config.kernel.fields import ExactCharField
from config.kernel.prepared import PreparedModel, Select


class IdempotencyKeyReused(Conflict):
    """This Idempotency-Key was already used with other input, for {id}. Send a new key, or the first input again."""

    code = "idempotency_key_reused"


@dataclasses.dataclass(frozen=True)
class IdempotencyKey:
    """One caller's claim on one operation. `owner` outlives credentials; `operation` is a name: "invoices.pay"."""

    owner: str
    operation: str
    digest: str
    fingerprint: str


class IdempotentModel(PreparedModel):
    """A row that remembers the key it was created with, for good. All four are NULL when it was created without one."""

    idempotency_owner = ExactCharField(max_length=100, null=True, editable=False)
    idempotency_operation = ExactCharField(max_length=50, null=True, editable=False)
    idempotency_key_digest = ExactCharField(max_length=64, null=True, editable=False)
    request_fingerprint = ExactCharField(max_length=80, null=True, editable=False)

    class Meta:
        abstract = True
        constraints = [
            models.UniqueConstraint(
                fields=["idempotency_owner", "idempotency_operation", "idempotency_key_digest"],
                name="%(app_label)s_%(class)s_idempotency_key",
            )
        ]


def key_fields(key: IdempotencyKey | None) -> dict[str, str]:
    """The model fields that store `key`: `Payment(**key_fields(key), …)`."""
    if key is None:
        return {}
    return {
        "idempotency_owner": key.owner,
        "idempotency_operation": key.operation,
        "idempotency_key_digest": key.digest,
        "request_fingerprint": key.fingerprint,
    }


Row = TypeVar("Row", bound=IdempotentModel)


@dataclasses.dataclass(frozen=True)
class Created(Generic[Row]):
    """What a creating use case answers: the row, and whether this call or an earlier one with its key made it."""

    row: Row
    is_new: bool


@functools.cache
def _by_key(model: type[Row]) -> Select[Row]:
    return Select(model._default_manager.all(), "idempotency_owner", "idempotency_operation", "idempotency_key_digest")


@db.transaction(idempotent=True, is_one_statement=True)
def find_earlier(model: type[Row], key: IdempotencyKey | None) -> Created[Row] | None:
    """As `find_replay`, before the transaction: a row never loses its key, so an answer that is there is final."""
    return find_replay(model, key)


def find_replay(model: type[Row], key: IdempotencyKey | None) -> Created[Row] | None:
    """The row that `key` created earlier, or None; raises IdempotencyKeyReused when other input created it.

    In a transaction call it under the lock that serialises the operation, before what the state says is an error: a
    request with the same key may have changed it meanwhile.
    """
    if key is None:
        return None
    row = _by_key(model).one(key.owner, key.operation, key.digest)
    if row is None:
        return None
    if not hmac.compare_digest(row.request_fingerprint or "", key.fingerprint):
        raise IdempotencyKeyReused(id=str(row.pk))
    return Created(row, False)


def insert_once(model: type[Row], key: IdempotencyKey | None, insert: Callable[[], Row]) -> Created[Row]:
    """Requires a transaction. Run `insert`, or find the row a concurrent request with the same key has just inserted.

    `insert` writes once. Raises IdempotencyKeyReused, and the IntegrityError of `insert` when another constraint broke.
    """
    try:
        with db.one_insert():
            return Created(insert(), True)
    except IntegrityError:
        earlier = find_replay(model, key)
        if earlier is None:
            raise
        return earlier
