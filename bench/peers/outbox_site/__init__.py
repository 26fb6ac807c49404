"""django-outbox-pattern's publisher: reads its table, sends each message over STOMP, saves the row.

It publishes the whole backlog in one transaction, without waiting for the broker's receipts, and orders nothing.
"""
