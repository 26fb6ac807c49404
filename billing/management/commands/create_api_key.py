"""manage.py create_api_key: a credential for a back end."""

import datetime
import json
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from billing import services
from billing.models import ApiKey
from config.api import principals
from config.api.scopes import SCOPES
from config.kernel.errors import DomainError


class Command(BaseCommand):
    """Prints the key once, on standard output; with --json an object {id, name, mode, scopes, expires_at, api_key}."""

    help = "Create an API key and print it. It cannot be shown again."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--name", required=True, help="What the key is for.")
        parser.add_argument(
            "--scope", action="append", required=True, metavar="SCOPE", help=f"Repeatable: {', '.join(SCOPES)}, or all."
        )
        parser.add_argument("--mode", choices=ApiKey.Mode.values, default=ApiKey.Mode.TEST.value)
        parser.add_argument("--expires-in-days", type=int, metavar="DAYS", help="Default: never.")
        parser.add_argument("--json", action="store_true", help="Print a JSON object.")

    def handle(self, *args: Any, **options: Any) -> None:
        days = options["expires_in_days"]
        if days is not None and not 1 <= days <= 36_500:
            raise CommandError("--expires-in-days takes 1 to 36500 days.")
        try:
            created = services.create_api_key(
                name=options["name"],
                scopes=list(SCOPES) if options["scope"] == ["all"] else options["scope"],
                mode=options["mode"],
                actor=principals.system("create_api_key"),
                expires_at=None if days is None else timezone.now() + datetime.timedelta(days=days),
            )
        except DomainError as error:
            raise CommandError(error.detail) from error
        self.stdout.write(json.dumps(_as_json(created)) if options["json"] else created.secret)


def _as_json(created: services.CreatedApiKey) -> dict[str, Any]:
    api_key = created.api_key
    return {
        "id": api_key.pk,
        "name": api_key.name,
        "mode": api_key.mode,
        "scopes": api_key.scopes,
        "expires_at": api_key.expires_at.isoformat() if api_key.expires_at else None,
        "api_key": created.secret,
    }
