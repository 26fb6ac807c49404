"""Card numbers anywhere: every text column of every table of ours, searched by the database, judged by our rules."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator, Sequence
from typing import Any

from django.apps import apps
from django.db import connection, models

from config.api import card_numbers
from config.kernel.fields import PrefixedIdField
from config.verification.dossiers import public
from config.verification.snapshot import Snapshot
from config.verification.violations import Violation

Fields = Sequence["models.Field[Any, Any]"]

APPS = ("billing", "inbound", "invoices", "outbound", "outbox", "payments")
LEFT_OUT = {"password", "idempotency_key_digest", "request_fingerprint", "secret_hash", "hash"}
"""Digests, by their names."""
_DIGIT = {"mysql": r"[0-9\x{80}-\x{10FFFF}]", "sqlite": "[0-9\u0080-\U0010ffff]"}
_MARKS = {"mysql": r"[^A-Za-z\":,0-9\x{80}-\x{10FFFF}]{0,3}", "sqlite": '[^A-Za-z":,0-9\u0080-\U0010ffff]{0,3}'}
"""Wider than what a card number is: whatever is not ASCII may be a digit, for only we know which are."""
_ESCAPE = {"mysql": r"\\u", "sqlite": r"\u"}


def columns() -> Iterator[tuple[type[models.Model], Fields]]:
    """The text columns of each of our tables that people or providers can write into."""
    tables = set(connection.introspection.table_names())
    for label in APPS:
        for model in apps.get_app_config(label).get_models():
            fields = [field for field in model._meta.concrete_fields if _is_text(field)]
            if fields and model._meta.db_table in tables:
                yield model, fields


def _is_text(field: models.Field[Any, Any]) -> bool:
    if field.choices or field.name in LEFT_OUT or isinstance(field, PrefixedIdField):
        return False
    return isinstance(field, models.CharField | models.TextField | models.JSONField)


def search(
    snapshot: Snapshot, model: type[models.Model], fields: Fields, after: object, last: object
) -> Iterator[Violation]:
    """In the rows after one key up to another."""
    table, key = model._meta.db_table, model._meta.pk.column
    conditions = " OR ".join(_condition(snapshot.vendor, field) for field in fields)
    names = ", ".join(str(field.column) for field in fields)
    pattern = _pattern(snapshot.vendor)
    rows = snapshot.rows(
        f"SELECT {key}, {names} FROM {table} WHERE {key} > %s AND {key} <= %s AND ({conditions})",
        after,
        last,
        *([pattern] * len(fields)),
    )
    for id, *values in rows:
        for field, value in zip(fields, values, strict=True):
            for number in _found(field, value):
                yield Violation("card_numbers", f"{table}.{field.column} of {_shown(model, id)}", "none", number)


def _condition(vendor: str, field: models.Field[Any, Any]) -> str:
    """JSON writes what is not ASCII as an escape, which only we can read."""
    condition = f"{field.column} REGEXP %s"
    if isinstance(field, models.JSONField):
        condition += f" OR INSTR({field.column}, '{_ESCAPE[vendor]}')"
    return condition


def _pattern(vendor: str) -> str:
    return f"{_DIGIT[vendor]}(?:{_MARKS[vendor]}{_DIGIT[vendor]}){{12}}"


def _found(field: models.Field[Any, Any], value: object) -> Iterator[str]:
    """Masked, as nothing may print them."""
    if not isinstance(value, str):
        return
    if isinstance(field, models.JSONField):
        with contextlib.suppress(ValueError):  # what is no JSON is searched as it stands
            value = json.dumps(json.loads(value), ensure_ascii=False)
    for start, end in card_numbers.find(value):
        yield card_numbers.mask_text(value[start:end])


def _shown(model: type[models.Model], id: object) -> str:
    pk = model._meta.pk
    if isinstance(pk, PrefixedIdField):
        return public(pk.prefix, str(id))
    return f"{model._meta.verbose_name} {id}"
