"""Celery entrances. Messages are nudges; the work is in the payment rows."""

from celery import shared_task

from payments import services


@shared_task(name="payments.submit")
def submit(payment_id: str) -> str:
    """Send one payment to its provider."""
    return services.submit(payment_id=payment_id).value


@shared_task(name="payments.reconcile")
def reconcile(payment_id: str) -> str:
    """Ask its provider about one payment that is due, or to cancel it."""
    return services.reconcile(payment_id=payment_id).value


@shared_task(name="payments.retry_due")
def retry_due() -> int:
    """Make the next payment of each invoice whose time has come; how many."""
    return services.retry_due()


@shared_task(name="payments.sweep")
def sweep() -> int:
    """Take up payments that no worker submitted or whose end nobody has reported; how many."""
    return services.sweep()


@shared_task(name="payments.submit_refund")
def submit_refund(refund_id: str) -> str:
    """Have its provider give one refund's money back."""
    return services.submit_refund(refund_id=refund_id).value


@shared_task(name="payments.sweep_refunds")
def sweep_refunds() -> int:
    """Take up refunds that no worker submitted or whose end nobody has reported; how many."""
    return services.sweep_refunds()


@shared_task(name="payments.reconcile_settlement")
def reconcile_settlement() -> int:
    """Compare the providers' own books with ours and mend what is safe; how many differences wait for a person."""
    return services.reconcile_recent_settlement()


@shared_task(name="payments.announce_expiring")
def announce_expiring() -> int:
    """Tell of payment methods that expire soon; how many."""
    return services.announce_expiring()
