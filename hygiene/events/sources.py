"""What the sources of events, sums and orders are called."""

from __future__ import annotations

from functools import cache

from hygiene.events.layout import declared
from hygiene.events.report_layout import reports
from hygiene.events.shop_layout import shops


@cache
def _titles() -> dict[str, str]:
    named = {"postfix": "Postfix log"}
    named |= {shop.name: shop.title for shop in shops()}
    return named | {layout.name: layout.title for layout in declared().layouts}


@cache
def _report_titles() -> dict[str, str]:
    return {report.name: report.title for report in reports()}


def title_of(source: str) -> str:
    """The source of events or orders.

    >>> title_of("ses"), title_of("shopify"), title_of("of our own")
    ('Amazon SES events', 'Shopify orders', 'of our own')
    """
    return _titles().get(source, source)


def report_title(source: str) -> str:
    """The source of a report of sums.

    >>> report_title("mailchimp")
    'Mailchimp campaigns'
    """
    return _report_titles().get(source, source)
