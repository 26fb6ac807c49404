"""A deadlock at every statement of what accounts do, and answers to commits that are lost."""

import uuid
from collections.abc import Callable
from functools import partial

import pytest
from django.test import RequestFactory

from billing import services, tokens
from billing.models import Mail, Session, User
from billing.tokens import RefreshToken
from config.kernel import db
from tests.api import PASSWORD, SignedIn
from tests.deadlocks.test_every_service import done_by
from tests.faults import commit_answer_lost, deadlock_at, statements_counted

pytestmark = pytest.mark.django_db(transaction=True)
NEW = "quite another battery"


@pytest.fixture(autouse=True)
def _quick_retries(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(db, "BASE_BACKOFF_SECONDS", 0.0001)


def _email() -> str:
    return f"{uuid.uuid4().hex}@example.com"


def _register(email: str = "") -> Callable[[], object]:
    names = {"first_name": "Ada", "last_name": "Lovelace"}
    return partial(services.register, email=email or _email(), password=PASSWORD, **names)


def _register_again() -> Callable[[], object]:
    register = _register(SignedIn().email)

    def refused() -> None:
        with pytest.raises(services.RegistrationRefused):
            register()

    return refused


def _sign_in() -> Callable[[], object]:
    request = RequestFactory().get("/")
    return partial(services.sign_in, request=request, email=SignedIn().email, password=PASSWORD)


def _refresh(ada: SignedIn | None = None) -> Callable[[], object]:
    session = (ada or SignedIn()).session
    return partial(services.refresh_session, session_id=session.pk, refresh_id=session.refresh_id)


def _sign_out() -> Callable[[], object]:
    return partial(services.sign_out, session_ids=[SignedIn().session.pk])


def _rename() -> Callable[[], object]:
    ada = SignedIn()
    return partial(services.rename, user_id=ada.user.pk, customer_id=ada.customer_id, changes={"first_name": "Augusta"})


def _change_password() -> Callable[[], object]:
    request = RequestFactory().get("/")
    session = SignedIn().session
    return partial(services.change_password, request=request, session=session, current=PASSWORD, new=NEW)


def _reset_password() -> Callable[[], object]:
    token = tokens.reset_token(SignedIn().user)
    return partial(services.reset_password, token=token, new=NEW)


def _send_mail() -> Callable[[], object]:
    services.request_password_reset(email=SignedIn().email)
    return partial(services.send_mail, mail_id=Mail.objects.order_by("-pk")[0].pk)


PREPARED = [
    _register,
    _register_again,
    _sign_in,
    _refresh,
    _sign_out,
    _rename,
    _change_password,
    _reset_password,
    _send_mail,
]


@pytest.mark.parametrize("prepare", PREPARED)
def test_one_deadlock_anywhere_is_retried_whole(prepare: Callable[[], Callable[[], object]]) -> None:
    """Whatever statement is the victim: as many rows and events made and changed as without it."""
    act = prepare()
    with statements_counted() as usual:
        expected = done_by(act)
    assert usual.seen >= 2
    for n in range(1, usual.seen + 1):
        act = prepare()
        with deadlock_at(n) as faults:
            done = done_by(act)
        assert (done, faults.faults) == (expected, 1), (n, faults.failed)


def test_a_refresh_whose_commit_was_lost_gives_the_token_it_made() -> None:
    """The use case runs again and finds the token replaced a moment ago."""
    ada = SignedIn()
    with commit_answer_lost():
        session = services.refresh_session(session_id=ada.session.pk, refresh_id=ada.session.refresh_id)
    assert session is not None
    stored = Session.objects.get()
    assert str(RefreshToken.of(session)) == str(RefreshToken.of(stored))
    assert stored.revoked_at is None


def test_a_registration_whose_commit_was_lost_says_that_it_does_not_know() -> None:
    """503, and the account is there: its owner signs in."""
    nobody = SignedIn()
    body = {"email": (email := _email()), "password": PASSWORD}
    with commit_answer_lost():
        assert nobody.post("auth/register", body).status_code == 503
    assert User.objects.filter(email=email).count() == 1
    assert nobody.post("auth/login", body).status_code == 200
