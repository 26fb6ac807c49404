# Quittance, one image for every process: docker-compose.yml names the commands. Without configuration it refuses to
# start and says what it needs (docs/configuration.md).

FROM python:3.11-slim-bookworm AS builder

# Debian keeps one version of a package at a time, so a pinned one stops building with the next security fix.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends gcc libc6-dev libmariadb-dev pkg-config \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /build
COPY requirements.txt .
RUN python -m venv /opt/venv \
    && /opt/venv/bin/python -m pip install --no-cache-dir --require-hashes --requirement requirements.txt \
    && /opt/venv/bin/python -m pip uninstall --yes pip setuptools


FROM python:3.11-slim-bookworm

# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends libmariadb3 \
    && rm -rf /var/lib/apt/lists/* \
    && groupadd --gid 10001 quittance \
    && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /data --shell /usr/sbin/nologin quittance \
    && install --directory --owner=10001 --group=10001 --mode=0700 /data /metrics
COPY --from=builder /opt/venv /opt/venv
WORKDIR /app
COPY . .
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    DJANGO_SETTINGS_MODULE=config.settings.production \
    DATA_DIR=/data \
    PROMETHEUS_MULTIPROC_DIR=/metrics
RUN python -m compileall -q .

USER 10001:10001
EXPOSE 8000
STOPSIGNAL SIGTERM
# Asks for a host that the settings answer to.
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=3 \
    CMD ["python", "-c", "import http.client, os; host = (os.environ.get('ALLOWED_HOSTS') or 'localhost').split(',')[0].lstrip('.'); web = http.client.HTTPConnection('127.0.0.1', 8000, timeout=4); web.request('GET', '/health', headers={'Host': host}); raise SystemExit(web.getresponse().status != 200)"]
CMD ["granian", "--interface", "wsgi", "--host", "0.0.0.0", "--port", "8000", "--workers", "2", "--blocking-threads", "8", "--no-ws", "config.wsgi:application"]
