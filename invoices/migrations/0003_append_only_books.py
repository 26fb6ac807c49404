from django.db import OperationalError, migrations

TABLES = ("invoices_journal", "invoices_entry")
CHANGES = ("UPDATE", "DELETE")
MESSAGE = "The books are append-only: post another journal"
REFUSALS = {
    "mysql": f"SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = '{MESSAGE}'",
    "sqlite": f"BEGIN SELECT RAISE(ABORT, '{MESSAGE}'); END",
}
NOT_ALLOWED = {
    1142: "GRANT TRIGGER ON {database}.* TO the user of DATABASE_URL",
    1044: "GRANT TRIGGER ON {database}.* TO the user of DATABASE_URL",
    1227: "GRANT TRIGGER ON {database}.* TO the user of DATABASE_URL",
    1419: "SET GLOBAL log_bin_trust_function_creators = 1 (and in the server's configuration), because it writes a binary log",
}


class TriggersRefused(Exception):
    """The database lets nobody guard the books."""


def create(apps, schema_editor, tables=TABLES):
    """Triggers that refuse to change or delete what has been booked. Running it again after a failure is safe."""
    for name, table, change in triggers(tables):
        execute(schema_editor, f"DROP TRIGGER IF EXISTS {name}")
        refusal = REFUSALS[schema_editor.connection.vendor]
        execute(schema_editor, f"CREATE TRIGGER {name} BEFORE {change} ON {table} FOR EACH ROW {refusal}")


def drop(apps, schema_editor, tables=TABLES):
    for name, _, _ in triggers(tables):
        execute(schema_editor, f"DROP TRIGGER IF EXISTS {name}")


def triggers(tables):
    return [(f"{table}_no_{change.lower()}", table, change) for table in tables for change in CHANGES]


def execute(schema_editor, sql):
    try:
        schema_editor.execute(sql)
    except OperationalError as error:
        remedy = NOT_ALLOWED.get(error.args[0])
        if remedy is None:
            raise
        remedy = remedy.format(database=schema_editor.connection.settings_dict["NAME"])
        raise TriggersRefused(f"The books are kept append-only by triggers, which the database refused to create ({error.args[1]}). As its administrator: {remedy}. Then migrate again.") from error


class Migration(migrations.Migration):

    dependencies = [
        ('invoices', '0002_retries_and_tax'),
    ]

    operations = [
        migrations.RunPython(create, drop, atomic=False),
    ]
