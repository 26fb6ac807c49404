"""Serializer fields that every app shares: money, metadata, ids."""

import json
from typing import Any

from django.conf import settings
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

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


@extend_schema_field({"type": "string", "pattern": "^[A-Z]{3}$", "example": "EUR"})
class CurrencyCodeField(serializers.Field[str, Any, str, Any]):
    """An ISO 4217 code. Where it is required, settings.DEFAULT_CURRENCY fills a missing one if it is set."""

    def validate_empty_values(self, data: Any) -> tuple[bool, Any]:
        if data is serializers.empty and self.required and settings.DEFAULT_CURRENCY:
            return True, settings.DEFAULT_CURRENCY
        return super().validate_empty_values(data)

    def to_internal_value(self, data: Any) -> str:
        try:
            return money.check_currency(data)
        except Invalid as error:
            raise _explain(error) from error

    def to_representation(self, value: str) -> str:
        return value


@extend_schema_field(OpenApiTypes.OBJECT)
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


class InputSerializer(serializers.Serializer[Any]):
    """A request body. Fields it does not know are refused, so that a misspelt one is not lost in silence."""

    def to_internal_value(self, data: Any) -> Any:
        value = super().to_internal_value(data)
        unknown = sorted(set(data) - set(self.fields))
        if unknown:
            message = serializers.ErrorDetail("There is no such field.", code="unknown_field")
            raise serializers.ValidationError({name: [message] for name in unknown})
        return value
