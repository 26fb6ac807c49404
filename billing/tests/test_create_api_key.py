"""manage.py create_api_key."""

import json
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from billing import services
from billing.models import ApiKey
from config.api.scopes import SCOPES

pytestmark = pytest.mark.django_db


def run(*arguments: str) -> str:
    output = StringIO()
    call_command("create_api_key", *arguments, stdout=output)
    return output.getvalue()


def test_the_key_is_printed_once_and_alone() -> None:
    """A script can take standard output as it is."""
    printed = run("--name", "shop", "--scope", "invoices:read", "--scope", "payments:write")
    row = ApiKey.objects.get()
    assert services.hash_secret(printed.strip()) == row.secret_hash
    assert (row.mode, row.scopes) == ("test", ["invoices:read", "payments:write"])


def test_json_holds_the_key_and_what_it_is() -> None:
    """With every scope, for the demo's own use."""
    printed = json.loads(run("--name", "shop", "--scope", "all", "--mode", "live", "--expires-in-days", "2", "--json"))
    row = ApiKey.objects.get()
    assert row.expires_at is not None
    assert printed == {
        "id": row.pk,
        "name": "shop",
        "mode": "live",
        "scopes": sorted(SCOPES),
        "expires_at": row.expires_at.isoformat(),
        "api_key": printed["api_key"],
    }
    assert services.hash_secret(printed["api_key"]) == row.secret_hash


@pytest.mark.parametrize(
    "arguments",
    [
        ["--scope", "invoices:read"],
        ["--name", "x"],
        ["--name", "x", "--scope", "everything"],
        ["--name", "x", "--scope", "invoices:read", "--mode", "prod"],
        ["--name", "x", "--scope", "invoices:read", "--expires-in-days", "0"],
        ["--name", "", "--scope", "invoices:read"],
    ],
)
def test_wrong_arguments_are_an_error(arguments: list[str]) -> None:
    """Nothing is stored and nothing is printed on standard output."""
    with pytest.raises(CommandError):
        run(*arguments)
    assert not ApiKey.objects.exists()
