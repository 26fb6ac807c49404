"""`python -m bench.peers.djstripe_site.prepare SECRET`: make the tables, the account, one endpoint; print its UUID."""

import os
import sys

import django


def main() -> None:
    os.environ["DJANGO_SETTINGS_MODULE"] = "bench.peers.djstripe_site.settings"
    django.setup()
    from django.conf import settings
    from django.core.management import call_command
    from djstripe.models import Account, APIKey, WebhookEndpoint

    call_command("migrate", run_syncdb=True, interactive=False, verbosity=0)
    account = Account.objects.create(id="acct_bench", livemode=False)
    key, _ = APIKey.objects.get_or_create_by_api_key(settings.STRIPE_TEST_SECRET_KEY)
    key.djstripe_owner_account = account
    key.save()
    endpoint = WebhookEndpoint.objects.create(
        id="we_bench",
        livemode=False,
        djstripe_owner_account=account,
        secret=sys.argv[1],
        status="enabled",
        enabled_events=["*"],
        url="http://127.0.0.1/",
    )
    print(endpoint.djstripe_uuid)


if __name__ == "__main__":
    main()
