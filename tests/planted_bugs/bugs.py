"""Fourteen design bugs that payment and billing services have had, as edits of ours, and what must notice each."""

import dataclasses

CANCELLING = "payments/services/cancelling.py"
REFUNDING = "payments/services/refunds/requesting.py"
LOCKS = "from payments.services.locks import lock\n"
FIND_TOO = "from payments.services.locks import find, lock\n"
LOCKED = "    invoice, payment = lock(payment_id)\n"


@dataclasses.dataclass(frozen=True)
class Edit:
    """`old` is there once; a file that is not there yet is made of `new`."""

    path: str
    old: str
    new: str


@dataclasses.dataclass(frozen=True)
class Bug:
    """`says` matches what the simulation says of it; or `interleavings` selects the tests that notice it."""

    name: str
    edits: tuple[Edit, ...]
    says: str = ""
    interleavings: str = ""


BUGS = (
    Bug(
        "the status is read before the lock",
        (
            Edit(CANCELLING, LOCKED, f"    known = find(payment_id)\n{LOCKED}"),
            Edit(
                CANCELLING,
                "if payment.status == PaymentStatus.CREATED or",
                "if known.status == PaymentStatus.CREATED or",
            ),
            Edit(CANCELLING, "import PaymentNotFound, lock\n", "import PaymentNotFound, find, lock\n"),
        ),
        interleavings="few and requested",
    ),
    Bug(
        "the retry stands inside the transaction",
        (
            Edit(
                "config/kernel/db.py",
                "                result = use_case()\n",
                "                try:\n"
                "                    result = use_case()\n"
                "                except db.OperationalError:\n"
                "                    result = use_case()\n",
            ),
        ),
        says=r"was answered with Answer\(status=500|event_sequence: ",
    ),
    Bug(
        "money is reserved without the lock",
        (
            Edit(REFUNDING, LOCKED, "    payment = find(payment_id)\n    invoice = payment.invoice\n"),
            Edit(REFUNDING, LOCKS, FIND_TOO.replace("find, lock", "find")),
        ),
        interleavings="few and disputed",
    ),
    Bug(
        "the cursor is moved before the effect",
        (
            Edit(
                "outbox/services/publishing.py",
                "    sent = _send(run, subscriber, batch.events, blocked)\n",
                "    run.moved_to(leases.give_back(lease=run.lease, position=batch.through))\n"
                "    sent = _send(run, subscriber, batch.events, blocked)\n",
            ),
        ),
        says=" arrived ",
    ),
    Bug(
        "the lease is not checked again",
        (Edit("outbox/services/leases.py", "    if not moved:\n        raise LeaseLost(str(lease))\n", ""),),
        says="had 2 effects",
    ),
    Bug(
        "a late success is dropped",
        (
            Edit(
                "payments/services/outcomes.py",
                "        booked = receipts.booked_for(self.payment, outcome)\n",
                "        if not self.payment.is_live:\n"
                "            return EventResult.STALE\n"
                "        booked = receipts.booked_for(self.payment, outcome)\n",
            ),
        ),
        says="has no receipt",
    ),
    Bug(
        "the key is looked up after the state",
        (
            Edit("payments/services/requesting.py", "find_earlier(Payment, key) or _unless", "_unless"),
            Edit(
                "payments/services/requesting.py",
                "        if earlier := find_replay(Payment, key):",
                "        if earlier := None:",
            ),
        ),
        says=r"was made under a key, and its client does not know of it|had made pay_\w+, and is answered with",
    ),
    Bug(
        "ids are taken for order",
        (
            Edit(
                "outbox/services/sequencing.py",
                "    return [queues[event.aggregate_id].popleft() for event in by_id]\n",
                "    return by_id\n",
            ),
        ),
        says="expected in its order",
    ),
    Bug(
        "not found is taken for failed",
        (
            Edit(
                "payments/services/reconciliation.py",
                "    if not isinstance(outcome, NotFound):\n        return outcome\n",
                "    if isinstance(outcome, NotFound):\n"
                '        return Declined("not_found", retryable=True)\n'
                "    if not isinstance(outcome, NotFound):\n"
                "        return outcome\n",
            ),
            Edit(
                "payments/services/reconciliation.py", "import NotFound, Outcome", "import Declined, NotFound, Outcome"
            ),
        ),
        says="and its charge has succeeded",
    ),
    Bug(
        "the provider's window is ignored",
        (
            Edit(
                "payments/services/asking.py",
                "    return age < datetime.timedelta(",
                "    return True or age < datetime.timedelta(",
            ),
        ),
        says="was charged 2 times",
    ),
    Bug(
        "what was due is not looked at again under the lock",
        (
            Edit(
                "billing/services/renewing.py",
                "    if not _is_due(subscription):\n        return Step.NO_LONGER_DUE\n",
                "",
            ),
        ),
        says=" early",
    ),
    Bug(
        "a declined payment is not followed",
        (Edit("config/settings/events.py", '"invoice.paid", "invoice.reopened",', '"invoice.paid",'),),
        says=r" is (active|trialing), its invoices are ",
    ),
    Bug(
        "receipts are not unique",
        (
            Edit(
                "payments/migrations/9999_receipts_are_not_unique.py",
                "",
                "from django.db import migrations\n\n\n"
                "class Migration(migrations.Migration):\n"
                '    dependencies = [("payments", "{latest}")]\n'
                '    operations = [migrations.RemoveConstraint("receipt", "payments_receipt_capture")]\n',
            ),
        ),
        interleavings="few and twice",
    ),
    Bug(
        "the child is inserted before the parent is locked",
        (
            Edit(REFUNDING, f"{LOCKED}    if earlier", "    payment = find(payment_id)\n    if earlier"),
            Edit(
                REFUNDING,
                "    if created.is_new:\n        _begin(",
                "    if created.is_new:\n"
                "        invoice, payment = lock(payment_id)\n"
                "        receipt, left = _refundable(payment)\n"
                "        _check(payment, amount=amount, currency=currency, left=left)\n"
                "        _begin(",
            ),
            Edit(REFUNDING, LOCKS, FIND_TOO),
        ),
        interleavings="few and disputed",
    ),
)
