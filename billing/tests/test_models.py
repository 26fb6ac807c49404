"""Users sign in with an e-mail address."""

import pytest
from django.contrib.auth import authenticate
from django.core.exceptions import ValidationError
from django.core.management import call_command
from django.db import IntegrityError, transaction

from billing.models import User

pytestmark = pytest.mark.django_db


def test_an_address_in_any_case_is_the_same_user() -> None:
    """Stored in lower case, found in any."""
    user = User.objects.create_user(" Ada@Example.COM ", "correct horse")
    assert user.email == "ada@example.com"
    assert user.pk.startswith("usr_")
    assert User.objects.get(email="ADA@example.com") == user
    assert authenticate(username="Ada@Example.com", password="correct horse") == user
    assert authenticate(username="ada@example.com", password="wrong") is None


def test_one_address_has_one_user() -> None:
    """Whatever its case."""
    User.objects.create_user("ada@example.com")
    with pytest.raises(IntegrityError), transaction.atomic():
        User.objects.create(email="ADA@EXAMPLE.COM")


def test_an_accent_makes_another_address() -> None:
    """The default collation would hand josé's account to jose."""
    User.objects.create_user("josé@example.com")
    User.objects.create_user("jose@example.com")
    assert User.objects.get(email="jose@example.com").email == "jose@example.com"


def test_a_superuser_may_enter_the_admin() -> None:
    """As `manage.py createsuperuser` and `make run` make one."""
    user = User.objects.create_superuser("root@example.com", "correct horse")
    assert (user.is_staff, user.is_superuser, user.is_active) == (True, True, True)


def test_the_command_makes_a_superuser_without_a_user_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """createsuperuser needs an address and a password, nothing else."""
    monkeypatch.setenv("DJANGO_SUPERUSER_PASSWORD", "correct horse")
    call_command("createsuperuser", email="root@example.com", interactive=False, verbosity=0)
    assert User.objects.get().check_password("correct horse")


def test_text_that_is_no_address_is_invalid() -> None:
    """At validation, before the database."""
    with pytest.raises(ValidationError):
        User(email="nonsense", password="x").full_clean()
