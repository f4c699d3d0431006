"""Every platform's sample, measured: the sums hold, in every slice, and nothing of it is unaccounted for."""

from pathlib import Path

import pytest

import hygiene

SAMPLES = Path(__file__).parents[1] / "events" / "samples"
NAMES = sorted(path.name for path in SAMPLES.iterdir() if not path.name.endswith(".expected.csv"))


@pytest.mark.parametrize("name", NAMES)
def test_a_sample_reconciles(name):
    told = hygiene.measure(SAMPLES / name, by=["campaign", "provider"], causes=False).to_dict()
    counts, account = told["counts"], told["account"]
    if counts["sent"] is not None:  # else its mails are known by what came back alone
        assert counts["submitted"] == counts["sent"] + (counts["rejected"] or 0)
        assert counts["sent"] == counts["delivered"] + counts["bounced"] + counts["pending"]
    orphans = sum(each["events"] for each in account["orphans"])
    unknown = sum(account["unknown_words"].values())
    assert account["events"] == account["of_mails"] + orphans + unknown + account["conversions"]
    assert account["unread"] == 0


@pytest.mark.parametrize(
    ("name", "sent", "delivered", "bounced", "rejected"),
    [
        ("mailjet.json", 6, 2, 3, 2),
        ("mailersend.jsonl", 5, 2, 3, 1),
        ("resend.jsonl", 6, 2, 2, 3),
        ("smtp2go.jsonl", 2, 1, 1, 1),
        ("hubspot.json", 4, 3, 1, 2),
        ("iterable.jsonl", 2, 1, 1, 1),
        ("customerio.jsonl", 1, 1, 0, 3),
        ("constant_contact.jsonl", 6, 2, 4, 1),
        ("powermta.csv", 5, 1, 4, None),
    ],
)
def test_what_became_of_the_mails(name, sent, delivered, bounced, rejected):
    """Counted by hand: the sample's mails, whatever their events say twice."""
    counts = hygiene.measure(SAMPLES / name, causes=False).to_dict()["counts"]
    found = tuple(counts[each] for each in ("sent", "delivered", "bounced", "rejected"))
    assert found == (sent, delivered, bounced, rejected)
