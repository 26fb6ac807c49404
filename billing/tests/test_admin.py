"""Users and API keys in the admin."""

import pytest
from django.contrib.auth.models import Permission
from django.test import Client

from billing import services
from billing.models import ApiKey, User
from config.api import principals
from tests.staff import signed_in

pytestmark = pytest.mark.django_db
LIST = "/admin/billing/apikey/"


@pytest.fixture
def staff() -> Client:
    return signed_in(is_superuser=True)


@pytest.fixture
def created() -> services.CreatedApiKey:
    return services.create_api_key(name="shop", scopes=["invoices:read"], mode="test", actor=principals.system("tests"))


def test_a_key_is_shown_and_cannot_be_edited(staff: Client, created: services.CreatedApiKey) -> None:
    """Everything but the hash; nothing to add, save or delete."""
    page = staff.get(f"{LIST}{created.api_key.pk}/change/")
    text = page.content.decode()
    assert page.status_code == 200
    assert created.api_key.pk in text
    assert "system:tests" in text
    assert created.api_key.secret_hash not in text
    assert 'name="_save"' not in text
    assert staff.get(f"{LIST}add/").status_code == 403
    assert staff.get(f"{LIST}{created.api_key.pk}/delete/").status_code == 403
    assert staff.post(f"{LIST}{created.api_key.pk}/change/", {"name": "other"}).status_code == 403


def test_revoking_asks_why_and_keeps_it(staff: Client, created: services.CreatedApiKey) -> None:
    """Without a reason nothing happens; with one the key is revoked by this person."""
    change, url = f"{LIST}{created.api_key.pk}/change/", f"{LIST}{created.api_key.pk}/revoke/"
    assert 'href="../revoke/"' in staff.get(change).content.decode()
    assert staff.get(url).status_code == 200
    assert staff.post(url, {"reason": ""}).status_code == 200
    assert staff.post(url, {"reason": "4242424242424242"}).status_code == 200
    assert ApiKey.objects.get().revoked_at is None
    page = staff.post(url, {"reason": "leaked"}, follow=True)
    assert "no longer works" in page.content.decode()
    row = ApiKey.objects.get()
    assert (row.revoked_by, row.revoked_reason) == (f"staff:{User.objects.get().pk}", "leaked")
    assert "revoked before" in staff.post(url, {"reason": "again"}, follow=True).content.decode()
    assert "../revoke/" not in staff.get(change).content.decode()


def test_revoking_needs_the_permission(created: services.CreatedApiKey) -> None:
    """A member of staff without it is refused, one who may look and revoke is not."""
    clerk = User.objects.create_user("clerk@example.com", "correct horse", is_staff=True)
    client = Client()
    client.force_login(clerk)
    url = f"{LIST}{created.api_key.pk}/revoke/"
    assert client.post(url, {"reason": "x"}).status_code == 403
    clerk.user_permissions.set(Permission.objects.filter(codename="view_apikey"))
    assert "../revoke/" not in client.get(f"{LIST}{created.api_key.pk}/change/").content.decode()
    assert client.post(url, {"reason": "x"}).status_code == 403
    assert ApiKey.objects.get().revoked_at is None
    clerk.user_permissions.set(Permission.objects.filter(codename__in=["view_apikey", "revoke_apikey"]))
    assert client.post(url, {"reason": "x"}).status_code == 302
    assert ApiKey.objects.get().revoked_by == f"staff:{clerk.pk}"


@pytest.mark.parametrize("search", ["id", "name", "prefix"])
def test_a_key_is_found(staff: Client, created: services.CreatedApiKey, search: str) -> None:
    """By its id, its name and the beginning of the key itself."""
    services.create_api_key(name="other", scopes=["invoices:read"], mode="test", actor=principals.system("tests"))
    term = {"id": created.api_key.pk, "name": "shop", "prefix": created.api_key.prefix}[search]
    page = staff.get(LIST, {"q": term}).content.decode()
    assert "1 API key" in page
    assert created.api_key.pk in page


@pytest.mark.parametrize("term", ["nonsense", "key_01h455vb4pex5vsknk084sn02q", "inv_01h455vb4pex5vsknk084sn02q"])
def test_a_search_for_nothing_finds_nothing(staff: Client, created: services.CreatedApiKey, term: str) -> None:
    """Ids of other objects included."""
    assert "0 API keys" in staff.get(LIST, {"q": term}).content.decode()


def test_users_can_be_made_and_changed(staff: Client) -> None:
    """With an e-mail address instead of a user name."""
    form = {
        "email": "Clerk@example.com",
        "usable_password": "true",
        "password1": "correct horse battery",
        "password2": "correct horse battery",
    }
    page = staff.post("/admin/billing/user/add/", form, follow=True)
    assert page.status_code == 200
    clerk = User.objects.get(email="clerk@example.com")
    assert clerk.check_password("correct horse battery")
    assert staff.get(f"/admin/billing/user/{clerk.pk}/change/", follow=True).status_code == 200
    assert clerk.pk in staff.get("/admin/billing/user/", {"q": "clerk"}).content.decode().replace("_5F", "_")


def test_people_sign_in_with_their_address() -> None:
    """At the admin's own form."""
    User.objects.create_superuser("root@example.com", "correct horse")
    client = Client()
    page = client.post("/admin/login/?next=/admin/", {"username": "Root@Example.com", "password": "correct horse"})
    assert page.status_code == 302
    assert client.get("/admin/").status_code == 200
