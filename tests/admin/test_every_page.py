"""Every list, search, filter and page of every registered model: it opens, and costs the same for any number."""

from typing import Any

import pytest
from django.contrib import admin
from django.contrib.admin.utils import quote
from django.db import connection, models
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from config.admin import ReadOnlyAdmin, paginator
from config.admin.looks import TONES, is_state
from tests.admin.world import chief, fill

pytestmark = pytest.mark.django_db
MODELS = sorted(admin.site._registry, key=lambda model: model._meta.label)


def url(model: type[models.Model], page: str, *args: str) -> str:
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_{page}", args=args)


def statements(client: Client, address: str, data: Any = None) -> int:
    with CaptureQueriesContext(connection) as captured:
        response = client.get(address, data)
    assert response.status_code == 200, address
    return len(captured)


@pytest.mark.slow
def test_every_list_filter_search_and_page_opens() -> None:
    """200 for each, and there is a row of every model to try it on."""
    fill()
    client = chief()
    for model in MODELS:
        row = model._default_manager.order_by("pk")[0]
        answer: Any = client.get(url(model, "changelist"))
        assert answer.status_code == 200, model
        changelist = answer.context["cl"]
        for spec in changelist.filter_specs:
            for choice in spec.choices(changelist):
                filtered = client.get(url(model, "changelist") + choice["query_string"])
                assert filtered.status_code == 200, (model, choice)
        for term in (str(row.pk), "nothing like it", "evt_01h455vb4pex5vsknk084sn02q", "%_'\\"):
            assert client.get(url(model, "changelist"), {"q": term}).status_code == 200, (model, term)
        assert client.get(url(model, "change", quote(row.pk))).status_code == 200, model


@pytest.mark.slow
def test_a_list_costs_the_same_for_five_rows_and_for_twenty(monkeypatch: pytest.MonkeyPatch) -> None:
    """Statements, per model; what a row refers to comes with it. Nothing is too much to be counted."""
    monkeypatch.setattr(paginator, "COUNTED_ROWS", 5000)
    fill(5)
    client = chief()
    client.get("/admin/")
    five = {model: statements(client, url(model, "changelist")) for model in MODELS}
    fill(15)
    assert {model: statements(client, url(model, "changelist")) for model in MODELS} == five


def test_searching_finds_a_row_by_its_own_id() -> None:
    """In every list of ours."""
    fill(2)
    client = chief()
    for model, model_admin in admin.site._registry.items():
        if isinstance(model_admin, ReadOnlyAdmin):
            row = model._default_manager.order_by("pk")[0]
            answer: Any = client.get(url(model, "changelist"), {"q": str(row.pk)})
            assert [found.pk for found in answer.context["cl"].result_list] == [row.pk], model


def test_every_state_has_a_colour() -> None:
    """The same word has the same one everywhere; a new state decides on its own."""
    words = {
        str(value)
        for model in MODELS
        for field in model._meta.concrete_fields
        if is_state(field)
        for value, _ in field.flatchoices
    }
    assert len(words) > 15
    assert words - TONES.keys() == set()


def test_every_list_can_be_reached_from_the_sidebar() -> None:
    """A model that is registered and not in config/settings/admin.py is in nobody's way."""
    page = chief().get("/admin/").content.decode()
    assert [model for model in MODELS if f'href="{url(model, "changelist")}"' not in page] == []
