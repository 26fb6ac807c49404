"""Business time."""

from config.settings.env import env

TEST_CLOCK = env.test_clock
"""Whether `manage.py advance_clock` may move business time, which then is read from the database."""
