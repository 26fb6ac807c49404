"""Invoices and payments on FastAPI, SQLAlchemy 2 (async) and asyncmy, and nothing else.

It does what the two endpoints must: an API key checked against a table, validated input, one row per Idempotency-Key,
the invoice's lock, and the same rows in as many commits (invoice, line, journal, entries, payment, events) in tables of
the same shape. It has no state machine, no OpenAPI examples, no card number screening, no correlation ids, no worker.
"""
