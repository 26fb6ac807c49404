import functools
import importlib

from django.db import migrations

guard = importlib.import_module("invoices.migrations.0003_append_only_books")

TABLES = ("invoices_creditentry",)


class Migration(migrations.Migration):

    dependencies = [
        ('invoices', '0004_customer_credit'),
    ]

    operations = [
        migrations.RunPython(
            functools.partial(guard.create, tables=TABLES), functools.partial(guard.drop, tables=TABLES), atomic=False
        ),
    ]
