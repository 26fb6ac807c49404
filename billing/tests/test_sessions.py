"""Sessions: refreshed, used twice, ended, forgotten."""

import datetime
import json
from collections.abc import Callable
from typing import Any

import pytest
import time_machine
from django.contrib.admin.utils import quote
from django.contrib.auth.hashers import make_password
from django.test import Client
from django.urls import reverse

from billing import services
from billing.models import Session, User
from billing.services import sessions
from billing.tests.test_accounts import log_in, post
from config.api import principals
from config.api.tests.test_problems import assert_problem
from tests.api import PASSWORD, ApiConsumer, SignedIn
from tests.concurrency.threads import all_at_once
from tests.staff import signed_in

pytestmark = pytest.mark.django_db(transaction=True)
NEW = "quite another battery"


def refresh(token: str) -> Any:
    return post("refresh", {"refresh": token})


def works(token: str) -> bool:
    status = Client().get("/api/v1/auth/me", headers={"authorization": f"Bearer {token}"}).status_code
    assert status in (200, 401)
    return bool(status == 200)


def later(**delta: float) -> Any:
    return time_machine.travel(datetime.datetime.now(datetime.UTC) + datetime.timedelta(**delta), tick=False)


def test_a_refresh_token_is_exchanged_for_the_next() -> None:
    """New tokens of the same session, whose end moves on."""
    ada = SignedIn()
    with later(days=29):
        answer = refresh(ada.refresh)
        assert answer.status_code == 200
        assert answer.json()["user"]["customer"] == ada.customer_id
        assert works(answer.json()["access"])
    with later(days=58):
        assert refresh(answer.json()["refresh"]).status_code == 200
    assert Session.objects.count() == 1


def test_two_tabs_that_refresh_at_once_get_the_same() -> None:
    """And so does an answer that was lost: within ten seconds the token is answered alike."""
    ada = SignedIn()
    answers = all_at_once([lambda: refresh(ada.refresh)] * 4)
    assert [answer.status_code for answer in answers] == [200] * 4
    assert len({answer.json()["refresh"] for answer in answers}) == 1
    assert all(works(answer.json()["access"]) for answer in answers)
    assert refresh(answers[0].json()["refresh"]).status_code == 200


def test_a_token_that_comes_again_ends_the_session_for_everybody() -> None:
    """One of the two who sent it has stolen it."""
    ada = SignedIn()
    thief = refresh(ada.refresh).json()
    with later(seconds=11):
        assert_problem(refresh(ada.refresh), 401, "invalid_refresh_token")
        assert_problem(refresh(thief["refresh"]), 401, "invalid_refresh_token")
        assert not works(thief["access"])
    session = Session.objects.get()
    assert (session.revoked_by, session.revoked_reason) == (f"customer:{ada.customer_id}", "refresh token used twice")


def test_a_token_before_the_latest_two_is_stolen_at_once() -> None:
    """No grace for it."""
    ada = SignedIn()
    second = refresh(ada.refresh).json()["refresh"]
    assert refresh(second).status_code == 200
    assert_problem(refresh(ada.refresh), 401, "invalid_refresh_token")
    assert Session.objects.get().revoked_at is not None


def test_only_a_refresh_token_refreshes() -> None:
    """401 for any other, expired, cut or of nobody; 422 for none."""
    ada = SignedIn()
    for token in (ada.secret, ada.refresh[:-2], "x", "a.b.c", "qt_test_" + "a" * 52):
        assert_problem(refresh(token), 401, "invalid_refresh_token")
    with later(days=31):
        assert_problem(refresh(ada.refresh), 401, "invalid_refresh_token")
    assert_problem(refresh("x" * 2001), 422, "invalid")
    assert_problem(post("refresh"), 422, "invalid")
    assert refresh(ada.refresh).status_code == 200


