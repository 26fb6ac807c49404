"""Model fields that every app shares: ids, exact text, money."""

import uuid
from typing import TYPE_CHECKING, Any, TypeVar

from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator
from django.db import models
from django.db.backends.base.base import BaseDatabaseWrapper

from config.kernel import ids, money
from config.kernel.errors import NotFound

if TYPE_CHECKING:
    UUIDField = models.UUIDField[str, str]
else:
    UUIDField = models.UUIDField


class PrefixedIdField(UUIDField):
    """A primary key that is "inv_01h…" in Python, in JSON and for people, and a native UUID in the database."""

    def __init__(self, *args: Any, prefix: str, **kwargs: Any) -> None:
        self.prefix = prefix
        kwargs.setdefault("primary_key", True)
        kwargs.setdefault("editable", False)
        kwargs["default"] = self.new
        super().__init__(*args, **kwargs)

    def deconstruct(self) -> Any:
        name, path, args, kwargs = super().deconstruct()
        del kwargs["default"]
        return name, path, args, kwargs | {"prefix": self.prefix}

    def new(self) -> str:
        return ids.new(self.prefix)

    def from_db_value(self, value: uuid.UUID | None, *_: Any) -> str | None:
        return None if value is None else ids.encode(self.prefix, value)

    def to_python(self, value: Any) -> str | None:
        if value is None:
            return None
        try:
            if isinstance(value, uuid.UUID):
                return ids.encode(self.prefix, value)
            ids.to_number(self.prefix, value)
        except (ValueError, TypeError, AttributeError) as error:
            raise ValidationError(f"“{value}” is not an id that starts with {self.prefix}_.", code="invalid") from error
        return str(value)

    def get_prep_value(self, value: Any) -> str | None:
        return self.to_python(value)

    def get_db_prep_value(self, value: Any, connection: BaseDatabaseWrapper, prepared: bool = False) -> str | None:
        """The UUID's 32 hex digits, which MariaDB's UUID column reads as well as SQLite's text column."""
        if value is None:
            return None
        number = value.int if isinstance(value, uuid.UUID) else ids.to_number(self.prefix, value)
        return f"{number:032x}"


class ExactCharField(models.CharField):  # type: ignore[type-arg]
    """Text that others choose: compared byte by byte, so `evt_1aB` is not `evt_1Ab` and a trailing blank counts."""

    def db_parameters(self, connection: BaseDatabaseWrapper) -> dict[str, Any]:
        parameters = super().db_parameters(connection)
        if connection.vendor == "mysql":
            is_mariadb: bool = connection.mysql_is_mariadb  # type: ignore[attr-defined]
            parameters["collation"] = "utf8mb4_nopad_bin" if is_mariadb else "utf8mb4_0900_bin"
        return parameters


class AmountField(models.PositiveBigIntegerField):  # type: ignore[type-arg]
    """Minor units of the currency that stands beside it; never negative."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs["validators"] = [MaxValueValidator(money.MAX_AMOUNT)]
        super().__init__(*args, **kwargs)

    def deconstruct(self) -> Any:
        name, path, args, kwargs = super().deconstruct()
        kwargs.pop("validators", None)
        return name, path, args, kwargs


class CurrencyField(ExactCharField):
    """An ISO 4217 code."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs["max_length"] = 3
        super().__init__(*args, **kwargs)

    def deconstruct(self) -> Any:
        name, path, args, kwargs = super().deconstruct()
        kwargs.pop("max_length", None)
        return name, path, args, kwargs


Row = TypeVar("Row", bound=models.Model)


def by_id_or(missing: type[NotFound], rows: models.Manager[Row] | models.QuerySet[Row], public_id: str) -> Row:
    """The row with this public id; raises `missing`, with the attribute `id`."""
    row = by_id(rows, public_id)
    if row is None:
        raise missing(id=public_id)
    return row


def by_id(rows: models.Manager[Row] | models.QuerySet[Row], public_id: str) -> Row | None:
    """The row with this public id, or None; an id of another form is simply nobody's."""
    try:
        return rows.filter(pk=public_id).first()
    except ValidationError:
        return None
