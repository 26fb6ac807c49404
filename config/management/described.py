"""Commands whose help says what their exit codes mean."""

import argparse
from typing import Any, ClassVar

from django.core.management.base import BaseCommand, CommandParser


class DescribedCommand(BaseCommand):
    """`epilog` stands below the options, as it is laid out."""

    epilog: ClassVar[str]

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> CommandParser:
        layout = argparse.RawDescriptionHelpFormatter
        return super().create_parser(prog_name, subcommand, epilog=self.epilog, formatter_class=layout, **kwargs)
