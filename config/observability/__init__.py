"""Seeing what happens: log lines with one id per payment, and counters that add up over processes. See README.md."""
