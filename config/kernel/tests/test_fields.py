import json
import uuid
from typing import Any

import pytest
from django.core import serializers
from django.core.exceptions import ValidationError
from django.db import DatabaseError, IntegrityError, connection, models

from config.kernel import ids, money
from config.kernel.fields import AmountField, CurrencyField, ExactCharField, PrefixedIdField
from config.kernel.tests.models import Box, Shelf

pytestmark = pytest.mark.usefixtures("tables")

on_mariadb = pytest.mark.skipif("connection.vendor != 'mysql'", reason="collations and native UUIDs are MariaDB's")


def make_shelf(**fields: Any) -> Shelf:
    return Shelf.objects.create(**{"name": "left"} | fields)


def test_an_id_is_text_with_its_prefix_everywhere_in_python() -> None:
    """A new object, a read one and a values list all show the same id."""
    shelf = make_shelf()
    assert shelf.pk.startswith("shf_")
    assert Shelf.objects.get().pk == shelf.pk
    assert list(Shelf.objects.values_list("id", flat=True)) == [shelf.pk]


@on_mariadb
def test_an_id_is_a_native_uuid_in_the_database() -> None:
    """The column is MariaDB's UUID type and holds the bits of the TypeID."""
    shelf = make_shelf()
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT data_type FROM information_schema.columns WHERE table_name = %s AND column_name = 'id' "
            "AND table_schema = DATABASE()",
            [Shelf._meta.db_table],
        )
        assert cursor.fetchone() == ("uuid",)
        cursor.execute(f"SELECT CAST(id AS CHAR) FROM {Shelf._meta.db_table}")
        assert uuid.UUID(cursor.fetchone()[0]) == ids.decode("shf", shelf.pk)


def test_a_foreign_key_carries_the_prefixed_id() -> None:
    """A child shows its parent's id without reading the parent, and is found by it."""
    shelf = make_shelf()
    Box.objects.create(shelf=shelf, label="a")
    box = Box.objects.get(shelf_id=shelf.pk)
    assert box.shelf_id == shelf.pk
    assert Box.objects.filter(shelf__in=[shelf.pk]).count() == 1
    assert Box.objects.filter(shelf=shelf).select_related("shelf").get().shelf.pk == shelf.pk


def test_rows_are_found_by_text_or_uuid() -> None:
    """Lookups take the public id and the bare UUID."""
    shelf = make_shelf()
    assert Shelf.objects.filter(pk=shelf.pk).exists()
    assert Shelf.objects.filter(pk__in=[ids.decode("shf", shelf.pk)]).exists()


@on_mariadb
def test_a_lookup_by_id_uses_the_index() -> None:
    """The digits we send become a UUID once, not the column text for every row."""
    pks = [make_shelf(name=str(number)).pk for number in range(3)]
    assert "const" in Shelf.objects.filter(pk=pks[0]).explain()
    assert "Impossible" not in Shelf.objects.filter(pk=pks[0]).explain()


@pytest.mark.parametrize("text", ["shf_nonsense", "pay_01h455vb4pex5vsknk084sn02q", "", "7", 7, 1.5, "shf_é"])
def test_what_is_no_id_of_this_kind_is_a_validation_error(text: Any) -> None:
    """Callers get an error to translate into 404, never a database error or a silent mismatch."""
    with pytest.raises(ValidationError, match="shf_"):
        Shelf.objects.filter(pk=text).exists()


def test_ids_grow_so_rows_sort_by_creation() -> None:
    """Ordering by primary key is ordering by creation."""
    made = [make_shelf(name=str(number)).pk for number in range(20)]
    assert list(Shelf.objects.order_by("id").values_list("pk", flat=True)) == made


def test_an_id_survives_serialization() -> None:
    """Dumps hold the public id, and read it back to the same one."""
    shelf = make_shelf()
    dumped = json.loads(serializers.serialize("json", [shelf]))[0]["pk"]
    assert dumped == shelf.pk
    assert Shelf._meta.pk.to_python(dumped) == shelf.pk


def test_the_fields_survive_a_migration() -> None:
    """What makemigrations writes builds an equal field, and says no more than it must."""
    fields: list[tuple[models.Field[Any, Any], dict[str, Any]]] = [
        (PrefixedIdField(prefix="shf"), {"prefix": "shf", "primary_key": True, "editable": False}),
        (AmountField(), {}),
        (CurrencyField(), {}),
    ]
    for field, expected in fields:
        _, path, args, kwargs = field.deconstruct()
        assert path == f"config.kernel.fields.{type(field).__name__}"
        assert kwargs == expected
        assert type(field)(*args, **kwargs).deconstruct()[1:] == (path, args, kwargs)


@pytest.mark.parametrize(
    ("stored", "other"), [("evt_1aBcDe", "evt_1AbCdE"), ("inv-1", "INV-1"), ("a", "a "), ("e", "é")]
)
def test_exact_text_is_compared_byte_by_byte(stored: str, other: str) -> None:
    """Case, accents and trailing blanks tell two identifiers apart: neither finds nor collides with the other."""
    make_shelf(name=stored)
    assert not Shelf.objects.filter(name=other).exists()
    make_shelf(name=other)
    assert Shelf.objects.filter(name=stored).get().name == stored
    with pytest.raises(IntegrityError):
        make_shelf(name=stored)


@on_mariadb
def test_exact_text_has_the_binary_no_pad_collation() -> None:
    """The column itself is exact, so joins and unique keys are too."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT column_name, collation_name FROM information_schema.columns WHERE table_name = %s "
            "AND table_schema = DATABASE()",
            [Shelf._meta.db_table],
        )
        collations = dict(cursor.fetchall())
    assert collations["name"] == collations["currency"] == "utf8mb4_nopad_bin"


@pytest.mark.parametrize("amount", [-1, money.MAX_AMOUNT + 1])
def test_an_amount_out_of_range_does_not_validate(amount: int) -> None:
    """Forms and full_clean refuse what the money module refuses."""
    with pytest.raises(ValidationError):
        Shelf(name="left", amount=amount).full_clean()


def test_a_negative_amount_is_refused_by_the_database() -> None:
    """The column's constraint stands behind every validator."""
    with pytest.raises(DatabaseError, match=r"(?i)constraint|out of range"):
        make_shelf(amount=-1)


def test_the_largest_amount_is_stored_whole() -> None:
    """No digit is lost on the way to the database and back."""
    make_shelf(amount=money.MAX_AMOUNT)
    assert Shelf.objects.get().amount == money.MAX_AMOUNT


def test_a_currency_has_room_for_three_letters() -> None:
    """The length belongs to the field, not to each model."""
    assert CurrencyField().max_length == 3
    assert isinstance(CurrencyField(), ExactCharField)
