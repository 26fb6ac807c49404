"""Amounts as staff writes them: in the currency's major unit, 12.50 for EUR 12.50."""

from decimal import Decimal

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from config.kernel import money
from config.kernel.errors import Invalid

MAX_DECIMAL_PLACES = 4
"""Of any currency."""


def written(amount: int, currency: str) -> str:
    """(1250, "EUR") → "12.50", as a field takes it; a currency nobody knows leaves the amount as it is."""
    digits = money.exponent(currency) if currency in money.CURRENCIES else 0
    return f"{Decimal(amount).scaleb(-digits):.{digits}f}"


class AmountForm(forms.Form):
    """Has the fields `amount` and `currency`; once valid, the amount is minor units."""

    def clean(self) -> dict[str, object]:
        cleaned = super().clean() or self.cleaned_data
        amount, currency = cleaned.get("amount"), cleaned.get("currency")
        if amount is None or not currency:
            return cleaned
        try:
            cleaned["amount"] = _minor_units(amount, currency)
        except ValidationError as error:
            self.add_error("amount", error)
        except Invalid as error:
            self.add_error("currency", " ".join(each.detail for each in error.errors))
        return cleaned


def _minor_units(amount: Decimal, currency: str) -> int:
    scaled = amount.scaleb(money.exponent(currency))
    if scaled != scaled.to_integral_value():
        raise ValidationError(
            _("%(currency)s has %(digits)s decimal places.")
            % {"currency": currency, "digits": money.exponent(currency)},
            code="too_precise",
        )
    return int(scaled)
