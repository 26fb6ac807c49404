"""Migrations that the code before them survives: new code and old run side by side during a deployment."""

import pytest
from django.db import connection
from django_migration_linter import MigrationLinter

from tests.architecture.source import ROOT


@pytest.mark.django_db
@pytest.mark.skipif("connection.vendor != 'mysql'", reason="SQLite rebuilds tables where MariaDB alters them")
def test_no_migration_breaks_the_code_that_runs_before_it() -> None:
    """A destructive change takes two steps; the linter reads the SQL that this database would run."""
    linter = MigrationLinter(str(ROOT), no_cache=True, quiet=["ok"], analyser_string="mysql")
    linter.lint_all_migrations()
    linter.print_summary()
    assert not linter.has_errors
    assert linter.nb_total >= 5
    assert connection.vendor == "mysql"
