from hygiene.bounce import ABOUT, Action, Blame, Bounce, BounceKind, BounceReason, Verdict
from hygiene.event import BounceClass
from hygiene.finding import Confidence


def test_every_reason_is_declared():
    assert list(ABOUT) == list(BounceReason)


def test_hard_are_four_only():
    hard = {reason.value for reason, about in ABOUT.items() if about.hard}
    assert hard == {"userunknown", "hostunknown", "hasmoved", "notaccept"}


def test_only_the_recipient_or_nobody_is_suppressed():
    for about in ABOUT.values():
        if about.action is Action.SUPPRESS:
            assert about.blame in {Blame.RECIPIENT, Blame.NONE}


def test_hard_class_and_hardness_agree():
    for about in ABOUT.values():
        assert about.hard == (about.bounce_class is BounceClass.HARD)
        assert (about.blame is Blame.NONE) == (about.bounce_class is None)


def test_what_is_still_tried_is_never_hard():
    late = Bounce(kind=BounceKind.DELAYED, reason=BounceReason.USERUNKNOWN, confidence=Confidence.SURE)
    assert not late.hard
    assert late.action is Action.IGNORE
    assert late.bounce_class is None


def test_as_json():
    import json

    bounce = Bounce(kind=BounceKind.BOUNCE, reason=BounceReason.MAILBOXFULL, confidence=Confidence.LIKELY)
    found = json.loads(json.dumps(bounce.to_dict()))
    assert (found["reason"], found["blame"], found["hard"], found["action"]) == (
        "mailboxfull",
        "recipient",
        False,
        "count",
    )
    assert hash(bounce) == hash(bounce)


def test_a_greylisting_wants_a_second_try_only():
    verdict = Verdict(reason=BounceReason.ONHOLD, confidence=Confidence.SURE, only_retry=True)
    assert verdict.action is Action.RETRY
