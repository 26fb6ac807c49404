"""Celery entrances. Messages are nudges; the work is in the rows."""

from celery import shared_task

from billing import services


@shared_task(name="billing.send_mail")
def send_mail(mail_id: str) -> bool:
    """Hand one mail over."""
    return services.send_mail(mail_id=mail_id)


@shared_task(name="billing.sweep_mail")
def sweep_mail() -> int:
    """Take up mail that no worker sent; how many."""
    return services.sweep_mail()


@shared_task(name="billing.forget")
def forget() -> int:
    """Delete sessions and mail of long ago; how many."""
    return services.forget_sessions() + services.forget_mail()


@shared_task(name="billing.renew_due")
def renew_due() -> int:
    """Renew, convert, suspend and end the subscriptions whose time has come; how many steps that took."""
    return services.renew_due()
