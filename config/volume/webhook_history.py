"""What a provider told us, as the inbox has it."""

import json
from typing import Any

from config.volume.invoice_history import Id, InvoiceHistory, instant
from invoices.ledger import accounts
from payments.providers.base import Provider
from webhooks.inbound.models import Outcome, ProviderEvent
from webhooks.inbound.states import ProviderEventStatus


class ProviderVoice:
    """One provider, about one invoice. One where people settle says nothing."""

    def __init__(self, invoice: InvoiceHistory, provider: Provider) -> None:
        self.invoice, self.provider = invoice, provider
        self.settles_itself = provider.settles_itself
        self.actor = f"provider:{provider.name}" if self.settles_itself else "staff:seed_volume"
        self.holder = accounts.clearing(provider.name) if self.settles_itself else accounts.BANK

    def say(
        self,
        type_: str,
        about: Id,
        charge: str,
        data: dict[str, Any],
        status: str = ProviderEventStatus.PROCESSED,
        outcome: str = Outcome.APPLIED,
    ) -> None:
        """A webhook that was received and ended at once."""
        if not self.settles_itself:
            return
        invoice, received_at = self.invoice, instant(self.invoice.now)
        id = invoice.ids.new("evt", invoice.now)
        body = {
            "id": id.text,
            "type": type_,
            "created_at": f"{received_at.replace(' ', 'T')}Z",
            "account": self.provider.account,
            "data": {"charge": charge, "reference": about.text, "currency": invoice.terms.currency} | data,
        }
        invoice.rows.add(
            ProviderEvent,
            id=id.hex,
            provider=self.provider.name,
            account=self.provider.account,
            event_id=id.text,
            type=type_,
            our_reference=about.text,
            charge_reference=charge,
            payload=json.dumps(body),
            status=status,
            outcome=outcome,
            error="",
            attempts=1,
            correlation_id=invoice.ids.new("req", invoice.now).text,
            received_at=received_at,
            processed_at=received_at,
        )
