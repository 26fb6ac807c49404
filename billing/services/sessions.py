"""Sessions begin with a sign-in, are refreshed, and end. Times here are wall time, as those in tokens are."""

import datetime
import hmac
import logging

from django.conf import settings
from django.contrib.auth import authenticate
from django.http import HttpRequest
from django.utils import timezone

from billing import tokens
from billing.models import Session, User
from billing.models.sessions import new_refresh_id
from config.api import principals
from config.api.principals import Principal
from config.kernel import db
from config.kernel.errors import Conflict, NotFound
from config.kernel.fields import by_id, by_id_or

logger = logging.getLogger(__name__)

FORGOTTEN_AT_A_TIME = 1000


class SessionNotFound(NotFound):
    """There is no session {id}."""

    code = "session_not_found"


class SessionAlreadyEnded(Conflict):
    """Session {id} has ended before."""

    code = "session_already_ended"


def open_session(*, user: User) -> Session:
    """Requires a transaction, and the user's lock or that the user is new. A sign-in."""
    db.require_transaction()
    now = timezone.now()
    user.last_login = now
    user.save(update_fields=["last_login"])
    return Session.objects.create(
        user=user, created_at=now, refreshed_at=now, expires_at=now + tokens.RefreshToken.lifetime
    )


def sign_in(*, request: HttpRequest, email: str, password: str) -> Session | None:
    """A new session; None when address or password are wrong, and for staff who are no customers.

    `request` says from where, for the limits on tries. Raises TooManyAttempts.
    """
    for _ in range(2):
        user = authenticate(request, username=email, password=password, customers_only=True)
        if not isinstance(user, User):
            return None
        session = _open(user_id=user.pk, checked_hash=user.password)
        if session is not None:
            return session
    return None


@db.transaction(idempotent=False)
def _open(*, user_id: str, checked_hash: str) -> Session | None:
    """None when the password is another one by now, be it the same in a newer hash."""
    user = by_id(User.objects.select_for_update(), user_id)
    if user is None or not user.is_active or user.password != checked_hash:
        return None
    return open_session(user=user)


@db.transaction(idempotent=True)
def refresh_session(*, session_id: str, refresh_id: str) -> Session | None:
    """The session with its next refresh token, which is good from now on; None when it has ended.

    The token before that one is answered alike for settings.REFRESH_GRACE_SECONDS; any other has been used twice, by
    whom nobody can tell, and ends the session.
    """
    session = by_id(Session.objects.select_for_update(), session_id)
    now = timezone.now()
    if session is None or session.revoked_at is not None or session.expires_at <= now:
        return None
    session.user = User.objects.get(pk=session.user_id)
    if not session.user.is_active or session.user.customer_id is None:
        return None
    if hmac.compare_digest(session.refresh_id, refresh_id):
        _rotate(session, now)
    elif not (hmac.compare_digest(session.replaced_refresh_id, refresh_id) and _is_in_grace(session, now)):
        logger.warning("a refresh token was used twice: its session ends", extra={"session": session.id})
        _end(session, now, actor=principals.customer(session.user.customer_id), reason="refresh token used twice")
        return None
    return session


def _rotate(session: Session, now: datetime.datetime) -> None:
    session.replaced_refresh_id, session.refresh_id = session.refresh_id, new_refresh_id()
    session.refreshed_at, session.expires_at = now, now + tokens.RefreshToken.lifetime
    session.save(update_fields=["replaced_refresh_id", "refresh_id", "refreshed_at", "expires_at"])


def _is_in_grace(session: Session, now: datetime.datetime) -> bool:
    return now < session.refreshed_at + datetime.timedelta(seconds=settings.REFRESH_GRACE_SECONDS)


def _end(session: Session, now: datetime.datetime, *, actor: Principal, reason: str) -> None:
    session.revoked_at, session.revoked_by, session.revoked_reason = now, actor.actor, reason
    session.save(update_fields=["revoked_at", "revoked_by", "revoked_reason"])


@db.transaction(idempotent=True)
def sign_out(*, session_ids: list[str]) -> None:
    """These sessions have ended, those that had before included."""
    for session in Session.objects.select_for_update().filter(pk__in=session_ids, revoked_at=None).order_by("pk"):
        user = User.objects.get(pk=session.user_id)
        actor = principals.customer(user.customer_id) if user.customer_id else principals.staff(user)
        _end(session, timezone.now(), actor=actor, reason="signed out")


@db.transaction(idempotent=True)
def revoke_session(*, session_id: str, actor: Principal, reason: str) -> Session:
    """Its tokens stop working with the next request. Raises SessionNotFound or SessionAlreadyEnded."""
    session = by_id_or(SessionNotFound, Session.objects.select_for_update(), session_id)
    now = timezone.now()
    if session.revoked_at is not None or session.expires_at <= now:
        raise SessionAlreadyEnded(id=session_id)
    _end(session, now, actor=actor, reason=reason)
    return session


def forget_sessions() -> int:
    """Delete sessions that ended settings.FORGET_SESSIONS_AFTER_DAYS ago; how many."""
    before = timezone.now() - datetime.timedelta(days=settings.FORGET_SESSIONS_AFTER_DAYS)
    forgotten = 0
    while ids := list(Session.objects.filter(expires_at__lt=before).values_list("pk", flat=True)[:FORGOTTEN_AT_A_TIME]):
        _forget(ids)
        forgotten += len(ids)
    return forgotten


@db.transaction(idempotent=True)
def _forget(ids: list[str]) -> None:
    Session.objects.filter(pk__in=ids).delete()
