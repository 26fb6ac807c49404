"""The admin's search boxes, filters, orders and addresses: whatever stands in them, staff get a page or a 4xx."""

from typing import Any
from urllib.parse import quote_from_bytes

import pytest
from django.contrib import admin
from django.db.models import Model
from django.test import Client
from django.urls import reverse
from hypothesis import note
from hypothesis import strategies as st

from invoices.tests.factories import make_customer
from payments.tests.factories import make_payment
from tests.fuzz.effort import EFFORTS, try_out
from tests.fuzz.mutations import ODD_TEXTS
from tests.fuzz.test_headers import ODD_INSTANTS
from tests.staff import signed_in

pytestmark = pytest.mark.django_db

MODELS = sorted(admin.site._registry, key=lambda model: model._meta.label)
OPTIONS = ["q", "o", "p", "all", "e", "_facets", "_popup", "_to_field", "_changelist_filters", "next", "reason"]
LOOKUPS = [
    "",
    "__exact",
    "__in",
    "__gte",
    "__lt",
    "__isnull",
    "__icontains",
    "__regex",
    "__year",
    "__date",
    "__pk",
    "__id",
]
texts = st.sampled_from([*ODD_TEXTS, *ODD_INSTANTS, "1", "-1", "1.-2.99", "True", "None", "a,b,,", "("]) | st.text(
    max_size=20
)


@pytest.fixture
def staff(db: None) -> Client:
    """A superuser's browser, with something to look at."""
    make_customer(), make_payment()
    return signed_in(is_superuser=True, raise_request_exception=False)


def parameters(model: type[Model]) -> st.SearchStrategy[str]:
    """Names a change list of `model` may react to: its options, its filters' and its columns' with every lookup."""
    fields = [field.name for field in model._meta.get_fields()]
    lookups = st.builds(str.__add__, st.sampled_from(fields), st.sampled_from(LOOKUPS))
    return st.sampled_from(OPTIONS) | lookups | st.text(max_size=8)


@EFFORTS
@pytest.mark.parametrize("model", MODELS, ids=lambda model: model._meta.label)
def test_nothing_staff_type_breaks_a_list(model: type[Model], staff: Client, effort: str) -> None:
    """Searches, filters and orders of any text: a list, a redirect to it without them, or a refusal."""
    address = reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")
    pair = st.tuples(parameters(model), texts.map(lambda text: text.encode("utf-8", "surrogatepass")))

    def check(pairs: list[tuple[str, bytes]]) -> None:
        query = "&".join(f"{quote_from_bytes(name.encode())}={quote_from_bytes(value)}" for name, value in pairs)
        assert_survived(staff.get(f"{address}?{query}"))

    try_out(effort, check, pairs=st.lists(pair, min_size=1, max_size=3))


@EFFORTS
@pytest.mark.parametrize("model", MODELS, ids=lambda model: model._meta.label)
def test_no_address_of_a_row_breaks_its_page(model: type[Model], staff: Client, effort: str) -> None:
    """Any text as a row's id, on every page a row has."""
    address = reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")
    pages = st.sampled_from(["change/", "history/", "delete/", "", "change"])

    def check(id: str, page: str) -> None:
        path = quote_from_bytes(id.encode("utf-8", "surrogatepass"), safe="")
        assert_survived(staff.get(f"{address}{path}/{page}"))

    try_out(effort, check, id=texts.filter(bool), page=pages)


def assert_survived(response: Any) -> None:
    note(f"{response.status_code} {response.request['PATH_INFO']!r} {response.request['QUERY_STRING']!r}")
    assert response.status_code < 500
