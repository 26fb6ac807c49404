"""The custom user and API keys: who may ask."""

import datetime
from collections.abc import Collection
from typing import Any, ClassVar

from django import forms
from django.contrib.auth.hashers import check_password, make_password
from django.contrib.auth.models import AbstractUser, BaseUserManager
from django.core.validators import validate_email
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from config.kernel.fields import ExactCharField, PrefixedIdField
from invoices.models import Customer


class EmailAddressField(ExactCharField):
    """An e-mail address in lower case, compared byte by byte: the default collation takes josé@ and jose@ for one."""

    default_validators = [validate_email]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs.setdefault("max_length", 254)
        super().__init__(*args, **kwargs)

    def to_python(self, value: Any) -> Any:
        text = super().to_python(value)
        return text.strip().lower() if isinstance(text, str) else text

    def get_prep_value(self, value: Any) -> Any:
        return self.to_python(super().get_prep_value(value))

    def formfield(self, **kwargs: Any) -> Any:
        return super().formfield(**{"form_class": forms.EmailField, **kwargs})


class UserManager(BaseUserManager["User"]):
    """Users sign in with their e-mail address."""

    use_in_migrations = True

    @classmethod
    def normalize_email(cls, email: str | None) -> str:
        return (email or "").strip().lower()

    def create_user(self, email: str, password: str | None = None, **fields: Any) -> "User":
        user = self.model(email=self.normalize_email(email), **fields)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def create_superuser(self, email: str, password: str | None = None, **fields: Any) -> "User":
        return self.create_user(email, password, **{"is_staff": True, "is_superuser": True, **fields})


class User(AbstractUser):
    """Whoever signs in with an e-mail address: staff in the admin, customers over the API."""

    id = PrefixedIdField(prefix="usr")
    username = None  # type: ignore[assignment]
    email = EmailAddressField(_("e-mail address"), unique=True)
    customer = models.OneToOneField(
        Customer,
        null=True,
        editable=False,
        on_delete=models.PROTECT,
        related_name="+",
        help_text=_("Who this is over the API; empty for staff, who sign in here alone."),
    )

    USERNAME_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []

    objects = UserManager()  # type: ignore[misc,assignment]

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Whoever sets another password, turns it off or deactivates an account, by whatever way, ends its sessions."""
        changed = not self._state.adding and (not self.is_active or self._sets_password(kwargs.get("update_fields")))
        super().save(*args, **kwargs)
        if changed:
            self.end_sessions(actor="system:accounts", reason="deactivated" if not self.is_active else "new password")

    def _sets_password(self, update_fields: Collection[str] | None) -> bool:
        """Whether saving these, or all, leaves another one in its row than is there now."""
        if update_fields is not None and "password" not in update_fields:
            return False
        stored = User.objects.filter(pk=self.pk).values_list("password", flat=True)
        return list(stored) != [self.password]

    def check_password(self, raw_password: str | None) -> bool:
        """Whether it is the right one. The same in a newer hash is no other password, and ends no session."""

        def hash_anew(raw_password: str) -> None:
            old, self.password = self.password, make_password(raw_password)
            User.objects.filter(pk=self.pk, password=old).update(password=self.password)

        return check_password(raw_password, self.password, hash_anew)

    def end_sessions(self, *, actor: str, reason: str) -> None:
        """None of its tokens is good any more, with the next request."""
        now = timezone.now()
        live: Any = self.sessions.live(now)
        live.update(revoked_at=now, revoked_by=actor, revoked_reason=reason)


class ApiKey(models.Model):
    """A back end's credential. Only the secret's SHA-256 is stored: 256 random bits need no salt and no slow hash."""

    class Mode(models.TextChoices):
        TEST = "test", _("test")
        LIVE = "live", _("live")

    id = PrefixedIdField(prefix="key")
    name = models.CharField(max_length=100)
    mode = models.CharField(max_length=4, choices=Mode.choices)
    prefix = ExactCharField(max_length=20, help_text=_("The key's beginning, to recognise it by."))
    secret_hash = ExactCharField(max_length=64, unique=True, editable=False)
    scopes = models.JSONField(help_text=_("A list of scope names."))
    created_at = models.DateTimeField()
    created_by = ExactCharField(max_length=200)
    expires_at = models.DateTimeField(null=True)
    revoked_at = models.DateTimeField(null=True)
    revoked_by = ExactCharField(max_length=200, blank=True)
    revoked_reason = models.CharField(max_length=500, blank=True)
    latest_used_at = models.DateTimeField(null=True, help_text=_("To the minute."))

    class Meta:
        verbose_name = _("API key")
        permissions = [("revoke_apikey", _("Can revoke API keys"))]
        constraints = [
            models.CheckConstraint(condition=models.Q(mode__in=["test", "live"]), name="billing_api_key_mode"),
        ]

    def __str__(self) -> str:
        return f"{self.name} ({self.prefix}…)"

    def is_usable(self, now: datetime.datetime) -> bool:
        """False once revoked or expired."""
        return self.revoked_at is None and (self.expires_at is None or now < self.expires_at)
