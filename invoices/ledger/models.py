"""Journals and their entries. Only ever inserted."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from config.kernel.fields import CurrencyField, ExactCharField, PrefixedIdField


class JournalKind(models.TextChoices):
    INVOICE_ISSUED = "invoice_issued", _("invoice issued")
    INVOICE_VOIDED = "invoice_voided", _("invoice voided")
    CAPTURE = "capture", _("capture")
    RECEIPT_APPLIED = "receipt_applied", _("receipt applied")
    REFUND = "refund", _("refund")
    REFUND_OF_UNAPPLIED = "refund_of_unapplied", _("refund of unapplied money")
    REFUND_RETURNED = "refund_returned", _("refund returned")
    DISPUTE_OPENED = "dispute_opened", _("dispute opened")
    DISPUTE_WON = "dispute_won", _("dispute won")
    DISPUTE_LOST = "dispute_lost", _("dispute lost")
    DISPUTE_REINSTATED = "dispute_reinstated", _("dispute won after it was lost")
    FEE = "fee", _("fee")
    PAYOUT = "payout", _("payout")
    CREDIT_GRANTED = "credit_granted", _("credit granted")
    CREDIT_APPLIED = "credit_applied", _("credit applied")
    CREDIT_RETURNED = "credit_returned", _("credit returned")
    CREDIT_REVOKED = "credit_revoked", _("credit revoked")


class Journal(models.Model):
    """One business fact in the books. `source` is the public id of what caused it: one journal per kind and source."""

    id = PrefixedIdField(prefix="jrn")
    kind = models.CharField(max_length=40, choices=JournalKind.choices)
    source = ExactCharField(max_length=100)
    invoice = models.ForeignKey(
        "invoices.Invoice",
        null=True,
        on_delete=models.PROTECT,
        related_name="journals",
        help_text=_("Empty where no single invoice is concerned: a provider's fees and payouts, credit by hand."),
    )
    recorded_at = models.DateTimeField(help_text=_("Business time."))

    class Meta:
        constraints = [models.UniqueConstraint(fields=["source", "kind"], name="invoices_journal_source_kind")]
        indexes = [models.Index(fields=["recorded_at"], name="invoices_journal_recorded_at")]

    def __str__(self) -> str:
        return f"{self.kind} {self.source}"


class Entry(models.Model):
    """One side of a journal: `amount` is a debit when positive, a credit when negative."""

    id = PrefixedIdField(prefix="ent")
    journal = models.ForeignKey(Journal, on_delete=models.PROTECT, related_name="entries")
    account = ExactCharField(max_length=100)
    amount = models.BigIntegerField(help_text=_("Minor units; debits positive, credits negative."))
    currency = CurrencyField()

    class Meta:
        verbose_name_plural = "entries"
        constraints = [models.CheckConstraint(condition=~models.Q(amount=0), name="invoices_entry_amount_not_zero")]
        # In the order of an account's list, with what the trial balance adds up.
        indexes = [models.Index(fields=["account", "currency", "id", "amount"], name="invoices_entry_account")]

    def __str__(self) -> str:
        return f"{self.account} {self.amount} {self.currency}"
