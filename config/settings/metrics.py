"""/metrics: where processes count, and who may read it."""

from config.settings.env import env

METRICS_DIR = env.prometheus_multiproc_dir or str(env.data_dir / "metrics")
"""One folder for all processes of a host; empty: each process counts in its own memory."""
METRICS_TOKEN = env.metrics_token
METRICS_ARE_PUBLIC = False
"""Whether /metrics answers without METRICS_TOKEN being set."""
