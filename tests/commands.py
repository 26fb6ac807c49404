"""Management commands run in the test's own process."""

import io

from django.core.management import call_command


def run(command: str, *arguments: str) -> tuple[int, str]:
    """Its exit code and standard output. A CommandError comes out as it is."""
    out = io.StringIO()
    try:
        call_command(command, *arguments, stdout=out)
    except SystemExit as end:
        return int(end.code or 0), out.getvalue()
    return 0, out.getvalue()
