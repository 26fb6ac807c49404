"""One bounded HTTP POST to an address that somebody else chose: `posting.Poster`, and `addresses.check_url` before it.

The address that is dialled is the one that was checked (`guard`), and the whole call ends in time (`deadline`).
"""
