"""Mail of accounts: rows are the work, messages to workers are nudges. Times here are wall time."""

import datetime
import logging
from urllib.parse import quote

from django.conf import settings
from django.core.mail import EmailMessage
from django.utils import timezone

from billing import tokens
from billing.models import Mail, MailKind, User
from config.celery import nudge
from config.kernel import db
from config.kernel.fields import by_id
from payments.services.sweeping import take_up_each

logger = logging.getLogger(__name__)

SWEEP_LIMIT = 200
SWEEP_SECONDS = 30.0
FORGOTTEN_AT_A_TIME = 1000


def queue_mail(*, kind: MailKind, recipient: str) -> Mail:
    """Requires a transaction. A mail to be sent once it has committed."""
    db.require_transaction()
    now = timezone.now()
    mail = Mail.objects.create(kind=kind, recipient=recipient, created_at=now, available_at=now)
    db.after_commit(lambda: nudge("billing.send_mail", mail.id))
    return mail


def send_mail(*, mail_id: str) -> bool:
    """Hand one mail over that is due; whether it was. One that nobody is to get is done with, too.

    A worker that dies between handing over and saying so lets it be sent twice.
    """
    mail = _claim(mail_id=mail_id)
    if mail is None:
        return False
    message = _written(mail)
    try:
        if message is not None:
            message.send()
    except OSError as error:
        _put_off(mail_id=mail_id, failure=f"{type(error).__name__}: {error}")
        return False
    _end(mail_id=mail_id, was_sent=message is not None)
    return True


def sweep_mail() -> int:
    """Take up mail that no worker sent, or that could not be handed over before; how many."""
    due = Mail.objects.filter(available_at__lte=timezone.now()).order_by("available_at", "id")
    return take_up_each(
        list(due.values_list("pk", flat=True)[:SWEEP_LIMIT]),
        take_up=lambda mail_id: send_mail(mail_id=mail_id),
        put_off=lambda mail_id: _put_off(mail_id=mail_id, failure="it cannot be written: the log says why"),
        budget_seconds=SWEEP_SECONDS,
    )


@db.transaction(idempotent=True)
def _claim(*, mail_id: str) -> Mail | None:
    """The mail, which is nobody else's for settings.MAIL_LEASE_SECONDS; None when it is not due."""
    mail = by_id(Mail.objects.select_for_update(), mail_id)
    now = timezone.now()
    if mail is None or mail.available_at is None or mail.available_at > now:
        return None
    mail.available_at = now + datetime.timedelta(seconds=settings.MAIL_LEASE_SECONDS)
    mail.attempts += 1
    mail.save(update_fields=["available_at", "attempts"])
    return mail


@db.transaction(idempotent=True)
def _put_off(*, mail_id: str, failure: str) -> None:
    mail = Mail.objects.select_for_update().get(pk=mail_id)
    mail.failure = failure[:200]
    delays = settings.MAIL_SCHEDULE_SECONDS
    if mail.attempts > len(delays):
        logger.error("mail %s is given up: %s", mail.pk, mail.failure)
        mail.available_at = None
    else:
        wait = delays[max(mail.attempts, 1) - 1]
        mail.available_at = timezone.now() + datetime.timedelta(seconds=wait)
    mail.save(update_fields=["available_at", "failure"])


@db.transaction(idempotent=True)
def _end(*, mail_id: str, was_sent: bool) -> None:
    mail = Mail.objects.select_for_update().get(pk=mail_id)
    mail.available_at, mail.sent_at = None, timezone.now() if was_sent else None
    mail.save(update_fields=["available_at", "sent_at"])


def _written(mail: Mail) -> EmailMessage | None:
    """What it says; None when nobody who may get it has an account there."""
    user = User.objects.filter(email=mail.recipient).first()
    if user is None or not user.is_active:
        return None
    if mail.kind == MailKind.REGISTRATION_ATTEMPTED:
        return EmailMessage("You already have an account", _ATTEMPTED, to=[mail.recipient])
    if not tokens.may_reset(user):
        return None
    token = tokens.reset_token(user)
    page = settings.PASSWORD_RESET_URL
    way = f"here: {page}?token={quote(token)}" if page else f"with this token: {token}"
    return EmailMessage("Choose a new password", _RESET.format(way=way), to=[mail.recipient])


_ATTEMPTED = """Somebody, perhaps you, tried to register with this address.

You have an account already: sign in, or ask for a new password if you have forgotten yours.
If it was not you, there is nothing to do.
"""
_RESET = """Somebody, perhaps you, has forgotten the password of your account.

Choose a new one {way}

This is good once, and for an hour. If it was not you, there is nothing to do.
"""


def forget_mail() -> int:
    """Delete mail of more than settings.FORGET_SESSIONS_AFTER_DAYS ago; how many."""
    before = timezone.now() - datetime.timedelta(days=settings.FORGET_SESSIONS_AFTER_DAYS)
    forgotten = 0
    while ids := list(Mail.objects.filter(created_at__lt=before).values_list("pk", flat=True)[:FORGOTTEN_AT_A_TIME]):
        _forget(ids)
        forgotten += len(ids)
    return forgotten


@db.transaction(idempotent=True)
def _forget(ids: list[str]) -> None:
    Mail.objects.filter(pk__in=ids).delete()
