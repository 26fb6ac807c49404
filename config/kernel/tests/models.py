"""Tables that only the kernel's tests have: no installed app holds them, so no migration ever sees them."""

from typing import ClassVar

from django.db import models

from config.kernel.fields import AmountField, CurrencyField, ExactCharField, PrefixedIdField


class Shelf(models.Model):
    """A parent with what the shared fields offer."""

    id = PrefixedIdField(prefix="shf")
    name = ExactCharField(max_length=40, unique=True)
    amount = AmountField(default=0, db_default=0)
    currency = CurrencyField(default="EUR")

    objects: ClassVar[models.Manager["Shelf"]] = models.Manager()

    class Meta:
        app_label = "kernel_tests"

    def __str__(self) -> str:
        return f"{self.name}"


class Box(models.Model):
    """A child, for what needs two tables."""

    shelf = models.ForeignKey(Shelf, on_delete=models.PROTECT)
    label = models.CharField(max_length=40)

    shelf_id: str
    objects: ClassVar[models.Manager["Box"]] = models.Manager()

    class Meta:
        app_label = "kernel_tests"

    def __str__(self) -> str:
        return self.label
