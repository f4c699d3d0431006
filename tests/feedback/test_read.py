"""Mails that come back change what is known of people: the genuine ones, once each."""

import json
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select, update

from hygiene.config import CleaningPolicy, FeedbackSettings, Settings
from hygiene.contacts.suppression.workspace import erase_people
from hygiene.feedback import record as recording
from hygiene.feedback.read import read_feedback
from hygiene.sending.states import State
from hygiene.store import open_store
from hygiene.tables import CONSENT, OUTBOX, RECEIVED

from .returned import (
    BLOCKED,
    FULL,
    KEY,
    NOW,
    add_mail,
    bounce,
    complaint,
    days,
    events,
    everything,
    leaving,
    listed,
    opt_outs,
    person,
    plain,
    states,
    success,
    verp,
)

BELIEVING = Settings(feedback=FeedbackSettings(trust="recipient"))


@pytest.fixture
def store(tmp_path):
    with open_store(str(tmp_path / "hygiene.db"), key=KEY) as opened:
        yield opened


@pytest.fixture
def read(store, tmp_path):
    """Read mails, each in a file of its own."""

    def read_them(*raws, now=NOW, **options):
        folder = tmp_path / f"mails-{len(list(tmp_path.iterdir()))}"
        folder.mkdir()
        for number, raw in enumerate(raws):
            (folder / f"{number:05}.eml").write_bytes(raw)
        return read_feedback(folder, store=store, now=now, **options)

    return read_them


# bounces


def test_a_hard_bounce_with_our_token_suppresses_whom_the_mail_was_for(store, read):
    ref = add_mail(store)
    found = read(bounce(ref, back=verp(ref)))
    assert (found.mails, dict(found.verdicts), found.suppressed) == (1, {"bounce": 1}, {"bounced": 1})
    assert listed(store) == {"ann@example.com": "bounced"}
    (event,) = events(store)
    assert (event["kind"], event["bounce_class"], event["campaign"], event["source"]) == (
        *("bounced", "hard"),
        *("spring", "outbox"),
    )
    assert (event["recipient"], event["message_id"], event["smtp_status"]) == ("ann@example.com", ref, "5.1.1")
    assert states(store) == {ref: State.SENT}
    assert found.exit_code() == 0


@pytest.mark.parametrize("returned", [True, False])
def test_nothing_of_the_original_is_needed_where_the_token_is(store, read, returned):
    ref = add_mail(store)
    read(bounce(ref, back=verp(ref).upper(), returned=returned))
    assert listed(store) == {"ann@example.com": "bounced"}


def test_our_reference_in_the_original_is_enough(store, read):
    ref = add_mail(store)
    found = read(bounce(ref))
    assert listed(store) == {"ann@example.com": "bounced"}
    assert found.items[0].by == "token"  # of the link to unsubscribe


def test_the_same_bounce_twice_counts_once(store, read):
    ref = add_mail(store)
    raw = bounce(ref, back=verp(ref))
    first = read(raw, raw)
    assert (first.mails, first.repeated, first.verdicts["bounce"]) == (2, 1, 1)
    again = read(raw.replace(b"\n", b"\r\n"))
    assert (again.mails, again.repeated, dict(again.verdicts), again.suppressed) == (1, 1, {}, {})
    other = read(b"Received: from elsewhere\n" + raw)  # it came by another way, too
    assert (other.repeated, dict(other.reasons), other.items) == (0, {}, ())
    assert len(events(store)) == 1


def test_a_forged_token_is_nobodys(store, read):
    ref = add_mail(store)
    forged = bounce(back=verp(ref, key=bytes(32)))
    found = read(forged, bounce(back=verp(ref)[:-30] + "a" * 6 + "@bounce.shop.example"))
    assert listed(store) == {}
    assert dict(found.unmatched) == {"bounce": 2}
    assert {(each["kind"], each["recipient"], each["message"]) for each in events(store)} == {
        ("unknown", "ann@example.com", None)
    }


