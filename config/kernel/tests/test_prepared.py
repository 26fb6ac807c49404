"""Prepared statements do what Django's own do: the same rows in, the same rows out."""

import pytest
from django.db import DatabaseError, connection, models
from django.db.models import F, Q
from django.test.utils import CaptureQueriesContext

from config.kernel import db, prepared
from config.kernel.errors import NotFound
from config.kernel.prepared import PreparedModel, Select
from config.kernel.tests.models import Shelf
from config.kernel.tests.shelves import names, put

pytestmark = pytest.mark.usefixtures("tables")


class PreparedShelf(PreparedModel, Shelf):
    """A shelf that saves itself with prepared statements."""

    class Meta:
        app_label = "kernel_tests"
        proxy = True


class NoShelf(NotFound):
    """There is no shelf {id}."""


BY_NAME = Select(Shelf.objects.order_by("-id"), "name")
BY_BOTH = Select(Shelf.objects.order_by("-id"), "name", "currency")
BY_CURRENCY = Select(Shelf.objects.order_by("-id"), "currency", limit=2)
BY_ID = Select(Shelf.objects.all(), "id")
ANNOTATED = Select(
    Shelf.objects.filter(currency="EUR").annotate(more=F("amount") + 2, is_dear=Q(amount__gt=4)), "name", limit=1
)
LOCKED = Select(Shelf.objects.select_for_update(), "id")


def test_it_finds_what_the_queryset_finds() -> None:
    """Values go to the fields in the order in which both are given, whatever their names."""
    put("a", "b", "EUR")
    assert BY_NAME.all("a") == list(Shelf.objects.filter(name="a"))
    assert [shelf.name for shelf in BY_BOTH.all("b", "EUR")] == ["b"]
    assert BY_BOTH.one("EUR", "b") is None
    assert BY_NAME.all("A") == []


def test_it_keeps_the_order_and_the_limit() -> None:
    """Both are the queryset's."""
    put("a", "b", "c")
    assert [shelf.name for shelf in BY_CURRENCY.all("EUR")] == ["c", "b"]
    assert BY_CURRENCY.one("EUR") == Shelf.objects.get(name="c")


def test_what_it_found_is_as_good_as_what_a_queryset_found() -> None:
    """Every field is converted, and the row knows that it is stored."""
    put("a")
    ordinary = Shelf.objects.get()
    found = BY_ID.one(ordinary.id)
    assert found is not None
    assert {**vars(found), "_state": None} == {**vars(ordinary), "_state": None}
    assert vars(found._state) == vars(ordinary._state)


def test_an_id_of_another_form_is_nobodys() -> None:
    """It is no error, and asks nobody; `one_or` raises what the caller names."""
    with CaptureQueriesContext(connection) as captured:
        assert BY_ID.one("inv_01h455vb4pex5vsknk084sn02q") is None
        assert BY_ID.one("shf_\x00") is None
    assert len(captured) == 0
    with pytest.raises(NoShelf, match=r"There is no shelf nonsense\."):
        BY_ID.one_or(NoShelf, "nonsense")


def test_a_value_is_data_whatever_it_holds() -> None:
    """Quotes, per cent signs and comments stay text."""
    put("%s'; --")
    assert [shelf.name for shelf in BY_NAME.all("%s'; --")] == ["%s'; --"]
    assert BY_NAME.all("' OR ''='") == []


def test_the_querysets_own_values_and_annotations_stay() -> None:
    """Among those that are given, each at its place; what is computed is converted and an attribute."""
    Shelf.objects.create(name="c", amount=5, currency="USD")
    Shelf.objects.create(name="a", amount=7, currency="EUR")
    Shelf.objects.create(name="b", amount=1, currency="EUR")
    assert ANNOTATED.all("c") == []
    [found] = ANNOTATED.all("a")
    assert (found.amount, vars(found)["more"], vars(found)["is_dear"]) == (7, 9, True)
    other = ANNOTATED.one("b")
    assert other is not None
    assert (vars(other)["more"], vars(other)["is_dear"]) == (3, False)


@pytest.mark.skipif("connection.vendor != 'mysql'", reason="SQLite has no row locks")
def test_a_locking_select_locks() -> None:
    """FOR UPDATE is part of what is prepared."""
    put("a")
    shelf = Shelf.objects.get()

    @db.transaction(idempotent=True)
    def lock() -> None:
        with CaptureQueriesContext(connection) as captured:
            assert LOCKED.one(shelf.id) == shelf
        assert captured[0]["sql"].endswith("FOR UPDATE")

    lock()


def test_saving_stores_what_django_would_store() -> None:
    """Insert, change of all fields, change of some."""
    shelf = PreparedShelf(name="a", amount=5, currency="JPY")
    shelf.save()
    assert vars(Shelf.objects.get(id=shelf.id))["amount"] == 5
    shelf.name, shelf.amount = "b", 6
    shelf.save(update_fields=["name"])
    assert (Shelf.objects.get(id=shelf.id).name, Shelf.objects.get(id=shelf.id).amount) == ("b", 5)
    shelf.save()
    assert Shelf.objects.get(id=shelf.id).amount == 6
    assert Shelf.objects.count() == 1


def test_a_default_that_the_database_has_too_is_not_asked_for() -> None:
    """What is inserted is known, so the prepared statement does."""
    with CaptureQueriesContext(connection) as captured:
        PreparedShelf(name="a").save(force_insert=True)
    assert "RETURNING" not in captured[0]["sql"]
    assert vars(Shelf.objects.get())["amount"] == 0


def test_an_expression_is_computed_by_the_database() -> None:
    """Django compiles what is not a plain value."""
    shelf = PreparedShelf(name="a", amount=5)
    shelf.save()
    shelf.amount = F("amount") + 2
    shelf.save()
    assert Shelf.objects.get().amount == 7


def test_saving_a_row_that_is_gone_is_an_error() -> None:
    """As with Django: an UPDATE that was asked for and found nothing."""
    shelf = PreparedShelf(name="a")
    shelf.save()
    Shelf.objects.all().delete()
    with pytest.raises(DatabaseError):
        shelf.save(update_fields=["name"])


def test_rows_are_inserted_in_one_statement() -> None:
    """And know that they are stored."""
    rows: list[models.Model] = [Shelf(name="a"), Shelf(name="b", amount=3), Shelf(name="c")]
    with CaptureQueriesContext(connection) as captured:
        prepared.insert(rows)
    assert len(captured) == 1
    assert names() == ["a", "b", "c"]
    assert not any(row._state.adding for row in rows)
