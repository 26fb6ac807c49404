"""Customers, invoices and the books, to look at; invoices are voided and paid again here."""

from invoices.admin.invoices import attention, timeline_next_attempt
from invoices.admin.ledger import timeline_journals

__all__ = ["attention", "timeline_journals", "timeline_next_attempt"]