@pytest.mark.parametrize("trust", ["token", "recipient"])
def test_a_token_counts_against_its_own_person_whoever_is_named(store, read, trust):
    add_mail(store, to="victim@example.com")
    mine = add_mail(store, to="mallory@example.com")
    read(
        bounce(to="victim@example.com", back=verp(mine)),
        settings=Settings(feedback=FeedbackSettings(trust=trust)),
    )
    assert listed(store) == {"mallory@example.com": "bounced"}


def test_a_token_of_another_purpose_is_none(store, read):
    ref = add_mail(store)
    read(bounce(back=f"b+{leaving(ref)}@bounce.shop.example"))
    assert listed(store) == {}


def test_a_name_alone_is_believed_only_where_the_settings_say_so(store, read):
    add_mail(store, to="Ann@Example.com")
    add_mail(store, to="old@example.com", at=days(31))
    forged = [bounce(to=to) for to in ("ann@example.com", "old@example.com", "stranger@example.com")]
    assert read(*forged).suppressed == {}
    again = [raw + b"\n-- \n" for raw in forged]
    found = read(*again, settings=BELIEVING)
    assert (found.suppressed, dict(found.unmatched)) == ({"bounced": 1}, {"bounce": 2})
    assert listed(store) == {"ann@example.com": "bounced"}


def test_an_unproven_mail_counts_nowhere_else(store, read, tmp_path):
    """Nor in a cleaning or a measurement by the events of the workspace."""
    import hygiene

    add_mail(store)
    read(bounce(), complaint(to="ann@example.com"))
    counts = hygiene.measure(str(tmp_path / "hygiene.db")).to_dict()["counts"]
    assert (counts["sent"], counts["bounced"], counts["complained"]) == (1, 0, 0)


def test_a_report_of_several_means_the_one_our_mail_was_for(store, read):
    ref = add_mail(store)
    other = "Final-Recipient: rfc822; zed@example.com\nAction: failed\nStatus: 5.7.1\n\n"
    mine = bounce(ref, back=verp(ref)).decode()
    read(mine.replace("Final-Recipient", other + "Final-Recipient").encode())
    assert listed(store) == {"ann@example.com": "bounced"}


def test_members_of_an_alias_do_not_end_the_alias(store, read):
    ref = add_mail(store, to="team@example.com")
    one = bounce(ref, to="ann@example.com", back=verp(ref), returned=False).decode()
    two = one.replace(
        "Final-Recipient: ",
        "Final-Recipient: rfc822; bob@example.com\nAction: failed\nStatus: 5.1.1\n\nFinal-Recipient: ",
    )
    read(two.encode())
    assert listed(store) == {}
    read(one.encode())  # a single one is where it was forwarded to
    assert listed(store) == {"team@example.com": "bounced"}


def test_the_senders_fault_suppresses_nobody_and_is_told_loudly(store, read):
    refs = [add_mail(store, to=f"p{number}@example.com") for number in range(3)]
    mails = [
        bounce(ref, to=f"p{number}@example.com", why=BLOCKED, back=verp(ref)) for number, ref in enumerate(refs)
    ]
    found = read(*mails)
    assert (found.suppressed, found.at_fault, found.blames) == ({}, 3, {"sender": 3})
    assert listed(store) == {}
    assert found.exit_code() == 1
    told = found.sections().headline.sentence
    assert "3 bounces are the sender's fault" in told
    assert "zen.spamhaus.org" in told
    assert told.endswith("Run: hygiene audit shop.example")
    json.dumps(found.to_dict())
    assert list(found.to_frame()["reason"]) == ["blocked"] * 3


def test_soft_bounces_count_by_days(store, read):
    policy = Settings(clean=CleaningPolicy(soft_bounces=3))
    mails = []
    for day in (5, 4, 3):
        at = days(day)
        ref = add_mail(store, name=f"daily-{day}", at=at)
        mails.append(bounce(ref, why=FULL, back=verp(ref), at=at + timedelta(hours=3)))
        mails.append(bounce(ref, why=FULL, back=verp(ref), at=at + timedelta(hours=4), also="X-Again: 1\n"))
    read(*mails[:4], settings=policy)
    assert listed(store) == {}
    assert read(*mails[4:], settings=policy).suppressed == {"bounced": 1}
    assert listed(store) == {"ann@example.com": "bounced"}


