"""Lists that customers may read: they find there what is theirs, whatever they filter by."""

from __future__ import annotations

from typing import Any, TypeVar

from django.db import models
from rest_framework import generics

from config.api.principals import Principal
from config.api.shared_fields import OutputSerializer

Row = TypeVar("Row", bound=models.Model)


class SeenList(generics.ListAPIView[Row]):
    """Rows as whoever asks may see them."""

    def get_serializer_class(self) -> Any:
        serializer: Any = super().get_serializer_class()
        principal = self._principal()
        return serializer if principal is None else _seen_by(serializer, principal)

    def _principal(self) -> Principal | None:
        """None while the document is made."""
        principal = self.request.user
        return principal if isinstance(principal, Principal) else None


class VisibleList(SeenList[Row]):
    """Those rows of `queryset`, which has `visible_to(principal)`, that whoever asks may see."""

    def get_queryset(self) -> Any:
        rows: Any = super().get_queryset()
        principal = self._principal()
        return rows if principal is None else rows.visible_to(principal)


def _seen_by(serializer: type[OutputSerializer[Any]], principal: Principal) -> Any:
    return serializer.seen_by(principal)
