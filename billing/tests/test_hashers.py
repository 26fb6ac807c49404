"""Passwords."""

import argon2
from django.contrib.auth.hashers import check_password, make_password
from django.utils.module_loading import import_string

from billing.hashers import Argon2PasswordHasher
from config.settings import security


def test_a_try_costs_19_mib_and_one_lane() -> None:
    """Sixteen web threads that hash at once fit a small container."""
    encoded = Argon2PasswordHasher().encode("correct horse", Argon2PasswordHasher().salt())
    parameters = argon2.extract_parameters(encoded.removeprefix("argon2"))
    assert (parameters.memory_cost, parameters.time_cost, parameters.parallelism) == (19_456, 2, 1)


def test_the_first_hasher_of_the_settings_is_ours() -> None:
    """It is what new passwords are stored with."""
    assert import_string(security.PASSWORD_HASHERS[0]) is Argon2PasswordHasher


def test_a_password_is_checked_against_its_hash() -> None:
    """With the test suite's hasher, through Django."""
    assert check_password("correct horse", make_password("correct horse"))
    assert not check_password("wrong", make_password("correct horse"))