@pytest.mark.parametrize("arrived", ["proof", "handover"])
def test_a_delivery_between_them_begins_the_count_anew(store, read, arrived):
    policy = Settings(clean=CleaningPolicy(soft_bounces=3))
    mails = []
    for day in (6, 5, 3):
        ref = add_mail(store, name=f"daily-{day}", at=days(day))
        mails.append(bounce(ref, why=FULL, back=verp(ref), at=days(day)))
    good = add_mail(store, name="good", at=days(4))  # the next server took it, and it never came back
    if arrived == "proof":
        mails.append(success(good, at=days(4)))
    assert read(*mails, settings=policy).suppressed == {}


def test_soft_bounces_are_forgotten_after_a_while(store, read):
    policy = Settings(clean=CleaningPolicy(soft_bounces=3))
    mails = []
    for day in (40, 35, 2):
        ref = add_mail(store, name=f"daily-{day}", at=days(day))
        mails.append(bounce(ref, why=FULL, back=verp(ref), at=days(day)))
    assert read(*mails, settings=policy).suppressed == {}


def test_a_late_mail_fails_nobody(store, read):
    ref = add_mail(store)
    found = read(bounce(ref, why=FULL, back=verp(ref), action="delayed"))
    assert (dict(found.verdicts), found.reasons, found.suppressed) == ({"delayed": 1}, {}, {})
    assert [event["kind"] for event in events(store)] == ["deferred"]


@pytest.mark.parametrize("mail", [bounce, success, complaint])
def test_what_comes_back_resolves_a_doubt(store, read, mail):
    ref = add_mail(store, state=State.UNKNOWN)
    found = read(mail(ref))
    assert found.resolved == 1
    assert states(store) == {ref: State.SENT}


def test_what_is_forged_resolves_nothing(store, read):
    ref = add_mail(store, state=State.UNKNOWN)
    read(bounce(to="ann@example.com", back=verp(ref, key=bytes(32))))
    assert states(store) == {ref: State.UNKNOWN}


def test_success_is_an_event(store, read):
    ref = add_mail(store)
    found = read(success(ref))
    assert dict(found.verdicts) == {"delivered": 1}
    assert [event["kind"] for event in events(store)] == ["delivered"]


def test_a_mail_of_a_provider_is_known_by_its_id(store, read):
    remote = "0102018f3a5b7c9d-1234abcd-5678-000000"
    add_mail(store, remote=remote)
    raw = bounce(to="ann@example.com").replace(
        b"--b--",
        f"--b\nContent-Type: text/rfc822-headers\n\nMessage-ID: <{remote}@email.example>\n\n--b--".encode(),
    )
    assert read(raw).items[0].by == "provider's id"
    assert listed(store) == {"ann@example.com": "bounced"}


# complaints and opt-outs


def test_a_complaint_without_recipient_is_known_by_our_header(store, read):
    ref = add_mail(store)
    found = read(complaint(ref))
    assert (dict(found.verdicts), found.suppressed) == ({"complaint": 1}, {"complained": 1})
    assert listed(store) == {"ann@example.com": "complained"}


def test_a_forged_complaint_is_nobodys(store, read):
    add_mail(store)
    found = read(complaint(to="ann@example.com"))
    assert (listed(store), dict(found.unmatched)) == ({}, {"complaint": 1})


def test_a_mail_to_unsubscribe_leaves_the_list_and_nothing_else(store, read):
    ref = add_mail(store)
    found = read(plain(sender="Other <elsewhere@example.org>", subject=f"unsubscribe {leaving(ref)}"))
    assert (dict(found.verdicts), found.opted_out, found.suppressed) == ({"unsubscribe": 1}, 1, {})
    assert opt_outs(store) == {("news", person("ann@example.com"))}
    assert listed(store) == {}
    with store.reading() as connection:
        (proof,) = connection.execute(select(CONSENT)).mappings().all()
    assert (proof["act"], proof["topic"], proof["address"]) == ("withdrawn", "news", "ann@example.com")
    assert [event["kind"] for event in events(store)] == ["unsubscribed"]


