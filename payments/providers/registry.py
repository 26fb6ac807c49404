"""The configured providers, one instance each: `settings.PROVIDERS`."""

import functools

from django.conf import settings
from django.utils.module_loading import import_string

from config.kernel.errors import Invalid
from payments.providers.base import Provider
from payments.providers.observed import observed


class UnknownProvider(Invalid):
    """There is no provider called {name}."""

    code = "unknown_provider"


@functools.cache
def get(name: str) -> Provider:
    """The provider configured under `name`; raises UnknownProvider."""
    if name not in settings.PROVIDERS:
        raise UnknownProvider(name=name)
    options = dict(settings.PROVIDERS[name])
    provider: Provider = import_string(options.pop("adapter"))(name=name, **options)
    return observed(provider)
