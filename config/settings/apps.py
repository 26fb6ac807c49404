"""Installed apps, middleware, templates, static files."""

INSTALLED_APPS = [
    "config",  # before unfold and Django's admin, whose templates it replaces
    "unfold",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "rest_framework",
    "django_filters",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "django_fsm",
    "config.test_clock",
    "outbox",
    "invoices",
    "payments",
    "billing",
    "webhooks.inbound",
    "webhooks.outbound",
]

MIDDLEWARE = [
    "config.middleware.CorrelationMiddleware",
    "config.observability.requests.AccessMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "config.admin.problem_pages.AdminProblemMiddleware",
    "config.middleware.ProblemMiddleware",
    "config.middleware.MalformedUrlMiddleware",
    "config.middleware.CardNumberMiddleware",
    "config.middleware.TrailingSlashMiddleware",
    "config.middleware.WholeBodyMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]

ROOT_URLCONF = "config.urls"
WSGI_APPLICATION = "config.wsgi.application"
APPEND_SLASH = False
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]

STATIC_URL = "static/"
WHITENOISE_USE_FINDERS = True
"""Static files come straight from the installed packages: nothing is collected before a start."""
LANGUAGE_CODE = "en"
TIME_ZONE = "UTC"
USE_TZ = True
