"""Serializer fields that every app shares: money, metadata, ids."""

import json
from collections.abc import Sequence
from typing import Any, ClassVar

from django.conf import settings
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from config.api.shared_fields import SharedFields
from config.kernel import money
from config.kernel.errors import Invalid

METADATA_MAX_KEYS = 50
METADATA_MAX_BYTES = 16 * 1024


def _explain(error: Invalid) -> serializers.ValidationError:
    return serializers.ValidationError([serializers.ErrorDetail(e.detail, code=e.code) for e in error.errors])


@extend_schema_field({"type": "integer", "minimum": 1, "maximum": money.MAX_AMOUNT, "example": 1250})
class MinorUnitsField(serializers.Field[int, Any, int, Any]):
    """An integer of minor units, from 1 to money.MAX_AMOUNT; floats and strings are refused."""

    def to_internal_value(self, data: Any) -> int:
        try:
            return money.check_amount(data)
        except Invalid as error:
            raise _explain(error) from error

    def to_representation(self, value: int) -> int:
        return value


@extend_schema_field({"$ref": "#/components/schemas/Currency"})
class CurrencyCodeField(serializers.Field[str, Any, str, Any]):
    """An ISO 4217 code. Where it is required, settings.DEFAULT_CURRENCY fills a missing one if it is set: never where
    only what is sent changes.
    """

    def validate_empty_values(self, data: Any) -> tuple[bool, Any]:
        is_needed = self.required and not getattr(self.root, "partial", False)
        if data is serializers.empty and is_needed and settings.DEFAULT_CURRENCY:
            return True, settings.DEFAULT_CURRENCY
        return super().validate_empty_values(data)

    def to_internal_value(self, data: Any) -> str:
        try:
            return money.check_currency(data)
        except Invalid as error:
            raise _explain(error) from error

    def to_representation(self, value: str) -> str:
        return value


@extend_schema_field(
    {
        "type": "object",
        "maxProperties": METADATA_MAX_KEYS,
        "additionalProperties": {
            "oneOf": [{"type": "string"}, {"type": "number"}, {"type": "boolean"}],
            "nullable": True,
        },
    }
)
class MetadataField(serializers.DictField):
    """A flat object of up to 50 strings, numbers, booleans or nulls, 16 KiB in all; never interpreted."""

    def __init__(self, **kwargs: Any) -> None:
        kwargs.setdefault("required", False)
        kwargs.setdefault("default", dict)
        super().__init__(**kwargs)

    def to_internal_value(self, data: Any) -> dict[str, Any]:
        value: dict[str, Any] = super().to_internal_value(data)
        if len(value) > METADATA_MAX_KEYS or len(json.dumps(value)) > METADATA_MAX_BYTES:
            raise serializers.ValidationError(
                f"Send at most {METADATA_MAX_KEYS} keys and {METADATA_MAX_BYTES} bytes.", code="too_large"
            )
        if any(not isinstance(item, str | int | float | bool | None) for item in value.values()):
            raise serializers.ValidationError("Send strings, numbers, booleans or null as values.", code="nested")
        return value


_JSON_TYPES: tuple[tuple[type[serializers.Field[Any, Any, Any, Any]], type, str, str], ...] = (
    (serializers.CharField, str, "not_text", "Send text, in quotes."),
    (serializers.IntegerField, int, "not_an_integer", "Send an integer, without quotes or decimal point."),
    (serializers.BooleanField, bool, "not_a_boolean", "Send true or false, without quotes."),
)
"""What REST framework would convert: 0 to "0", "3" to 3, "no" to false."""


class InputSerializer(SharedFields):
    """A request body. Fields it does not know are refused, so that a misspelt one is not lost in silence, and values
    of another JSON type than the field's are not converted.
    """

    alternatives: ClassVar[Sequence[Sequence[str]]] = ()
    """The forms a body may have, for the document: all of one's fields and not the first of another's."""

    def to_internal_value(self, data: Any) -> Any:
        value = super().to_internal_value(data)
        unknown = serializers.ErrorDetail("There is no such field.", code="unknown_field")
        errors = {name: [unknown] for name in sorted(set(data) - set(self.fields))}
        errors |= {name: [error] for name, field in self.fields.items() for error in _mistyped(field, data.get(name))}
        if errors:
            raise serializers.ValidationError(errors)
        return value


def _mistyped(field: serializers.Field[Any, Any, Any, Any], sent: Any) -> list[serializers.ErrorDetail]:
    return [
        serializers.ErrorDetail(detail, code=code)
        for kind, json_type, code, detail in _JSON_TYPES
        if sent is not None and isinstance(field, kind) and type(sent) is not json_type
    ]
