"""Proof of the books: every invariant of the whole database, in one consistent snapshot, beside a system that runs.

`manage.py verify_books` is its entrance; the tests hold every money test to the same checks.
"""
