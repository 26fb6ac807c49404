"""The provider's own books beside ours: what was read of them, and where they differ."""

from typing import Any

from django.db import models
from django.utils.translation import gettext_lazy as _

from config.kernel.fields import CurrencyField, ExactCharField, PrefixedIdField


class LineKind(models.TextChoices):
    CHARGE = "charge", _("charge")
    REFUND = "refund", _("refund")
    DISPUTE = "dispute", _("dispute")
    FEE = "fee", _("fee")
    PAYOUT = "payout", _("payout")


class SettlementRun(models.Model):
    """One reading of a provider's books over `since` up to, not including, `until`, by the provider's clock."""

    id = PrefixedIdField(prefix="str")
    provider = ExactCharField(max_length=50)
    provider_account = ExactCharField(max_length=100)
    since = models.DateTimeField()
    until = models.DateTimeField()
    read_until = models.DateTimeField(null=True, help_text=_("How far the lines have been read and compared."))
    started_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True, help_text=_("Empty while it goes on, and when it was interrupted."))
    problem = models.CharField(max_length=500, blank=True, help_text=_("What interrupted it the latest time."))

    def __str__(self) -> str:
        return f"{self.provider} {self.since:%Y-%m-%d %H:%M} to {self.until:%Y-%m-%d %H:%M}"


class SettlementLine(models.Model):
    """One line of a provider's books, stored once. Fees and payouts are booked in the ledger with its id as source."""

    id = PrefixedIdField(prefix="stl")
    kind = models.CharField(max_length=20, choices=LineKind.choices)
    provider = ExactCharField(max_length=50)
    provider_account = ExactCharField(max_length=100)
    provider_reference = ExactCharField(max_length=200)
    status = ExactCharField(max_length=100, help_text=_("A refund that succeeded and then failed has a line for each."))
    our_reference = ExactCharField(max_length=200, blank=True)
    charge_reference = ExactCharField(max_length=200, blank=True)
    amount = models.BigIntegerField(help_text=_("Minor units; what it did to our balance there."))
    currency = CurrencyField()
    booked_at = models.DateTimeField(help_text=_("By the provider's clock."))
    run = models.ForeignKey(
        SettlementRun, on_delete=models.PROTECT, related_name="lines", help_text=_("The one that read it first.")
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["provider_reference", "kind", "status", "provider", "provider_account"],
                name="payments_settlement_line",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.provider_reference}"


class DifferenceKind(models.TextChoices):
    MISSING_HERE = "missing_here", _("missing here")
    MISSING_THERE = "missing_there", _("missing there")
    AMOUNT = "amount", _("other amount or currency")
    STATUS = "status", _("other status")
    UNBOOKED = "unbooked", _("not in our ledger")


class Mend(models.TextChoices):
    BOOK_CAPTURE = "book_capture", _("book the capture")
    SETTLE_REFUND = "settle_refund", _("settle the refund")
    ADOPT_REFUND = "adopt_refund", _("take over the refund made at the provider")
    BOOK_RETURN = "book_return", _("book the refund's money that came back")
    OPEN_DISPUTE = "open_dispute", _("open the dispute")
    WIN_DISPUTE = "win_dispute", _("close the dispute as won")
    BOOK_LINE = "book_line", _("book the line in the ledger")
    NO_LONGER_FOUND = "no_longer_found", _("a later run no longer found it")
    CLOSED_BY_HAND = "closed_by_hand", _("staff closed it")


class Difference(models.Model):
    """Where a provider's books and ours differ, once however often it is found; resolved, or waiting for a person.

    Amounts are signed minor units, what the balance there did: `expected` by our books, `found` by the provider's.
    """

    id = PrefixedIdField(prefix="dif")
    kind = models.CharField(max_length=20, choices=DifferenceKind.choices)
    subject = models.CharField(max_length=20, choices=LineKind.choices)
    provider = ExactCharField(max_length=50)
    provider_account = ExactCharField(max_length=100)
    provider_reference = ExactCharField(max_length=200)
    line_status = ExactCharField(max_length=100, blank=True, help_text=_("Of the provider's line, if it has one."))
    our_id = ExactCharField(
        max_length=100,
        blank=True,
        help_text=_("Our payment, receipt, refund, dispute or line, if known."),
    )
    expected_amount = models.BigIntegerField(null=True)
    expected_currency = CurrencyField(blank=True)
    found_amount = models.BigIntegerField(null=True)
    found_currency = CurrencyField(blank=True)
    detail = models.CharField(max_length=500, blank=True, help_text=_("What a person should know."))
    mend = models.CharField(
        max_length=20,
        choices=Mend.choices,
        blank=True,
        help_text=_("What resolved it, or may; empty: a person must."),
    )
    booked_at = models.DateTimeField(help_text=_("When the provider booked it; of what is missing there, when we did."))
    found_at = models.DateTimeField()
    resolved_at = models.DateTimeField(null=True, help_text=_("Empty while it waits for a person."))
    closed_by = ExactCharField(max_length=200, blank=True, help_text=_("Who closed it by hand, the latest time."))
    closed_reason = models.CharField(max_length=500, blank=True)
    run = models.ForeignKey(
        SettlementRun, on_delete=models.PROTECT, related_name="differences", help_text=_("The latest that found it.")
    )

    IDENTITY = ("provider_reference", "kind", "subject", "line_status", "provider", "provider_account")
    FACTS = ("our_id", "expected_amount", "expected_currency", "found_amount", "found_currency")
    """What a person has judged who closed it: with other facts it is to be judged again."""
    SHOWN = (
        *("kind", "subject", "provider", "provider_account", "provider_reference", "line_status", "our_id"),
        *("expected_amount", "expected_currency", "found_amount", "found_currency", "detail", "mend"),
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["provider_reference", "kind", "subject", "line_status", "provider", "provider_account"],
                name="payments_difference",
            ),
        ]
        indexes = [models.Index(fields=["resolved_at", "id"], name="payments_difference_open")]
        permissions = [("close_difference", _("Can close differences from a provider's books"))]

    def __str__(self) -> str:
        return f"{self.subject} {self.provider_reference}: {self.get_kind_display()}"

    @property
    def identity(self) -> dict[str, Any]:
        """The values that make it this difference and no other."""
        return {name: getattr(self, name) for name in self.IDENTITY}
