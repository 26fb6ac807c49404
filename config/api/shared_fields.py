"""Serializers whose fields are made once. REST framework copies or derives every field anew for every request."""

from __future__ import annotations

import functools
from typing import Any, TypeVar

from django.db import models
from django.utils.functional import cached_property
from rest_framework import serializers

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
