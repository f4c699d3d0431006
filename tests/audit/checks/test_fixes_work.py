"""Every fix that is a line for a zone file is put into the zone, and the finding must be gone."""

import re

import pytest

from hygiene.resolver import Zone

from .shop_zone import Case, audit, fault
from .test_checks_registry import CASES

LINE = re.compile(r"^\S+\. (?:TXT|MX) (?!.*<)", re.MULTILINE)


def fixes(case: Case) -> list[str]:
    """The fix of each fault of the check in question, if it can be pasted whole."""
    about = [one for one in case.run().faults if one.id == case.about]
    return [one.fix for one in about if LINE.match(one.fix) and "\n; or," not in one.fix]


FIXABLE = [case for case in CASES if case.triggers and fixes(case)]


def test_many_fixes_can_be_pasted() -> None:
    assert len({case.about for case in FIXABLE}) > 20


@pytest.mark.parametrize("case", FIXABLE, ids=str)
def test_the_finding_is_gone_and_no_other_as_bad_has_come(case: Case) -> None:
    before = case.run()
    for fix in fixes(case):
        after = audit(case.changes, assume=Zone.from_text(fix), **case.settings)
        assert case.about not in {one.id for one in after.faults}
        known = {one.id for one in before.faults} | {"reverse-dns-missing"}  # a sender that now counts as one
        mended = fault(before, case.about).severity
        assert all(one.id in known or one.severity.rank > mended.rank for one in after.faults)
