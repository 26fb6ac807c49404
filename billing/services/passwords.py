"""Passwords: what may be one, changing it, and choosing another one when it is forgotten.

Hashing takes long, so it is never done inside a transaction.
"""

from django.contrib.auth import authenticate, password_validation
from django.contrib.auth.hashers import make_password
from django.core.exceptions import ValidationError
from django.http import HttpRequest

from billing import tokens
from billing.models import MailKind, Session, User
from billing.services.mail import queue_mail
from billing.services.sessions import open_session
from config.api import principals
from config.kernel import db
from config.kernel.errors import FieldError, Invalid
from config.kernel.fields import by_id


class WeakPassword(Invalid):
    """Choose another password."""

    code = "weak_password"


class WrongPassword(Invalid):
    """The current password is another one."""

    code = "wrong_password"


class InvalidResetToken(Invalid):
    """This token is not good, or not any more: ask for another one."""

    code = "invalid_reset_token"


def hash_password(password: str, *, user: User, field: str) -> str:
    """What is stored. Raises WeakPassword, which names `field` and every rule of settings that it breaks."""
    try:
        password_validation.validate_password(password, user)
    except ValidationError as error:
        found = [FieldError(field, each.code or "invalid", " ".join(each.messages)) for each in error.error_list]
        raise WeakPassword(" ".join(each.detail for each in found), errors=tuple(found)) from error
    return make_password(password)


def change_password(*, request: HttpRequest, session: Session, current: str, new: str) -> Session:
    """Another password, and a session to go on with: all earlier ones end. Tries count as those to sign in do.

    Raises WrongPassword, WeakPassword, TooManyAttempts.
    """
    user = authenticate(request, username=User.objects.get(pk=session.user_id).email, password=current)
    if not isinstance(user, User):
        raise WrongPassword(errors=(FieldError("current_password", "wrong_password", WrongPassword().detail),))
    return _change(user=user, hashed=hash_password(new, user=user, field="new_password"))


@db.transaction(idempotent=False)
def _change(*, user: User, hashed: str) -> Session:
    locked = User.objects.select_for_update().get(pk=user.pk)
    _set_password(locked, hashed, reason="password changed")
    return open_session(user=locked)


@db.transaction(idempotent=False)
def request_password_reset(*, email: str) -> None:
    """Mail a token to whoever has an account there; whether anybody has is looked at when the mail is sent."""
    queue_mail(kind=MailKind.PASSWORD_RESET, recipient=email)


def reset_password(*, token: str, new: str) -> None:
    """Set the password of the token's account and end all its sessions. Raises InvalidResetToken, WeakPassword."""
    user = by_id(User.objects, token.partition(".")[0])
    if user is None or not tokens.opens_reset(user, token):
        raise _invalid_token()
    _reset(user_id=user.pk, token=token, hashed=hash_password(new, user=user, field="new_password"))


@db.transaction(idempotent=False)
def _reset(*, user_id: str, token: str, hashed: str) -> None:
    user = User.objects.select_for_update().get(pk=user_id)
    if not tokens.opens_reset(user, token):
        raise _invalid_token()
    _set_password(user, hashed, reason="password reset")


def _invalid_token() -> InvalidResetToken:
    return InvalidResetToken(errors=(FieldError("token", InvalidResetToken.code, InvalidResetToken().detail),))


def _set_password(user: User, hashed: str, *, reason: str) -> None:
    assert user.customer_id is not None
    user.end_sessions(actor=principals.customer(user.customer_id).actor, reason=reason)
    user.password = hashed
    user.save(update_fields=["password"])
