"""Room for the position of an event that has none yet, so that numbering changes its row in place.

Only InnoDB's oldest row format keeps the space of a fixed-length column that is NULL; in the others a number makes the row
longer, which then has to be moved within its page or split it: numbering took half as long again. The table is built anew,
beside reads and writes; stop relays meanwhile, whose changes would pile up.
https://dev.mysql.com/doc/refman/8.0/en/innodb-row-format.html#innodb-row-format-redundant-storage
"""

from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import StateApps


def keep_room(apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    _set_format(apps, schema_editor, "REDUNDANT")


def keep_none(apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    _set_format(apps, schema_editor, "DEFAULT")


def _set_format(apps: StateApps, schema_editor: BaseDatabaseSchemaEditor, row_format: str) -> None:
    if schema_editor.connection.vendor == "mysql":
        table = schema_editor.quote_name(apps.get_model("outbox", "OutboxEvent")._meta.db_table)
        schema_editor.execute(f"ALTER TABLE {table} ROW_FORMAT={row_format}")


class Migration(migrations.Migration):
    dependencies = [("outbox", "0003_archive")]
    operations = [migrations.RunPython(keep_room, keep_none, atomic=False)]
