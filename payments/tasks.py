"""Celery entrances. Messages are nudges; the work is in the payment rows."""

from celery import shared_task

from payments import services


@shared_task(name="payments.submit")
def submit(payment_id: str) -> str:
    """Send one payment to its provider."""
    return services.submit(payment_id=payment_id).value


@shared_task(name="payments.sweep")
def sweep() -> int:
    """Take up payments that no worker submitted or whose end nobody has reported; how many."""
    return services.sweep()
