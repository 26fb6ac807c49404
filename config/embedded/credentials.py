"""`<data dir>/credentials.json`: how to reach the embedded run as a back end, as a provider and as staff."""

import dataclasses
import json
import secrets
from pathlib import Path

from billing import services as billing
from billing.models import ApiKey, User
from config.api import principals
from config.api.scopes import SCOPES
from config.embedded.environment import write_private
from config.kernel import db

ADMIN = "admin@example.com"


@dataclasses.dataclass(frozen=True)
class Credentials:
    """As written to the file. `webhook_secret` signs what the provider sends to /webhooks/payment-provider."""

    base_url: str
    api_key: str
    webhook_secret: str
    admin_url: str
    admin_user: str
    admin_password: str


def provide(*, path: Path, base_url: str, webhook_secret: str) -> Credentials:
    """The credentials of an earlier run where the database still knows them, new ones for the rest; written whole."""
    found = _read(path)
    admin_user, admin_password = found.get("admin_user", ADMIN), found.get("admin_password", "")
    credentials = Credentials(
        base_url=base_url,
        api_key=_working_key(found.get("api_key", "")),
        webhook_secret=webhook_secret,
        admin_url=f"{base_url}/admin/",
        admin_user=admin_user,
        admin_password=_working_password(admin_user, admin_password),
    )
    write_private(path, json.dumps(dataclasses.asdict(credentials), indent=2) + "\n")
    return credentials


def _read(path: Path) -> dict[str, str]:
    try:
        found = json.loads(path.read_text())
    except (FileNotFoundError, ValueError):
        return {}
    kept = found.items() if isinstance(found, dict) else ()
    return {name: value for name, value in kept if isinstance(value, str) and value.isascii()}


def _working_key(secret: str) -> str:
    known = ApiKey.objects.filter(secret_hash=billing.hash_secret(secret), revoked_at=None).first()
    if secret and known and set(SCOPES) <= set(known.scopes):
        return secret
    actor = principals.system("run_embedded")
    return billing.create_api_key(name="make run", scopes=list(SCOPES), mode="test", actor=actor).secret


def _working_password(email: str, password: str) -> str:
    user = User.objects.filter(email=email).first()
    if user and password and user.check_password(password):
        return password
    return _set_admin(email=email, password=secrets.token_urlsafe(18))


@db.transaction(idempotent=True)
def _set_admin(*, email: str, password: str) -> str:
    user = User.objects.select_for_update().filter(email=email).first()
    if user is None:
        User.objects.create_superuser(email=email, password=password)
    else:
        user.set_password(password)
        user.save(update_fields=["password"])
    return password
