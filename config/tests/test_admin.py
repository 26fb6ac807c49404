"""The admin's base class, over HTTP, on a model whose foreign key is a prefixed id."""

from typing import Any

import pytest
from django.contrib import admin
from django.contrib.admin.models import ADDITION, LogEntry
from django.contrib.contenttypes.models import ContentType
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import path
from unfold.sites import UnfoldAdminSite

from billing.models import User
from config.admin import ReadOnlyAdmin
from tests.staff import signed_in

pytestmark = [pytest.mark.django_db, pytest.mark.urls(__name__)]
LIST = "/admin/admin/logentry/"

site = UnfoldAdminSite()


@admin.register(LogEntry, site=site)
class LogEntryAdmin(ReadOnlyAdmin):
    """As apps declare theirs."""

    list_display = ("id", "user", "content_type", "object_repr")
    search_fields = ("object_repr",)
    id_search_fields = ("user",)


@admin.register(User, site=site)
class UserAdmin(ReadOnlyAdmin):
    """Without text to search in."""


urlpatterns = [path("admin/", site.urls)]


@pytest.fixture
def staff(settings: Any) -> Client:
    settings.UNFOLD = {}
    return signed_in(is_superuser=True)


def add(email: str, text: str) -> LogEntry:
    user, _ = User.objects.get_or_create(email=email)
    kind = ContentType.objects.get_for_model(User)
    return LogEntry.objects.create(user=user, content_type=kind, object_repr=text, action_flag=ADDITION)


def found(client: Client, term: str, url: str = LIST) -> list[str]:
    response: Any = client.get(url, {"q": term})
    assert response.status_code == 200
    return sorted(str(row) for row in response.context["cl"].result_list.values_list("pk", flat=True))


def test_rows_are_found_by_any_id_and_by_text(staff: Client) -> None:
    """The row's own id, the id of what it belongs to, or text; blanks around it do not matter."""
    first, second = add("ada@example.com", "apples"), add("bob@example.com", "pears")
    assert found(staff, str(first.pk)) == [str(first.pk)]
    assert found(staff, f" {second.user.pk} ") == [str(second.pk)]
    assert found(staff, "apple") == [str(first.pk)]
    assert found(staff, "") == sorted([str(first.pk), str(second.pk)])


@pytest.mark.parametrize(
    "term", ["plums", "inv_01h455vb4pex5vsknk084sn02q", "usr_01h455vb4pex5vsknk084sn02q", "9" * 40]
)
def test_what_is_not_there_is_not_found(staff: Client, term: str) -> None:
    """Foreign ids and absurd numbers find nothing and break nothing."""
    add("ada@example.com", "apples")
    assert found(staff, term) == []


def test_a_model_without_text_is_searched_by_id_alone(staff: Client) -> None:
    """Text finds nothing there, rather than everything."""
    user = User.objects.get()
    assert found(staff, user.pk, "/admin/billing/user/") == [user.pk]
    assert found(staff, "root", "/admin/billing/user/") == []


def test_nothing_can_be_written(staff: Client) -> None:
    """No form, no button, no request."""
    row = add("ada@example.com", "apples")
    page = staff.get(f"{LIST}{row.pk}/change/").content.decode()
    assert "apples" in page
    assert 'name="_save"' not in page
    assert "<textarea" not in page
    assert staff.get(f"{LIST}add/").status_code == 403
    assert staff.post(f"{LIST}{row.pk}/change/", {"object_repr": "x"}).status_code == 403
    assert staff.post(f"{LIST}{row.pk}/delete/", {"post": "yes"}).status_code == 403
    action = {"action": "delete_selected", "_selected_action": [str(row.pk)], "post": "yes"}
    staff.post(LIST, action)
    assert LogEntry.objects.get().object_repr == "apples"


def test_the_list_costs_the_same_for_any_number_of_rows(staff: Client) -> None:
    """Foreign keys come with the rows, nullable ones too."""

    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            assert staff.get(LIST).status_code == 200
        return len(captured)

    add("ada@example.com", "apples")
    one = queries()
    for number in range(10):
        add(f"user-{number}@example.com", "pears")
    assert queries() == one


def test_an_id_typed_into_the_address_bar_is_understood(staff: Client) -> None:
    """The admin escapes underscores in its own links; people do not."""
    user = User.objects.get()
    assert staff.get(f"/admin/billing/user/{user.pk}/change/").status_code == 200
    unknown = staff.get("/admin/billing/user/usr_01h455vb4pex5vsknk084sn02q/change/")
    assert unknown.status_code == 302
    assert staff.get("/admin/billing/user/nonsense/change/").status_code == 302


def test_rows_come_in_a_stable_order(staff: Client) -> None:
    """Newest first, ending in the primary key whatever the column."""
    rows = [add("ada@example.com", "same") for _ in range(5)]
    response: Any = staff.get(LIST, {"o": "4"})
    assert list(response.context["cl"].result_list) == rows[::-1]
