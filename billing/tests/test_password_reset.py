"""A forgotten password: the answer that tells nothing, the mail, the token in it."""

import datetime
import re
import smtplib
from typing import Any

import pytest
import time_machine
from django.core import mail
from django.core.mail.backends.locmem import EmailBackend
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from pytest_django.fixtures import Settings

from billing import services, tokens
from billing.models import Mail, User
from billing.services import mail as mailing
from billing.tests.test_accounts import an_email, log_in, post, register
from config.api.tests.test_problems import assert_problem
from tests.api import PASSWORD, SignedIn
from tests.concurrency.threads import all_at_once

pytestmark = pytest.mark.django_db(transaction=True)
NEW = "quite another battery"


def ask(email: str) -> Any:
    return post("password/reset", {"email": email})


def confirm(token: str, password: str = NEW) -> Any:
    return post("password/reset/confirm", {"token": token, "new_password": password})


def mailed_token(email: str) -> str:
    ask(email)
    assert services.sweep_mail() == 1
    found = re.search(r"token: (\S+)", str(mail.outbox[-1].body))
    assert found
    return found[1]


def turn_password_off(who: SignedIn) -> None:
    user = User.objects.get(pk=who.user.pk)
    user.set_unusable_password()
    user.save()


def test_whoever_forgot_a_password_chooses_another_by_mail() -> None:
    """It is sent to the account's address alone; then the old password and all sessions are gone."""
    ada = SignedIn()
    token = mailed_token(ada.email.upper())
    assert mail.outbox[0].to == [ada.email]
    assert confirm(token).status_code == 204
    assert [log_in(ada.email).status_code, log_in(ada.email, NEW).status_code] == [401, 200]
    assert ada.get("auth/me").status_code == 401


def test_the_answer_is_one_and_the_same_for_every_address() -> None:
    """Nothing is looked up before it: the same statements, a mail to be written, and nobody else gets one."""
    ada, staff, gone, closed = SignedIn(), an_email(), SignedIn(), SignedIn()
    User.objects.create_superuser(staff, PASSWORD)
    User.objects.filter(pk=gone.user.pk).update(is_active=False)
    turn_password_off(closed)
    seen = []
    for email in (ada.email, staff, gone.email, closed.email, an_email()):
        with CaptureQueriesContext(connection) as queries:
            answer = ask(email)
        kinds = [re.sub(r"\W.*", "", query["sql"]) for query in queries]
        seen.append((answer.status_code, answer.content, dict(answer.headers).keys(), kinds))
    assert seen == [seen[0]] * 5
    assert seen[0][0] == 202
    assert services.sweep_mail() == 5
    assert [message.to for message in mail.outbox] == [[ada.email]]
    assert Mail.objects.filter(available_at=None).count() == 5


def test_a_token_is_good_once() -> None:
    """Also when it comes twice at once."""
    token = mailed_token(SignedIn().email)
    statuses = [answer.status_code for answer in all_at_once([lambda: confirm(token)] * 3)]
    assert sorted(statuses) == [204, 422, 422]
    problem = assert_problem(confirm(token), 422, "invalid_reset_token")
    assert problem["errors"][0]["field"] == "token"


def test_a_token_is_good_for_an_hour_by_the_wall() -> None:
    """And no longer."""
    token, now = mailed_token(SignedIn().email), timezone.now()
    with time_machine.travel(now + datetime.timedelta(minutes=61), tick=False):
        assert_problem(confirm(token), 422, "invalid_reset_token")
    with time_machine.travel(now + datetime.timedelta(minutes=59), tick=False):
        assert confirm(token).status_code == 204


def test_whoever_remembers_makes_the_token_worthless() -> None:
    """By signing in, by another password; so does being deactivated, becoming staff, a password turned off."""
    signed, changed, gone, staff, closed = (SignedIn() for _ in range(5))
    made = [mailed_token(each.email) for each in (signed, changed, gone, staff, closed)]
    with time_machine.travel(timezone.now() + datetime.timedelta(seconds=2), tick=False):
        log_in(signed.email)
    changed.post("auth/password/change", {"current_password": PASSWORD, "new_password": NEW})
    User.objects.filter(pk=gone.user.pk).update(is_active=False)
    User.objects.filter(pk=staff.user.pk).update(is_staff=True)
    turn_password_off(closed)
    made.append(tokens.reset_token(User.objects.get(pk=closed.user.pk)))
    for token in made:
        assert_problem(confirm(token), 422, "invalid_reset_token")