ENDINGS: dict[str, Callable[[SignedIn], object]] = {
    "signing out": lambda ada: ada.post("auth/logout"),
    "signing out by refresh token": lambda ada: post("logout", {"refresh": ada.refresh}),
    "another password": lambda ada: ada.post(
        "auth/password/change", {"current_password": PASSWORD, "new_password": NEW}
    ),
    "being deactivated": lambda ada: _save(ada, is_active=False),
    "a password set by staff": lambda ada: _set_password(ada),
    "a password turned off by staff": lambda ada: _turn_password_off(ada),
    "a password's hash set in passing": lambda ada: _save(ada, password=make_password(NEW)),
    "being revoked": lambda ada: services.revoke_session(
        session_id=ada.session.pk, actor=principals.system("tests"), reason="lost phone"
    ),
}


def _save(ada: SignedIn, **changes: Any) -> None:
    user = User.objects.get(pk=ada.user.pk)
    for name, value in changes.items():
        setattr(user, name, value)
    user.save()


def _set_password(ada: SignedIn) -> None:
    user = User.objects.get(pk=ada.user.pk)
    user.set_password(NEW)
    user.save()


def _turn_password_off(ada: SignedIn) -> None:
    """On the page of the back office that also sets one."""
    page = reverse("admin:auth_user_password_change", args=[quote(ada.user.pk)])
    answer = signed_in("view_user", "change_user").post(
        page, {"usable_password": "false", "unset-password": "1", "password1": "", "password2": ""}
    )
    assert answer.status_code == 302
    assert not User.objects.get(pk=ada.user.pk).has_usable_password()


@pytest.mark.parametrize("end", ENDINGS.values(), ids=ENDINGS)
def test_what_ends_a_session_ends_its_tokens_with_the_next_request(end: Callable[[SignedIn], object]) -> None:
    """Access and refresh; nobody else's session."""
    ada, bob = SignedIn(), SignedIn()
    end(ada)
    assert not works(ada.secret)
    assert_problem(refresh(ada.refresh), 401, "invalid_refresh_token")
    session = Session.objects.get(pk=ada.session.pk)
    assert session.revoked_at is not None
    assert session.revoked_by
    assert session.revoked_reason
    assert works(bob.secret)


def test_what_changes_no_password_ends_no_session() -> None:
    """Saving a user as it is, or with other names."""
    ada = SignedIn()
    _save(ada)
    _save(ada, first_name="Augusta")
    assert works(ada.secret)


def test_who_is_activated_again_signs_in_again() -> None:
    """Old tokens do not come back."""
    ada = SignedIn()
    _save(ada, is_active=False)
    _save(ada, is_active=True)
    assert not works(ada.secret)
    assert log_in(ada.email).status_code == 200


def test_another_password_ends_every_session_and_begins_one() -> None:
    """Its answer is a sign-in; the old password is none any more."""
    ada = SignedIn()
    elsewhere = log_in(ada.email).json()
    answer = ada.post("auth/password/change", {"current_password": PASSWORD, "new_password": NEW})
    assert answer.status_code == 200
    assert works(answer.json()["access"])
    assert refresh(answer.json()["refresh"]).status_code == 200
    assert not works(elsewhere["access"])
    assert [log_in(ada.email).status_code, log_in(ada.email, NEW).status_code] == [401, 200]


def test_changing_a_password_needs_the_current_one_and_a_good_one() -> None:
    """422 that names which; wrong ones count as those to sign in do, and nobody is signed out."""
    ada = SignedIn()
    weak = ada.post("auth/password/change", {"current_password": PASSWORD, "new_password": "short"})
    assert [error["field"] for error in assert_problem(weak, 422, "weak_password")["errors"]] == ["new_password"]
    wrong = {"current_password": "wrong password", "new_password": NEW}
    for _ in range(5):
        answer = assert_problem(ada.post("auth/password/change", wrong), 422, "wrong_password")
        assert answer["errors"][0]["field"] == "current_password"
    assert_problem(ada.post("auth/password/change", wrong), 429, "too_many_attempts")
    assert works(ada.secret)


def test_signing_out_twice_is_signing_out() -> None:
    """204 by the refresh token whatever has become of its session; 401 without any token or with a wrong one."""
    ada = SignedIn()
    assert ada.post("auth/logout", {"refresh": ada.refresh}).status_code == 204
    assert post("logout", {"refresh": ada.refresh}).status_code == 204
    assert_problem(post("logout"), 401, "not_authenticated")
    assert_problem(post("logout", {"refresh": "a.b.c"}), 401, "invalid_refresh_token")


