"""Serializers whose fields are made once. REST framework copies or derives every field anew for every request."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any, ClassVar, Self, TypeVar

from django.db import models
from django.utils.functional import cached_property
from rest_framework import serializers

from config.api.principals import Principal

Row = TypeVar("Row", bound=models.Model)


class SharedFields(serializers.Serializer[Any]):
    """All instances of a class share their fields, so nothing may change a field or ask it for its context."""

    @cached_property
    def fields(self) -> Any:
        return super().fields if self.partial else _fields_of(type(self))


@functools.cache
def _fields_of(serializer: type[SharedFields]) -> Any:
    return super(SharedFields, serializer()).fields


class OutputSerializer(SharedFields, serializers.ModelSerializer[Row]):
    """What rows look like on the wire."""

    concealed: ClassVar[Mapping[str, Any]] = {}
    """Fields that are the merchant's own affair, and what customers find in their place."""
    is_for_customers: ClassVar[bool] = False

    @classmethod
    def seen_by(cls, principal: Principal) -> type[Self]:
        """The serializer as whoever asks may see its rows."""
        return _for_customers(cls) if principal.kind == "customer" else cls

    @classmethod
    def like(cls, other: OutputSerializer[Any]) -> type[Self]:
        """The serializer for whoever sees `other`, which this is a part of."""
        return _for_customers(cls) if other.is_for_customers else cls

    def to_representation(self, row: Row) -> Any:
        shown = super().to_representation(row)
        return {**shown, **self.concealed} if self.is_for_customers else shown


@functools.cache
def _for_customers(serializer: Any) -> Any:
    return type(f"Customers{serializer.__name__}", (serializer,), {"is_for_customers": True})
