"""How well bounces are read: the goals, held on templates that no rule was written from, and on real ones."""

import tomllib
from collections import defaultdict
from pathlib import Path

import pytest

from hygiene.bounces.classify import classify_bounce

from .corpus import HARD, Case, cases

REAL = Path(__file__).parent / "real"


class Score:
    """Counts of a half."""

    def __init__(self):
        self.number = self.kinds = self.recipients = self.reasons = 0
        self.named = self.right_hard = self.wrong_hard = self.missed_hard = 0

    def add(self, case: Case):
        found = classify_bounce(case.raw)
        self.number += 1
        self.kinds += (found[0].kind.value if found else "") == case.kind
        self.reasons += case.is_right([each.reason.value for each in found])
        if case.recipients:
            self.named += 1
            self.recipients += self.named_are(case, found)
        if case.kind == "bounce":
            self.add_hard(bool(found) and found[0].hard, set(case.reasons[0].split("/")))
        else:
            self.wrong_hard += any(each.hard for each in found)

    def add_hard(self, said: bool, true: set[str]):
        """A verdict is right if any of the true reasons is hard, and missed if all are."""
        self.right_hard += said and bool(true & HARD)
        self.wrong_hard += said and not true & HARD
        self.missed_hard += true <= HARD and not said

    @staticmethod
    def named_are(case: Case, found) -> bool:
        """Whether each recipient is found; of a single one the others do not matter."""
        if len(case.recipients) == 1:
            return bool(found) and found[0].recipient == case.recipients[0]
        return tuple(each.recipient for each in found) == case.recipients

    @property
    def shares(self):
        return {
            "kind": self.kinds / self.number,
            "recipient": self.recipients / max(self.named, 1),
            "reason": self.reasons / self.number,
            "hard precision": self.right_hard / max(self.right_hard + self.wrong_hard, 1),
            "hard recall": self.right_hard / max(self.right_hard + self.missed_hard, 1),
        }


def scored(half):
    whole, single = Score(), defaultdict(Score)
    for case in cases(half):
        whole.add(case)
        single[case.name.partition("+")[0]].add(case)
    return whole, single


def shown(half, whole, single):
    """The table that ``-s`` shows."""
    print(f"\n{half:<28}{'n':>6}" + "".join(f"{name:>16}" for name in whole.shares))
    for name, score in [*sorted(single.items()), ("all", whole)]:
        print(f"{name:<28}{score.number:>6}" + "".join(f"{share:>16.3f}" for share in score.shares.values()))


HELD_OUT = ("held_out", "wild_held_out", "odd_held_out", "late_held_out")
SEEN = ("seen", "wild_seen", "odd_seen", "late_seen")


@pytest.mark.parametrize("half", HELD_OUT)
def test_goals_on_templates_kept_out_of_rule_writing(half):
    whole, single = scored(half)
    shown(half, whole, single)
    assert whole.shares["kind"] >= 0.95
    assert whole.shares["recipient"] >= 0.95
    assert whole.shares["hard precision"] >= 0.95
    assert whole.shares["hard recall"] >= 0.9
    assert whole.shares["reason"] >= 0.85


@pytest.mark.parametrize("half", SEEN)
def test_templates_that_rules_were_written_from(half):
    whole, single = scored(half)
    shown(half, whole, single)
    assert min(whole.shares.values()) >= 0.995


TRUTH = tomllib.loads((REAL / "truth.toml").read_text("utf-8"))


@pytest.mark.parametrize("name", TRUTH)
def test_bounces_that_servers_wrote(name):
    found = classify_bounce((REAL / name).read_bytes())
    assert [each.recipient for each in found] == TRUTH[name]["recipients"]
    assert [each.reason.value for each in found] == TRUTH[name]["reasons"]
    for each in found:
        assert each.evidence
        assert each.message_id.endswith(".k7f3q9@mail.example.com")
        assert each.returned_to == ("b+k7f3q9@bounce.example.com",)


def test_every_real_bounce_has_its_truth():
    assert {path.name for path in REAL.glob("*.eml")} == set(TRUTH)