def test_one_good_token_is_enough_to_sign_out() -> None:
    """Whatever is wrong with the other; with two bad ones nothing ends, and the answer is a 401."""
    ada, bob, eve = SignedIn(), SignedIn(), SignedIn()
    with later(minutes=20):
        assert_problem(ada.post("auth/logout"), 401, "token_expired")
        assert_problem(ada.post("auth/logout", {"refresh": "a.b.c"}), 401, "invalid_refresh_token")
        assert Session.objects.get(pk=ada.session.pk).revoked_at is None
        assert ada.post("auth/logout", {"refresh": ada.refresh}).status_code == 204
    assert bob.post("auth/logout", {"refresh": "a.b.c"}).status_code == 204
    assert ApiConsumer(secret="no.such.token").post("auth/logout", {"refresh": eve.refresh}).status_code == 204
    assert not Session.objects.filter(revoked_at=None).exists()


def test_a_password_that_changes_while_somebody_signs_in_lets_nobody_in() -> None:
    """What was checked is looked at again under the user's lock."""
    ada = SignedIn()
    checked = User.objects.get(pk=ada.user.pk).password
    _set_password(ada)
    assert sessions._open(user_id=ada.user.pk, checked_hash=checked) is None
    assert Session.objects.count() == 1


def test_staff_end_a_session_with_a_reason() -> None:
    """On its page; who did it and why is kept, and a second time is refused."""
    ada, staff = SignedIn(), signed_in(is_superuser=True)
    url = f"/admin/billing/session/{ada.session.pk}/revoke/"
    assert staff.post(url, {"reason": ""}).status_code == 200
    assert works(ada.secret)
    assert "is signed out" in staff.post(url, {"reason": "stolen phone"}, follow=True).content.decode()
    assert not works(ada.secret)
    session = Session.objects.get()
    assert (session.revoked_by.partition(":")[0], session.revoked_reason) == ("staff", "stolen phone")
    assert "ended before" in staff.post(url, {"reason": "again"}, follow=True).content.decode()


def test_ending_a_session_needs_the_permission() -> None:
    """Looking at it is not enough."""
    ada = SignedIn()
    staff = signed_in("view_session")
    page = f"/admin/billing/session/{ada.session.pk}"
    assert staff.get(f"{page}/change/").status_code == 200
    assert ada.session.refresh_id not in staff.get(f"{page}/change/").content.decode()
    assert staff.post(f"{page}/revoke/", {"reason": "x"}).status_code == 403
    assert works(ada.secret)


def test_a_user_page_shows_whose_it_is_and_its_sessions() -> None:
    """The customer's id, and every session with its end; deactivating there signs out."""
    ada, staff = SignedIn(), signed_in(is_superuser=True)
    url = f"/admin/billing/user/{ada.user.pk}/change/"
    page: Any = staff.get(url)
    assert page.status_code == 200
    text = page.content.decode()
    assert ada.customer_id in text.replace("_5F", "_")
    assert ada.session.pk in text.replace("_5F", "_")
    form = page.context["adminform"].form
    data = {name: form[name].value() for name in form.fields if form[name].value() not in (None, False)}
    data |= _management(page)
    data.pop("is_active", None)
    data.pop("password", None)
    answer = staff.post(url, data)
    assert answer.status_code == 302, answer.content
    assert not User.objects.get(pk=ada.user.pk).is_active
    assert not works(ada.secret)


def _management(page: Any) -> dict[str, Any]:
    """What the inlines' hidden fields send."""
    return {
        f"{formset.formset.prefix}-{name}": value
        for formset in page.context["inline_admin_formsets"]
        for name, value in (("TOTAL_FORMS", 0), ("INITIAL_FORMS", 0))
    }


def test_sessions_of_long_ago_are_forgotten() -> None:
    """A month after their end, not before, and nothing else."""
    ada = SignedIn()
    with later(days=59):
        assert services.forget_sessions() == 0
    with later(days=61):
        assert services.forget_sessions() == 1
    assert User.objects.filter(pk=ada.user.pk).exists()
    assert json.loads(log_in(ada.email).content)["user"]["id"] == ada.user.pk
