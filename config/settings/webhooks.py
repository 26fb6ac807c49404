"""Outbound webhooks: what may be dialled, and the pace. Times are seconds."""

WEBHOOK_HTTPS_ONLY = True
WEBHOOK_ALLOW_PRIVATE_ADDRESSES = False
"""Whether endpoints may lie in this machine or its network; for development."""
WEBHOOK_TIMEOUT_SECONDS = 15.0
"""For one whole try: name, connection, request, answer."""
WEBHOOK_CLAIM_SECONDS = 60
"""How long what a dead worker had claimed is left alone."""
WEBHOOK_THREADS = 64
"""Tries under way at a time, in one process."""
WEBHOOK_TASK_SECONDS = 5
"""How long one run of the Celery task begins new tries."""
WEBHOOK_DISABLE_AFTER_DAYS = 5
"""An endpoint at which every try has failed for so long is disabled."""