def test_a_weak_password_leaves_the_token_good() -> None:
    """422 that names the field, and another try."""
    token = mailed_token(SignedIn().email)
    assert assert_problem(confirm(token, "short"), 422, "weak_password")["errors"][0]["field"] == "new_password"
    assert confirm(token).status_code == 204


def test_made_up_tokens_are_refused() -> None:
    """Another's, cut, or noise."""
    ada, bob = SignedIn(), SignedIn()
    token = mailed_token(ada.email)
    made_up = [
        token[:-1],
        f"{bob.user.pk}.{token.partition('.')[2]}",
        "x",
        ".",
        f"{ada.user.pk}.",
        "usr_x.y",
        ada.secret[:200],
    ]
    for each in made_up:
        assert_problem(confirm(each), 422, "invalid_reset_token")
    assert log_in(ada.email).status_code == 200


def test_the_mail_leads_to_the_page_of_the_settings(settings: Settings) -> None:
    """With the token as a parameter."""
    settings.PASSWORD_RESET_URL = "https://shop.example/reset"
    ada = SignedIn()
    ask(ada.email)
    services.sweep_mail()
    found = re.search(r"https://shop\.example/reset\?token=(\S+)", str(mail.outbox[0].body))
    assert found
    assert tokens.opens_reset(User.objects.get(pk=ada.user.pk), found[1])


def test_no_row_holds_a_token() -> None:
    """It is made as the mail is sent."""
    ada = SignedIn()
    token = mailed_token(ada.email)
    assert token.partition(".")[2] not in str(Mail.objects.values().get())


def test_the_owner_of_an_address_hears_that_somebody_tried_to_register_it() -> None:
    """Without a token, and without a word about who."""
    ada = SignedIn()
    register(ada.email)
    services.sweep_mail()
    assert [(message.to, message.subject) for message in mail.outbox] == [([ada.email], "You already have an account")]
    assert "token" not in str(mail.outbox[0].body)


class Refusing(EmailBackend):
    """A mail server that is away as long as `away`."""

    away = True

    def send_messages(self, messages: Any) -> int:
        if Refusing.away:
            raise smtplib.SMTPServerDisconnected("gone")
        return super().send_messages(messages)


def test_mail_that_cannot_be_handed_over_is_tried_again(settings: Settings) -> None:
    """As the schedule says, and given up after its last time; the answer was given long before."""
    settings.EMAIL_BACKEND = f"{__name__}.Refusing"
    Refusing.away = True
    ask(SignedIn().email)
    now = timezone.now()
    for number, wait in enumerate([0, 10, 60, 300, 900, 1800], start=1):
        now += datetime.timedelta(seconds=wait + 1)
        with time_machine.travel(now, tick=False):
            assert services.sweep_mail() == 1
            row = Mail.objects.get()
            assert (row.attempts, row.failure) == (number, "SMTPServerDisconnected: gone")
            assert services.sweep_mail() == 0
    assert Mail.objects.get().available_at is None
    Mail.objects.update(available_at=now)
    Refusing.away = False
    with time_machine.travel(now + datetime.timedelta(seconds=1), tick=False):
        assert services.sweep_mail() == 1
    assert len(mail.outbox) == 1


def test_many_workers_send_a_mail_once() -> None:
    """Whoever claims it first."""
    ask(SignedIn().email)
    ids = [row.pk for row in Mail.objects.all()] * 4
    sent = all_at_once([lambda id=id: services.send_mail(mail_id=id) for id in ids])  # type: ignore[misc]
    assert sorted(sent) == [False, False, False, True]
    assert len(mail.outbox) == 1


def test_what_a_dead_worker_had_claimed_is_sent_by_another() -> None:
    """A minute later."""
    ask(SignedIn().email)
    assert mailing._claim(mail_id=Mail.objects.get().pk) is not None
    assert services.sweep_mail() == 0
    with time_machine.travel(timezone.now() + datetime.timedelta(seconds=61), tick=False):
        assert services.sweep_mail() == 1
    assert len(mail.outbox) == 1


def test_mail_of_long_ago_is_forgotten() -> None:
    """After a month."""
    ask(an_email())
    with time_machine.travel(timezone.now() + datetime.timedelta(days=31), tick=False):
        assert services.forget_mail() == 1