@pytest.mark.parametrize("purpose", ["forged", "return path"])
def test_a_mail_to_unsubscribe_needs_its_own_token(store, read, purpose):
    ref = add_mail(store)
    token = leaving(ref, key=bytes(32)) if purpose == "forged" else verp(ref)[2:26]
    read(plain(sender="x@elsewhere.example", to="unsubscribe@shop.example", subject=f"unsubscribe {token}"))
    assert opt_outs(store) == set()
    assert listed(store) == {}


def test_who_was_mailed_may_leave_without_a_token(store, read):
    add_mail(store)
    found = read(plain(subject="Unsubscribe"), plain(sender="stranger@example.org", subject="Unsubscribe"))
    assert found.suppressed == {"unsubscribed": 1}
    assert dict(found.unmatched) == {"unsubscribe": 1}
    assert listed(store) == {"ann@example.com": "unsubscribed"}


def test_an_answer_that_asks_to_leave_leaves_the_list_it_answers(store, read):
    ref = add_mail(store)
    answer = f"In-Reply-To: <{ref}@shop.example>\n"
    read(plain(subject="Re: Spring", text="please unsubscribe me", also=answer))
    assert opt_outs(store) == {("news", person("ann@example.com"))}
    assert listed(store) == {}


def test_a_friend_it_was_forwarded_to_unsubscribes_nobody(store, read):
    ref = add_mail(store)
    answer = f"In-Reply-To: <{ref}@shop.example>\n"
    read(plain(sender="friend@example.org", subject="Re: Spring", text="unsubscribe", also=answer))
    assert (opt_outs(store), listed(store)) == (set(), {})


def test_an_automatic_reply_is_nothing(store, read):
    ref = add_mail(store)
    vacation = plain(subject="Out of office", to=verp(ref), also="Auto-Submitted: auto-replied\n")
    found = read(vacation)
    assert (dict(found.verdicts), found.suppressed, events(store)) == ({"autoreply": 1}, {}, [])


def test_ordinary_mail_is_left_to_a_person(store, read):
    found = read(plain(subject="A question", text="When do you open?"))
    assert (dict(found.verdicts), events(store)) == ({"none": 1}, [])


def test_how_much_is_no_feedback_is_said(store, read):
    said = [
        read(plain(subject="A question")).sections().headline.sentence,
        read(plain(subject="One"), plain(subject="Two")).sections().headline.sentence,
        read(plain(subject="One more"), bounce(to=verp(add_mail(store)))).sections().headline.sentence,
        read().sections().headline.sentence,
    ]
    assert said == [
        "The mail is no feedback: nothing follows from ordinary mail.",
        "None of the 2 new mails is feedback: nothing follows from ordinary mail.",
        "1 of 2 new mails is no feedback: nothing follows from ordinary mail.",
        "There was no mail to read.",
    ]


@pytest.mark.parametrize(
    "noise", [bytes(range(256)) * 20, b"hello there\nnot a mail\n", b"\n\nx\n", b"a,b\n1,2\n"]
)
def test_what_is_no_mail_is_not_taken_for_one(store, read, noise):
    found = read(noise, plain(subject="A question"))
    assert (dict(found.verdicts), len(found.unread), found.exit_code()) == ({"none": 1, "unread": 1}, 1, 3)


@pytest.mark.parametrize("raw", [b"\n\nSubject: x\n\nb", b">From a\nTo: x\n\nb", b"junk\nX-A:b\n\n"])
def test_a_header_that_is_damaged_is_still_one(store, read, raw):
    assert read(raw).unread == ()


def test_an_erased_person_is_not_written_down_again(store, read):
    ref = add_mail(store)
    erase_people(store, ["ann@example.com"], now=NOW)
    with store.writing() as connection:
        connection.execute(update(OUTBOX).values(recipient=None))
    read(
        bounce(ref, back=verp(ref)),
        complaint(ref, to="ann@example.com"),
        bounce(),
        plain(subject="unsubscribe"),
    )
    assert listed(store) == {}
    assert len(events(store)) == 4
    assert "ann@" not in repr(events(store))


# once and in any order


