"""Creating and revoking API keys."""

import pytest

from billing import services
from billing.models import ApiKey
from config.api import principals

pytestmark = pytest.mark.django_db
ACTOR = principals.system("tests")


def test_a_key_records_who_made_it_and_what_it_may_do() -> None:
    """Scopes are a set, sorted."""
    created = services.create_api_key(
        name=" shop ", scopes=["payments:write", "invoices:read", "invoices:read"], mode="live", actor=ACTOR
    )
    row = ApiKey.objects.get(pk=created.api_key.pk)
    assert row.pk.startswith("key_")
    assert (row.name, row.mode, row.created_by) == ("shop", "live", "system:tests")
    assert row.scopes == ["invoices:read", "payments:write"]
    assert row.expires_at is row.revoked_at is row.latest_used_at is None


def test_two_keys_differ() -> None:
    """256 random bits each."""
    first, second = (
        services.create_api_key(name="x", scopes=["invoices:read"], mode="test", actor=ACTOR) for _ in range(2)
    )
    assert first.secret != second.secret
    assert len(first.secret) == len("qt_test_") + 52


@pytest.mark.parametrize(
    ("name", "scopes", "mode", "field"),
    [
        ("x", ["invoices:read", "everything"], "test", "scopes"),
        ("x", [], "test", "scopes"),
        ("x", ["invoices:read"], "prod", "mode"),
        (" ", ["invoices:read"], "test", "name"),
        ("x" * 101, ["invoices:read"], "test", "name"),
    ],
)
def test_an_impossible_key_is_refused(name: str, scopes: list[str], mode: str, field: str) -> None:
    """Naming the field, storing nothing."""
    with pytest.raises(services.InvalidApiKey) as refused:
        services.create_api_key(name=name, scopes=scopes, mode=mode, actor=ACTOR)
    assert [error.field for error in refused.value.errors] == [field]
    assert not ApiKey.objects.exists()


def test_scar_nobody_knew_who_did_it_and_why() -> None:
    """PowerStore#187: revoking records the actor and the reason."""
    created = services.create_api_key(name="x", scopes=["invoices:read"], mode="test", actor=ACTOR)
    staff = principals.Principal(kind="staff", id="usr_1")
    row = services.revoke_api_key(api_key_id=created.api_key.pk, actor=staff, reason="leaked in a log")
    row.refresh_from_db()
    assert row.revoked_at is not None
    assert (row.revoked_by, row.revoked_reason) == ("staff:usr_1", "leaked in a log")


def test_revoking_twice_is_a_conflict_and_keeps_the_first() -> None:
    """The first reason stands; an unknown key is not found."""
    created = services.create_api_key(name="x", scopes=["invoices:read"], mode="test", actor=ACTOR)
    services.revoke_api_key(api_key_id=created.api_key.pk, actor=ACTOR, reason="first")
    with pytest.raises(services.ApiKeyAlreadyRevoked):
        services.revoke_api_key(api_key_id=created.api_key.pk, actor=ACTOR, reason="second")
    assert ApiKey.objects.get(pk=created.api_key.pk).revoked_reason == "first"
    for unknown in ("key_01h455vb4pex5vsknk084sn02q", "nonsense"):
        with pytest.raises(services.ApiKeyNotFound):
            services.revoke_api_key(api_key_id=unknown, actor=ACTOR, reason="x")
