"""dj-stripe's webhook endpoint as its documentation sets it up, on MariaDB.

Each request is verified against the endpoint's secret, kept as a WebhookEventTrigger and an Event, and applied:
`payment_method.detached` is the one event dj-stripe applies from the payload alone (a PaymentMethod row). For others,
charge.succeeded included, it first asks Stripe's API for the object. STRIPE_API_HOST refuses connections, so that a
measurement with such a call in it fails.
"""