def all_kinds(store):
    refs = {
        name: add_mail(store, to=f"{name}@example.com") for name in ("hard", "full", "spam", "gone", "doubt")
    }
    full = [add_mail(store, to="full@example.com", name=f"day-{day}", at=days(day)) for day in (3, 2, 1)]
    with store.writing() as connection:
        connection.execute(update(OUTBOX).where(OUTBOX.c.ref == refs["doubt"]).values(state=State.UNKNOWN))
    hard = {"to": "hard@example.com", "back": verp(refs["hard"])}
    return [
        bounce(refs["hard"], **hard),
        bounce(refs["hard"], at=days(1), **hard),
        bounce(refs["hard"], why=FULL, at=days(2), **hard),
        bounce(refs["hard"], at=days(1), returned=False, **hard),
        *(
            bounce(ref, to="full@example.com", why=FULL, back=verp(ref), at=days(3 - number))
            for number, ref in enumerate(full)
        ),
        complaint(refs["spam"]),
        plain(subject=f"unsubscribe {leaving(refs['gone'])}", sender="gone@example.com"),
        plain(subject="unsubscribe", sender="gone@example.com"),
        success(refs["doubt"], to="doubt@example.com"),
        bounce(to="hard@example.com"),
        plain(subject="hello"),
    ]


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_order_and_repetition_of_the_same_mails_gives_the_same_store(tmp_path_factory, data):
    folder = tmp_path_factory.mktemp("order")
    policy = Settings(clean=CleaningPolicy(soft_bounces=3))
    found = []
    for name in ("straight", "shuffled"):
        with open_store(str(folder / f"{name}.db"), key=KEY) as store:
            mails = all_kinds(store)
            runs = [mails]
            if name == "shuffled":
                order = data.draw(st.permutations(range(len(mails))))
                again = data.draw(st.lists(st.sampled_from(range(len(mails))), max_size=6))
                cut = data.draw(st.integers(0, len(mails)))
                whole = [*order, *again]
                runs = [[mails[each] for each in whole[:cut]], [mails[each] for each in whole[cut:]], mails]
            for number, run in enumerate(runs):
                place = folder / f"{name}-{number}"
                place.mkdir()
                for at, raw in enumerate(run):
                    (place / f"{at:03}.eml").write_bytes(raw)
                (folder / "mails").unlink(missing_ok=True)
                (folder / "mails").symlink_to(place)
                read_feedback(folder / "mails", store=store, settings=policy, now=NOW)
            found.append(everything(store))
    assert found[0] == found[1]


@pytest.mark.parametrize("step", ["_write_events", "suppress", "resolve_doubts", "_write_received"])
def test_a_crash_anywhere_leaves_nothing_or_all(store, read, monkeypatch, step):
    ref = add_mail(store, state=State.UNKNOWN)
    before = everything(store)

    def crash(*_, **__):
        raise KeyboardInterrupt

    with monkeypatch.context() as broken:
        broken.setattr(recording, step, crash)
        with pytest.raises(KeyboardInterrupt):
            read(bounce(ref, back=verp(ref)))
    assert everything(store) == before
    read(bounce(ref, back=verp(ref)))
    assert listed(store) == {"ann@example.com": "bounced"}
    assert states(store) == {ref: State.SENT}


def test_a_dry_run_writes_nothing_and_tells_the_same(store, read):
    all_ = all_kinds(store)
    before = everything(store)
    dry = read(*all_, dry_run=True)
    assert everything(store) == before
    wet = read(*all_)
    assert {**dry.to_dict(), "dry_run": False, "items": 0} == {**wet.to_dict(), "items": 0}


def test_a_thousand_mails(store, read):
    refs = {f"p{number}@example.com": add_mail(store, to=f"p{number}@example.com") for number in range(250)}
    mails = [
        raw
        for to, ref in refs.items()
        for raw in (bounce(ref, to=to, back=verp(ref)), complaint(ref), success(ref, to=to), bounce(to=to))
    ]
    found = read(*mails)
    assert (found.mails, found.repeated) == (1000, 0)
    assert found.suppressed == {"complained": 250}
    assert set(listed(store).values()) == {"complained"}
    assert len(listed(store)) == 250
    with store.reading() as connection:
        assert len(connection.scalars(select(RECEIVED.c.digest)).all()) == 1000
