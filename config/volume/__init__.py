"""Data as years of use leave it behind, made in minutes: `manage.py seed_volume`, and tests that need a full database.

Rows are written as the services leave them, without running the services: `tests/scale` holds them to the invariants
and to the shapes of the events, and pays what was seeded.
"""
