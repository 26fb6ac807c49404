"""`manage.py seed_volume` leaves a database as the services would have left it."""

import datetime
import os
import subprocess
import sys
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.db.models import Sum
from pytest_django.fixtures import Settings

from config.api.principals import system
from config.kernel import clock, ids
from config.management.commands import seed_volume
from config.settings.env import StrictEnv
from config.tests.servers import database_url
from invoices.models import Customer, Invoice, InvoiceLine
from invoices.states import InvoiceStatus
from outbox import services as outbox
from outbox.events import Event
from outbox.models import SEQUENCER, SHARDS, Cursor, OutboxEvent
from payments import services as payments
from payments.models import Dispute, Payment, Receipt, Refund
from tests.api import ApiConsumer
from tests.architecture.source import ROOT
from tests.invariants import check_invariants
from tests.servers import wait_for
from webhooks.inbound import services as inbound
from webhooks.inbound.models import ProviderEvent
from webhooks.inbound.tests.sending import answer_to, event_about

pytestmark = pytest.mark.django_db(transaction=True)


def fill(invoices: int = 300, **options: int) -> None:
    """Seed through the command, in this process unless told otherwise."""
    call_command("seed_volume", invoices=invoices, stdout=StringIO(), **{"processes": 1, **options})


def test_every_invariant_holds_on_what_was_seeded() -> None:
    """Books, receipts, live payments, sequences and events, over every scenario there is."""
    fill(2000)
    check_invariants()
    assert (Invoice.objects.count(), Customer.objects.count()) == (2000, 400)
    for model in (Invoice, Payment, Receipt, Refund, Dispute):
        field = model._meta.get_field("status")
        assert set(model.objects.values_list("status", flat=True)) == {value for value, _ in field.choices or ()}, model
    assert Receipt.objects.exclude(returned_refund=None).exists()
    assert Invoice.objects.filter(next_attempt_at__isnull=False).exists()
    assert Invoice.objects.filter(tax_amount__gt=0, amount_refunded__gt=0).exists()
    lines = InvoiceLine.objects.values_list("invoice_id").annotate(total=Sum("amount"))
    assert dict(lines) == dict(Invoice.objects.values_list("id", "amount"))


def test_the_log_has_no_gap_and_everybody_has_read_it() -> None:
    """Positions are dense per shard, in the order of each aggregate, and all cursors stand at the end."""
    fill()
    for shard in range(SHARDS):
        log = list(OutboxEvent.objects.filter(shard=shard).order_by("position"))
        assert [event.position for event in log] == list(range(1, len(log) + 1))
        latest: dict[str, int] = {}
        for event in log:
            assert event.sequence == latest.get(event.aggregate_id, 0) + 1
            latest[event.aggregate_id] = event.sequence
        assert set(Cursor.objects.filter(shard=shard).values_list("position", flat=True)) == {len(log)}
    assert not outbox.drain().did_something


def test_an_event_reads_as_the_services_write_it() -> None:
    """Every seeded event has exactly the fields of its type."""
    fill(400)
    kinds = {kind.type: kind for kind in _kinds(Event) if "type" in vars(kind)}
    for event_type, data in OutboxEvent.objects.values_list("type", "data"):
        assert data.keys() == kinds[event_type].model_fields.keys(), event_type
        assert kinds[event_type].model_validate(data).model_dump(mode="json") == data


def _kinds(base: type[Event]) -> list[type[Event]]:
    return [kind for sub in base.__subclasses__() for kind in (sub, *_kinds(sub))]


def test_a_payment_ends_when_its_last_event_says() -> None:
    """Not when a webhook that came later was ignored."""
    fill(400)
    ends = {}
    ending = ["payment.succeeded", "payment.failed", "payment.canceled"]
    for event in OutboxEvent.objects.filter(type__in=ending).order_by("aggregate_id", "sequence"):
        ends[event.data["payment"]] = event.occurred_at
    ended = dict(Payment.objects.exclude(ended_at=None).values_list("id", "ended_at"))
    assert ended == {payment: ends[payment] for payment in ended}


def test_where_cards_are_not_taken_no_payment_waits_to_be_asked_about(settings: Settings) -> None:
    """The sweep would find it due for ever and never get beyond a hundred of them."""
    settings.PROVIDERS = {"manual": settings.PROVIDERS["manual"]}
    settings.DEFAULT_PROVIDER = "manual"
    fill(400)
    assert not Payment.objects.exclude(available_at=None).exists()


def test_an_id_tells_when_its_row_was_made() -> None:
    """Lists by id are lists by time: the ids' milliseconds are those of created_at, spread over the past months."""
    fill()
    rows = list(Invoice.objects.order_by("id").values_list("id", "created_at"))
    for public_id, created_at in rows:
        assert ids.to_number("inv", public_id) >> 80 == int(created_at.timestamp() * 1000)
    assert [created_at for _, created_at in rows] == sorted(created_at for _, created_at in rows)
    assert datetime.timedelta(days=300) < rows[-1][1] - rows[0][1]
    assert rows[-1][1] < clock.now()


