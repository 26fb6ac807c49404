"""How far business time is ahead of the wall."""

import datetime

from django.db import models


class Offset(models.Model):
    """One row for all processes; none until somebody advances the clock."""

    id = models.PositiveSmallIntegerField(primary_key=True, default=1)
    ahead_by = models.DurationField(default=datetime.timedelta(0))

    class Meta:
        constraints = [
            models.CheckConstraint(condition=models.Q(id=1), name="test_clock_offset_one_row"),
            models.CheckConstraint(
                condition=models.Q(ahead_by__gte=datetime.timedelta(0)), name="test_clock_offset_ahead"
            ),
        ]

    def __str__(self) -> str:
        return str(self.ahead_by)
