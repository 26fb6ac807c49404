"""Who has signed in, and the mail that accounts need."""

import datetime
import secrets

from django.db import models
from django.utils.translation import gettext_lazy as _

from billing.models.accounts import EmailAddressField, User
from config.kernel.fields import ExactCharField, PrefixedIdField


def new_refresh_id() -> str:
    """128 random bits, that name one refresh token of a session."""
    return secrets.token_hex(16)


class SessionQuerySet(models.QuerySet["Session"]):
    """Reads of sessions."""

    def live(self, now: datetime.datetime) -> "SessionQuerySet":
        """Those that open the API, as far as they know: users may have been deactivated."""
        return self.filter(revoked_at=None, expires_at__gt=now)

    def with_user(self) -> "SessionQuerySet":
        """Annotate `customer_id` and `is_of_active_user`, which decide whether they open the API."""
        return self.annotate(  # type: ignore[no-redef]
            customer_id=models.F("user__customer_id"), is_of_active_user=models.F("user__is_active")
        )


class Session(models.Model):
    """One sign-in, from there to its end. Its tokens are signed and stored nowhere; each names the session.

    The refresh token that is good now is made of this row alone, so that it can be given again.
    """

    id = PrefixedIdField(prefix="ses")
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="sessions")
    refresh_id = ExactCharField(max_length=32, default=new_refresh_id, editable=False)
    replaced_refresh_id = ExactCharField(max_length=32, blank=True, editable=False)
    refreshed_at = models.DateTimeField(help_text=_("When its latest tokens were made."))
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField(help_text=_("Each refresh puts it off."))
    revoked_at = models.DateTimeField(null=True)
    revoked_by = ExactCharField(max_length=200, blank=True)
    revoked_reason = models.CharField(max_length=500, blank=True)

    customer_id: str | None
    is_of_active_user: bool
    """Only on what `with_user` finds."""

    objects = SessionQuerySet.as_manager()

    class Meta:
        permissions = [("revoke_session", _("Can end sessions"))]
        indexes = [models.Index(fields=["expires_at"], name="billing_session_expires")]

    def __str__(self) -> str:
        return self.id


class MailKind(models.TextChoices):
    PASSWORD_RESET = "password_reset", _("password reset")
    REGISTRATION_ATTEMPTED = "registration_attempted", _("registration attempted")


class Mail(models.Model):
    """A mail to be sent, and the work item that sends it: due while `available_at` has come.

    It holds no text: what it says, and the token in it, is made when it is sent.
    """

    id = PrefixedIdField(prefix="mail")
    kind = models.CharField(max_length=30, choices=MailKind.choices)
    recipient = EmailAddressField()
    created_at = models.DateTimeField()
    available_at = models.DateTimeField(null=True, help_text=_("When it is tried; empty when nothing is left to do."))
    attempts = models.PositiveSmallIntegerField(default=0)
    sent_at = models.DateTimeField(null=True)
    failure = models.CharField(max_length=200, blank=True, help_text=_("Why the latest try came to nothing."))

    class Meta:
        constraints = [
            models.CheckConstraint(condition=models.Q(kind__in=MailKind.values), name="billing_mail_kind"),
        ]
        indexes = [
            models.Index(fields=["available_at", "id"], name="billing_mail_due"),
            models.Index(fields=["created_at"], name="billing_mail_created"),
        ]

    def __str__(self) -> str:
        return self.id