def test_a_seeded_invoice_is_paid_and_relayed_like_any_other() -> None:
    """What was seeded goes on living: payment, webhook, books, events to the subscribers."""
    fill()
    invoice = Invoice.objects.filter(status=InvoiceStatus.OPEN).first()
    assert invoice is not None
    answer = ApiConsumer().pay(invoice.id)
    assert answer.status_code == 201
    payment = Payment.objects.get(id=answer.json()["id"])
    assert answer_to(event_about(payment)) == "processed"
    assert Invoice.objects.get(id=invoice.id).status == InvoiceStatus.PAID
    assert outbox.drain().delivered > 0
    check_invariants()


def test_a_seeded_webhook_is_known() -> None:
    """It is a duplicate when the provider sends it again, and can be replayed."""
    fill()
    event = ProviderEvent.objects.filter(status="processed").first()
    assert event is not None
    assert answer_to(event.payload.encode()) == "duplicate"
    inbound.replay(provider_event_id=event.id, actor=system("tests"), reason="to see it")
    check_invariants()


def test_nothing_that_was_seeded_is_due() -> None:
    """No sweep sets upon what was seeded and asks a provider about payments it has never seen."""
    fill(400)
    assert (payments.sweep(), payments.retry_due(), payments.sweep_refunds(), inbound.sweep()) == (0, 0, 0, 0)


def test_seeding_again_adds_to_what_is_there() -> None:
    """Also with the same seed, beside events of others that some subscriber has not heard."""
    fill(100)
    ApiConsumer().create_invoice()
    outbox.relay_once(only=[])
    fill(100)
    assert Invoice.objects.count() == 201
    check_invariants()
    assert outbox.drain().delivered > 0


def test_a_subscriber_that_is_behind_hears_what_it_has_missed() -> None:
    """Only a cursor at the end of its shard is moved: the others have events before them that nobody may skip."""
    ApiConsumer().create_invoice()
    outbox.relay_once(only=[])
    missed = OutboxEvent.objects.get()
    behind = Cursor.objects.exclude(subscriber=SEQUENCER).filter(shard=missed.shard)
    fill()
    assert set(behind.values_list("position", flat=True)) == {0}


def test_the_same_seed_makes_the_same_data() -> None:
    """Amounts, states and attempts repeat; ids and times are new."""
    fill(100, seed=7)
    first = list(Invoice.objects.order_by("id").values_list("status", "amount", "currency", "attempts"))
    fill(100, seed=7)
    again = list(Invoice.objects.order_by("number").values_list("status", "amount", "currency", "attempts"))
    assert sorted(again) == sorted(first * 2)


@pytest.mark.parametrize("invoices", ["0", "-1", "10000001", "many", "1e6", ""])
def test_a_number_that_makes_no_sense_is_refused(invoices: str) -> None:
    """Before anything is written, with what would do."""
    with pytest.raises(CommandError, match="a number from 1 to 10,000,000"):
        call_command("seed_volume", f"--invoices={invoices}")


@pytest.mark.skipif(connection.vendor == "sqlite", reason="it has one writer")
def test_processes_make_together_what_one_makes_alone() -> None:
    """The same data, with every invariant and a log without a gap, from batches that are stored at once."""
    fill(300, seed=7, batch=20)
    alone = list(Invoice.objects.order_by("number").values_list("status", "amount", "currency", "attempts"))
    call_command("flush", interactive=False, verbosity=0)
    fill(300, seed=7, batch=20, processes=3)
    together = list(Invoice.objects.order_by("number").values_list("status", "amount", "currency", "attempts"))
    assert sorted(together) == sorted(alone)
    check_invariants()
    for head in Cursor.objects.filter(subscriber=SEQUENCER):
        positions = OutboxEvent.objects.filter(shard=head.shard).order_by("position").values_list("position", flat=True)
        assert list(positions) == list(range(1, head.position + 1))


@pytest.mark.skipif(connection.vendor == "sqlite", reason="it has one writer")
@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="children are found in /proc")
def test_a_killed_run_leaves_no_process_behind() -> None:
    """Its workers end with it, whatever it died of."""
    command = [sys.executable, "manage.py", "seed_volume", "--invoices=100000", "--customers=100", "--processes=2"]
    environment = os.environ | {"DATABASE_URL": database_url()}
    with subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL) as run:
        wait_for(Invoice.objects.exists, alive=lambda: run.poll() is None)
        workers = Path(f"/proc/{run.pid}/task/{run.pid}/children").read_text().split()
        run.kill()
    assert len(workers) == 2
    wait_for(lambda: not any(_is_alive(worker) for worker in workers), alive=lambda: True)


def _is_alive(pid: str) -> bool:
    try:
        return ") Z " not in Path(f"/proc/{pid}/stat").read_text()
    except FileNotFoundError:
        return False


def test_more_customers_than_invoices_are_refused() -> None:
    """Each customer comes with its first invoice."""
    with pytest.raises(CommandError, match="more customers than invoices"):
        call_command("seed_volume", "--invoices=3", "--customers=4")


def test_production_settings_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Unless the operator insists."""
    monkeypatch.setattr(seed_volume, "env", StrictEnv.model_construct())
    with pytest.raises(CommandError, match="production"):
        fill(1)
    fill(1, force=True)
    assert Invoice.objects.count() == 1
