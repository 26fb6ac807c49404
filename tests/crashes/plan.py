"""Who is killed where: every step of every process that may die, and an order of kills that a seed gives."""

import random

Plan = dict[str, list[str]]
"""Process → the values of CRASH_AT that it is started with, one after the other."""


def _transaction(*use_cases: str) -> list[str]:
    return [f"{name}:{moment}" for name in use_cases for moment in ("begin", "before", "after")]


def _cursor_moving(*use_cases: str) -> list[str]:
    return [f"{name}:{moment}" for name in use_cases for moment in ("begin", "moving", "moved", "before", "after")]


def _around(*names: str) -> list[str]:
    return [f"{name}:{moment}" for name in names for moment in ("before", "after")]


STEPS: Plan = {
    "web": [
        *_transaction(
            "invoices.issuing.create_invoice",
            "invoices.settling.void_invoice",
            "payments.requesting.unless_paid_meanwhile",
            "payments.refunds.requesting.request",
            "payments.cancelling.cancel_payment",
            "webhooks.inbound.receiving.store",
        ),
        *_around("nudge.payments.submit", "nudge.payments.submit_refund", "nudge.outbox.relay"),
    ],
    "worker": [
        *_transaction(
            "payments.submission.claim",
            "payments.submission.record",
            "payments.reconciliation.claim",
            "payments.retrying.retry",
            "payments.refunds.submission.claim",
            "payments.refunds.submission.record_answer",
            "payments.refunds.reconciliation.claim",
        ),
        *_around(
            "provider.charge",
            "provider.refund",
            "provider.retrieve",
            "provider.retrieve_refund",
            "provider.cancel",
            "nudge.payments.submit",
        ),
    ],
    "relay": [
        *_cursor_moving("outbox.sequencing.sequence", "outbox.consuming.take_effect"),
        *_around("outbox.leases.claim", "outbox.leases.give_back", "subscriber.publish"),
    ],
}

A_HANDFUL: Plan = {
    "web": ["payments.requesting.unless_paid_meanwhile:after:3", "webhooks.inbound.receiving.store:before:4"],
    "worker": ["provider.charge:after:3", "payments.submission.claim:after:2"],
    "relay": ["outbox.consuming.take_effect:moved:2", "subscriber.publish:before:2", "subscriber.publish:after:2"],
}


def spread(*, kills: int, seed: int) -> Plan:
    """Every step of every process once, in random order, then steps drawn at random, until there are `kills`."""
    chance = random.Random(seed)
    every = [(process, step) for process, steps in STEPS.items() for step in steps]
    chance.shuffle(every)
    drawn = every + [chance.choice(every) for _ in range(kills - len(every))]
    plan: Plan = {process: [] for process in STEPS}
    for process, step in drawn[:kills]:
        plan[process].append(f"{step}:{chance.randint(1, 3)}")
    return plan
