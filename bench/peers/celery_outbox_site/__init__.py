"""django-celery-outbox's relay: claims a batch of rows, sends each as a Celery task to Redis, deletes the rows.

Its documents' settings for throughput (batches of 500 to 1,000, one sender); its StatsD metrics are off. It keeps no
order between relays and no rows of what was sent.
"""
