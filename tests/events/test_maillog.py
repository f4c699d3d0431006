"""Postfix logs, written by hand after what Postfix writes: what each says of which mail."""

import json
import random
from datetime import UTC, datetime
from pathlib import Path

import pytest

from hygiene.errors import UnreadableInput
from hygiene.events.maillog import POSTFIX
from hygiene.events.recogniser import Head

from .queue_logs import Read

LOGS = Path(__file__).parent / "mail_logs"

PLAIN = (LOGS / "plain.log").read_text("utf-8")
REASON = (
    "host mx.example.org[192.0.2.2] said: 550 5.1.1 <bob@example.org>: Recipient address rejected: User "
    "unknown (in reply to RCPT TO command)"
)


def us(text):
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) * 1_000_000


def test_a_mail_to_two_and_its_notification(tmp_path):
    read = Read(tmp_path, PLAIN)
    columns = (
        "kind",
        "recipient",
        "domain",
        "message_id",
        "ts_us",
        "bounce_class",
        "smtp_status",
        "reason",
        "line",
    )
    mail = "a1@shop.example"
    assert read.rows(*columns) == [
        (
            "bounced",
            "bob@example.org",
            "example.org",
            mail,
            us("2026-11-28 01:00:04"),
            "hard",
            "5.1.1",
            REASON,
            6,
        ),
        ("delivered", "ann@example.com", "example.com", mail, us("2026-11-28 01:00:03"), None, None, None, 5),
        ("sent", "ann@example.com", "example.com", mail, us("2026-11-28 01:00:01"), None, None, None, 5),
        ("sent", "bob@example.org", "example.org", mail, us("2026-11-28 01:00:01"), None, None, None, 6),
    ]
    assert (
        read.rows("source", "provider") == [("postfix", "example.com")] * 2 + [("postfix", "example.org")] * 2
    )
    (file,) = read.files
    assert (file.layouts, file.records, file.damaged) == (("postfix",), 14, 0)
    assert file.skipped == {"no line of a delivery": 4}
    assert read.unread == []
    assert read.said == ("Postfix: 1 notifications (mails of no sender), left out",)


QUEUED = "{stamp} mx1 postfix/qmgr[1]: 4ABCDEF123: from=<news@shop.example>, size=1, nrcpt=1 (queue active)\n"
SENT = (
    "{stamp} mx1 postfix/smtp[1]: 4ABCDEF123: to=<ann@example.com>, relay=mx.example.com[192.0.2.1]:25, "
    "delay=1, delays=0/0/0/1, dsn=2.0.0, status=sent (250 ok)\n"
)


@pytest.mark.parametrize(
    ("stamp", "zone", "moment"),
    [
        ("Nov 28 01:00:03", "UTC", "2026-11-28 01:00:03"),
        ("Nov  8 01:00:03", "UTC", "2026-11-08 01:00:03"),
        ("Nov 28 01:00:03", "Europe/Berlin", "2026-11-28 00:00:03"),
        ("Jul 28 01:00:03", "Europe/Berlin", "2026-07-27 23:00:03"),
        ("Nov 28 2025 01:00:03", "UTC", "2025-11-28 01:00:03"),
        ("<22>Nov 28 01:00:03", "UTC", "2026-11-28 01:00:03"),
        ("2026-11-28T01:00:03.250000+01:00", "UTC", "2026-11-28 00:00:03"),
        ("2026-11-28T01:00:03.250123456Z", "America/New_York", "2026-11-28 01:00:03"),
        ("2026-11-28T01:00:03-0530", "UTC", "2026-11-28 06:30:03"),
        ("2026-11-28T01:00:03,250+00:00", "UTC", "2026-11-28 01:00:03"),
        ("2026-11-28 01:00:03", "America/New_York", "2026-11-28 06:00:03"),
        ("Sat 2026-11-28 01:00:03 CET", "Europe/Berlin", "2026-11-28 00:00:03"),
        ("Sat 2026-11-28 01:00:03 UTC", "Europe/Berlin", "2026-11-28 01:00:03"),
        ("2025 Nov 28 01:00:03", "Europe/Berlin", "2025-11-28 00:00:03"),
        ("2026/11/28 01:00:03", "UTC", "2026-11-28 01:00:03"),
        ("Nov 28 01:00:03 2025", "UTC", "2025-11-28 01:00:03"),
        ("Fri Nov 28 01:00:03 2025", "UTC", "2025-11-28 01:00:03"),
        ("1795827603.250000", "Europe/Berlin", "2026-11-28 01:00:03"),
        ("<22> Nov 28 01:00:03", "UTC", "2026-11-28 01:00:03"),
        ("mail.info Nov 28 01:00:03", "UTC", "2026-11-28 01:00:03"),
    ],
)
def test_the_ways_to_write_the_time(tmp_path, stamp, zone, moment):
    read = Read(tmp_path, QUEUED.format(stamp=stamp) + SENT.format(stamp=stamp), timezone=zone)
    assert {ts // 1_000_000 for (ts,) in read.rows("ts_us")} == {us(moment) // 1_000_000}
    assert read.rows("kind", "recipient") == [("delivered", "ann@example.com"), ("sent", "ann@example.com")]
    (tmp_path / "rare").mkdir()
    rare = "<22> Nov 28 01:00:00 mx1 postfix/anvil[3]: statistics: max cache size 1\n"
    among = Read(tmp_path / "rare", rare + QUEUED.format(stamp=stamp) + SENT.format(stamp=stamp), timezone=zone)
    columns = ("kind", "recipient", "ts_us", "message_id")
    assert among.rows(*columns) == read.rows(*columns)


def test_the_journal_may_name_the_unit_in_place_of_the_program(tmp_path):
    head = "Sat 2026-11-28 01:00:0{} UTC mx1 postfix@-.service[{}]: 4xYzBcDfGh1: "
    log = (
        head.format(1, 700)
        + "from=<n@x.example>, size=1, nrcpt=2 (queue active)\n"
        + head.format(2, 701)
        + "to=<ann@example.com>, relay=mx.example.com[192.0.2.1]:25, delay=1, "
        "delays=0/0/0/1, dsn=2.0.0, status=sent (250 ok)\n"
        + head.format(3, 702)
        + "to=<bob@example.com>, relay=none, delay=1, delays=0/0/0/1, dsn=4.4.1, "
        "status=deferred (connect to mx.example.com[192.0.2.1]:25: Connection timed out)\n"
        + head.format(4, 700)
        + "removed\n"
    )
    assert Read(tmp_path, log).told == [
        "deferred bob@example.com 01:00:03",
        "delivered ann@example.com 01:00:02",
        "sent ann@example.com 01:00:01",
        "sent bob@example.com 01:00:01",
    ]


def test_the_provider_of_a_mailbox_is_named(tmp_path):
    read = Read(
        tmp_path, SENT.format(stamp="2026-11-28T01:00:03Z").replace("ann@example.com", "ann@googlemail.com")
    )
    assert set(read.rows("domain", "provider")) == {("googlemail.com", "gmail")}


def test_fractions_of_a_second_are_kept(tmp_path):
    read = Read(tmp_path, SENT.format(stamp="2026-11-28T01:00:03.25Z"))
    assert set(read.rows("ts_us")) == {(us("2026-11-28 01:00:03") + 250_000,)}


@pytest.mark.parametrize("between", ["-", '[meta@1 seq="7"][x@2 a="b c"]', "- \ufeff"])
def test_rfc_5424(tmp_path, between):
    between = between if between.endswith("\ufeff") else f"{between} "
    log = (
        f"<22>1 2026-11-28T01:00:01.5+01:00 mx1 postfix/qmgr 12 - {between}4xYzBcDfGh1: from=<n@x.example>, "
        f"size=1, nrcpt=1 (queue active)\n"
        f"<22>1 2026-11-28T01:00:02.5+01:00 mx1 postfix/smtp 13 - {between}4xYzBcDfGh1: to=<ann@example.com>, "
        "relay=mx.example.com[192.0.2.1]:25, conn_use=3, delay=1, delays=0/0/0/1, tls=verified, dsn=2.0.0, "
        "status=sent (250 ok)\n"
    )
    for number, framed in enumerate((log, log.replace("<22>1 ", "1 "), log.replace("<22>", "217 <22>"))):
        (tmp_path / str(number)).mkdir()
        read = Read(tmp_path / str(number), framed)
        assert read.told == ["delivered ann@example.com 00:00:02", "sent ann@example.com 00:00:01"]
        assert set(read.rows("message_id")) == {("mx1/4xYzBcDfGh1",)}


@pytest.mark.parametrize(
    "wrapped",
    [
        lambda line: f"mail-1  | {line}",
        lambda line: (
            json.dumps({"log": f"{line}\n", "stream": "stdout"}).replace("<", "\\u003c").replace(">", "\\u003e")
        ),
        lambda line: json.dumps({"message": line, "host": "mx1"}),
        lambda line: json.dumps({"message": line, "@timestamp": "2026-11-28T02:00:00Z"}),
        lambda line: f"2026-11-28T01:00:04.123456789Z {line}",
        lambda line: f"2026-11-28T01:00:04.123456789Z stdout F {line}",
        lambda line: f'2026-11-28T01:00:04+01:00 {{job="mail"}} {line}',
        lambda line: f"\x1b[36mmail_1  |\x1b[0m {line}",
        lambda line: f"/var/log/mail.log.2.gz:{line}",
        lambda line: f"mail.log:17:{line}",
        lambda line: line.replace(" mx1 ", " mx1 mail.info "),
        lambda line: line.replace("[1]: ", "[1]: [ID 197553 mail.info] "),
        lambda line: json.dumps({"line": line, "timestamp": "1", "fields": {}}),
        lambda line: f"[pod/mail-0/postfix] {line}",
        lambda line: f"[pod/mail-0/postfix] 2026-11-28T01:00:04.123456789Z {line}",
        lambda line: f"mail-0 postfix {line}",
        lambda line: f"mail-0 › postfix │ 2026-11-28T01:00:04.123456789Z {line}",
        lambda line: f"2026-11-28T01:00:04Z {{}}                   {line}",
        lambda line: f'2026-11-28T01:00:04Z {{app="mail", host="mx1", job="a b c"}} {line}',
        lambda line: f"1795827604123456789\t2026-11-28T01:00:04.123Z\t{line}",
        lambda line: f"2026-11-28T01:00:04.123Z  {line}",
        lambda line: f"123 <22>{line}",
        lambda line: line.replace(" mx1 ", "\tmx1\t"),
    ],
)
def test_lines_of_containers_and_collectors(tmp_path, wrapped):
    plain = SENT.format(stamp="2026-11-28T01:00:03Z")
    log = "".join(wrapped(line) + "\n" for line in plain.splitlines())
    assert POSTFIX.recognises(Head(name="x", start=log.encode()))
    assert Read(tmp_path, log).told == Read(tmp_path, plain).told


@pytest.mark.parametrize(
    "said",
    [
        lambda program, text: {"log": f"{program}[1]: {text}\n", "time": "2026-11-28T01:00:03.250Z"},
        lambda program, text: {"textPayload": f"{program}[1]: {text}", "timestamp": "2026-11-28T01:00:03.25Z"},
        lambda program, text: {
            "@timestamp": "2026-11-28T02:00:03.25+01:00",
            "host": "mx1",
            "syslog-tag": f"{program}[1]:",
            "message": f" {text}",
        },
        lambda program, text: {
            "DATE": "1",
            "ISODATE": "2026-11-28T01:00:03.25+00:00",
            "HOST": "mx1",
            "tag": "docker.1",
            "PROGRAM": program,
            "MESSAGE": text,
        },
        lambda program, text: {
            "time": "2026-11-28T01:00:03.25Z",
            "host": {"name": "mx1"},
            "ident": program,
            "message": text,
        },
    ],
)
def test_lines_whose_program_and_time_stand_beside_them(tmp_path, said):
    texts = [line.split("postfix/", 1)[1].split("[1]: ", 1) for line in (QUEUED + SENT).splitlines()]
    lines = [json.dumps(said(f"postfix/{program}", text)) for program, text in texts]
    assert POSTFIX.recognises(Head(name="x", start=lines[0].encode()))
    read = Read(tmp_path, "\n".join(lines))
    assert read.rows("kind", "recipient", "ts_us") == [
        (kind, "ann@example.com", us("2026-11-28 01:00:03") + 250_000) for kind in ("delivered", "sent")
    ]
    assert read.unread == []


def test_the_journal_as_json(tmp_path):
    lines = [
        {
            "__REALTIME_TIMESTAMP": "1795827601250000",
            "_HOSTNAME": "mx1",
            "SYSLOG_IDENTIFIER": "postfix/" + program,
            "_PID": "12",
            "MESSAGE": message,
        }
        for program, message in (
            ("qmgr", "4ABCDEF123: from=<n@shop.example>, size=1, nrcpt=1 (queue active)"),
            (
                "smtp",
                "4ABCDEF123: to=<ann@example.com>, relay=mx[192.0.2.1], delay=1, dsn=2.0.0, status=sent (ok)",
            ),
            ("smtp", [1, 2, 3]),
        )
    ]
    log = "".join(json.dumps(line) + "\n" for line in lines) + '{"cut": \n'
    assert POSTFIX.recognises(Head(name="x", start=log.encode()))
    read = Read(tmp_path, log)
    assert read.rows("kind", "message_id", "recipient", "ts_us") == [
        (kind, "mx1/4ABCDEF123", "ann@example.com", 1_795_827_601_250_000) for kind in ("delivered", "sent")
    ]
    assert read.files[0].zoneless == 0


# Years

DECEMBER = QUEUED.format(stamp="Dec 31 23:59:58") + SENT.format(stamp="Dec 31 23:59:59")
JANUARY = SENT.format(stamp="Jan  1 00:00:02").replace("4ABCDEF123", "4ABCDEF124")
NEW_YEAR = ["2025-12-31 23:59:58", "2025-12-31 23:59:59", "2026-01-01 00:00:02", "2026-01-01 00:00:02"]


@pytest.mark.parametrize("year", [None, 2025])
def test_a_log_over_new_year(tmp_path, year):
    read = Read(tmp_path, DECEMBER + JANUARY, year=year, modified=us("2026-01-03 00:00:00") // 1_000_000)
    assert sorted(ts for (ts,) in read.rows("ts_us")) == [us(moment) for moment in NEW_YEAR]
    (note,) = read.files[0].notes
    assert ("2025 and 2026, as given" if year else "before 2026-01-03, when the file was last changed") in note
    assert read.files[0].zoneless == 3


def test_a_year_given_holds_for_all_without_a_new_year(tmp_path):
    read = Read(tmp_path, DECEMBER, year=2019)
    assert {ts for (ts,) in read.rows("ts_us")} == {us("2019-12-31 23:59:58"), us("2019-12-31 23:59:59")}


def test_the_29th_of_february(tmp_path):
    read = Read(tmp_path, SENT.format(stamp="Feb 29 10:00:00"), modified=us("2025-01-10 00:00:00") // 1_000_000)
    assert set(read.rows("ts_us")) == {(us("2024-02-29 10:00:00"),)}


# Filters

FILTER = (LOGS / "filter.log").read_text("utf-8")


@pytest.mark.parametrize("known", [True, False])
def test_a_filter_is_followed_and_counted_once(tmp_path, known):
    log = FILTER if known else "".join(line for line in FILTER.splitlines(True) if "message-id" not in line)
    read = Read(tmp_path, log)
    assert read.told == [
        "deferred ann@example.com 01:00:02",
        "delivered ann@example.com 01:10:05",
        "sent ann@example.com 01:00:01",
    ]
    assert set(read.rows("message_id")) == {("a1@shop.example" if known else "mx1/AAAAAA0001",)}
    assert read.said == (
        "Postfix: 1 deliveries to a content filter, followed under their next queue id and counted once",
    )


def test_a_filter_out_of_sight_is_no_delivery(tmp_path):
    log = "".join(line for line in FILTER.splitlines(True) if "BBBBBB0002:" not in line)
    read = Read(tmp_path, log)
    assert read.told == ["deferred ann@example.com 01:00:02", "sent ann@example.com 01:00:01"]
    assert any("went on under a queue id not in these logs" in said for said in read.said)


def test_two_filters_and_one_bounce(tmp_path):
    chain = FILTER.replace("relay=mx.example.com[192.0.2.1]:25", "relay=localhost[::1]:10026").replace(
        "9F8E7D6C5B", "CCCCCC0003"
    )
    chain += queued("CCCCCC0003", "01:10:04")
    chain += attempt("CCCCCC0003", "01:10:09", "bounced", dsn="5.2.2", text="host mx said: 552 5.2.2 full")
    read = Read(tmp_path, chain)
    assert read.told == [
        "bounced ann@example.com 01:10:09",
        "deferred ann@example.com 01:00:02",
        "sent ann@example.com 01:00:01",
    ]
    assert set(read.rows("message_id")) == {("a1@shop.example",)}
    assert ("soft",) in read.rows("bounce_class")


def test_a_filter_that_is_a_program_hands_back_by_message_id(tmp_path):
    log = FILTER.replace("postfix/smtp[13]", "postfix/pipe[13]").replace(
        "127.0.0.1[127.0.0.1]:10024", "spamfilter"
    )
    log = log.replace(
        "250 2.0.0 from MTA(smtp:[127.0.0.1]:10025): 250 2.0.0 Ok: queued as BBBBBB0002",
        "delivered via spamfilter service",
    )
    read = Read(tmp_path, log)
    assert [told for told in read.told if not told.startswith("deferred")] == [
        "delivered ann@example.com 01:10:05",
        "sent ann@example.com 01:00:01",
    ]


def test_a_relay_whose_log_is_here_too_is_followed(tmp_path):
    relay = FILTER.replace("127.0.0.1[127.0.0.1]:10024", "out.shop.example[10.0.0.2]:25")
    first = "".join(line for line in relay.splitlines(True) if "BBBBBB0002:" not in line)
    second = "".join(line for line in relay.splitlines(True) if "BBBBBB0002:" in line).replace(" mx1 ", " out ")
    read = Read(tmp_path, first, second)
    assert [told for told in read.told if not told.startswith("deferred")] == [
        "delivered ann@example.com 01:10:05",
        "sent ann@example.com 01:00:01",
    ]
    assert Read(tmp_path, first).told[1:] == [
        "delivered ann@example.com 01:10:02",
        "sent ann@example.com 01:00:01",
    ]


def test_a_forward_of_the_server_itself_is_followed_to_the_new_address(tmp_path):
    log = queued("AAAAAA0001", "01:00:00") + attempt(
        "AAAAAA0001",
        "01:00:01",
        "sent",
        to="info@shop.example",
        relay="local",
        program="postfix/local",
        text="forwarded as BBBBBB0002",
    )
    log += queued("BBBBBB0002", "01:00:01") + attempt("BBBBBB0002", "01:00:02", "sent", to="eve@example.com")
    read = Read(tmp_path, log)
    assert read.told == ["delivered eve@example.com 01:00:02", "sent eve@example.com 01:00:00"]


def test_a_relay_that_passes_mail_on_is_said(tmp_path):
    log = queued("AAAAAA0001", "01:00:00")
    for to in ("a@gmail.com", "b@outlook.com", "c@example.com"):
        log += attempt("AAAAAA0001", "01:00:01", "sent", to=to, relay="smtp.relay.example[192.0.2.7]:587")
    log += attempt("AAAAAA0001", "01:00:01", "sent", to="d@gmail.com", relay="mx.google.example[192.0.2.8]:25")
    read = Read(tmp_path, log)
    assert read.said == (
        "Postfix: 3 deliveries to a relay that takes mail of several providers: it passes it on, and whether "
        "it arrived is not told",
    )


# Queue ids


def attempt(
    qid,
    clock,
    status,
    *,
    to="ann@example.com",
    dsn="2.0.0",
    text="250 ok",
    program="postfix/smtp",
    relay="mx.example.com[192.0.2.1]:25",
    extra="",
):
    return (
        f"Nov 28 {clock} mx1 {program}[9]: {qid}: to=<{to}>, {extra}relay={relay}, delay=1, delays=0/0/0/1, "
        f"dsn={dsn}, status={status} ({text})\n"
    )


def queued(qid, clock, sender="news@shop.example", program="postfix/qmgr"):
    return f"Nov 28 {clock} mx1 {program}[9]: {qid}: from=<{sender}>, size=1, nrcpt=1 (queue active)\n"


def removed(qid, clock):
    return f"Nov 28 {clock} mx1 postfix/qmgr[9]: {qid}: removed\n"


def test_a_queue_id_used_again_is_another_mail(tmp_path):
    log = (
        queued("AAAAAA0001", "01:00:00")
        + attempt("AAAAAA0001", "01:00:01", "sent")
        + removed("AAAAAA0001", "01:00:01")
    )
    log += queued("AAAAAA0001", "05:00:00") + attempt(
        "AAAAAA0001", "05:00:09", "bounced", dsn="5.7.1", text="550 spam"
    )
    read = Read(tmp_path, log)
    assert read.rows("message_id", "kind", "bounce_class") == [
        ("mx1/AAAAAA0001", "delivered", None),
        ("mx1/AAAAAA0001", "sent", None),
        ("mx1/AAAAAA0001/1", "bounced", "block"),
        ("mx1/AAAAAA0001/1", "sent", None),
    ]


def test_the_same_queue_id_on_two_hosts_is_two_mails(tmp_path):
    log = queued("AAAAAA0001", "01:00:00") + attempt("AAAAAA0001", "01:00:01", "sent")
    read = Read(tmp_path, log, log.replace(" mx1 ", " mx2 "))
    assert set(read.rows("message_id")) == {("mx1/AAAAAA0001",), ("mx2/AAAAAA0001",)}


def test_retries_are_deferrals_of_one_mail(tmp_path):
    log = queued("AAAAAA0001", "01:00:00")
    log += attempt("AAAAAA0001", "01:00:01", "deferred", dsn="4.7.1", text="host mx said: 450 4.7.1 greylisted")
    log += queued("AAAAAA0001", "01:20:00")
    log += attempt("AAAAAA0001", "01:20:01", "sent") + removed("AAAAAA0001", "01:20:01")
    read = Read(tmp_path, log)
    assert read.told == [
        "deferred ann@example.com 01:00:01",
        "delivered ann@example.com 01:20:01",
        "sent ann@example.com 01:00:00",
    ]
    assert ("deferred", "4.7.1", "host mx said: 450 4.7.1 greylisted", None) in read.rows(
        "kind", "smtp_status", "reason", "bounce_class"
    )


@pytest.mark.parametrize("word", ["expired", "force-expired"])
def test_a_mail_that_expires_comes_back_for_whoever_was_put_off(tmp_path, word):
    log = queued("AAAAAA0001", "01:00:00") + attempt("AAAAAA0001", "01:00:01", "sent", to="ok@example.com")
    log += attempt(
        "AAAAAA0001", "01:00:01", "deferred", to="a@example.net", dsn="4.4.1", text="connection timed out"
    )
    log += attempt("AAAAAA0001", "01:00:02", "deferred", to="b@example.net", dsn="4.2.2", text="mailbox full")
    log += attempt("AAAAAA0001", "02:00:02", "sent", to="b@example.net")
    expiry = f"AAAAAA0001: from=<n@x.example>, status={word}, returned to sender"
    log += f"Nov 28 09:00:00 mx1 postfix/qmgr[9]: {expiry}\n"
    read = Read(tmp_path, log + removed("AAAAAA0001", "09:00:00"))
    assert [told for told in read.told if told.startswith("bounced")] == ["bounced a@example.net 09:00:00"]
    assert ("bounced", "soft", "4.4.1", "connection timed out") in read.rows(
        "kind", "bounce_class", "smtp_status", "reason"
    )


# Who and what is no mail of ours


def test_notifications_and_probes_are_no_mails(tmp_path):
    log = queued("AAAAAA0001", "01:00:00", "") + attempt("AAAAAA0001", "01:00:01", "sent")
    log += queued("AAAAAA0002", "01:00:00", "double-bounce@mx1.shop.example") + attempt(
        "AAAAAA0002", "01:00:01", "bounced"
    )
    log += queued("AAAAAA0003", "01:00:00") + attempt("AAAAAA0003", "01:00:01", "deliverable")
    log += attempt("AAAAAA0003", "01:00:01", "undeliverable", to="bob@example.com", dsn="5.1.1")
    assert Read(tmp_path, log).rows("kind") == []


def test_a_notification_whose_sender_is_not_in_the_log_is_known_by_the_line_that_made_it(tmp_path):
    log = "Nov 28 01:00:04 mx1 postfix/bounce[14]: AAAAAA0001: sender non-delivery notification: BBBBBB0002\n"
    assert Read(tmp_path, log + attempt("BBBBBB0002", "01:00:05", "sent")).rows("kind") == []


def test_a_mail_queued_before_the_log_begins_was_sent_all_the_same(tmp_path):
    read = Read(tmp_path, attempt("AAAAAA0001", "01:00:05", "sent"))
    assert read.told == ["delivered ann@example.com 01:00:05", "sent ann@example.com 01:00:05"]
    assert any("queued before these logs begin" in said for said in read.said)


def test_a_mail_not_yet_tried_is_said(tmp_path):
    read = Read(tmp_path, queued("AAAAAA0001", "01:00:05"))
    assert read.told == []
    assert any("not yet tried when these logs end" in said for said in read.said)


def test_aliases_agents_and_instances(tmp_path):
    log = queued("AAAAAA0001", "01:00:00", program="postfix-out/qmgr")
    log += attempt(
        "AAAAAA0001",
        "01:00:01",
        "sent",
        to="box@mail.shop.example",
        extra="orig_to=<info@shop.example>, ",
        program="postfix-out/local",
        relay="local",
        text="delivered to mailbox",
    )
    log += attempt(
        "AAAAAA0001",
        "01:00:01",
        "sent",
        to="b@shop.example",
        program="postfix/lmtp",
        relay="mx1[private/dovecot-lmtp]",
        text="250 2.0.0 <b> aBc Saved",
    )
    log += attempt("AAAAAA0001", "01:00:01", "sent", to="c@example.com", program="postfix-slow/smtp")
    log += attempt(
        "AAAAAA0001",
        "01:00:01",
        "sent",
        to="d@example.com",
        program="postfix/discard",
        relay="none",
        text="test only",
    )
    read = Read(tmp_path, log)
    assert read.rows("kind", "recipient") == [
        ("delivered", "b@shop.example"),
        ("delivered", "box@mail.shop.example"),
        ("delivered", "c@example.com"),
        ("rejected", "d@example.com"),
        ("sent", "b@shop.example"),
        ("sent", "box@mail.shop.example"),
        ("sent", "c@example.com"),
        ("sent", "d@example.com"),
    ]
    assert "Postfix: 2 deliveries to mailboxes or programs of the server itself, not over the net" in read.said


@pytest.mark.parametrize(
    ("status", "dsn", "text", "meant"),
    [
        ("SOFTBOUNCE", "5.1.1", "host mx said: 550 5.1.1 unknown", "hard"),
        ("bounced", "5.0.0", "host mx said: 550 No such user here (in reply to RCPT TO command)", "hard"),
        ("bounced", "5.0.0", "host mx said: 554 Blocked, see spamhaus.org", "block"),
        ("bounced", "5.0.0", "host mx said: 554 Transaction failed", "unknown"),
        ("bounced", "5.7.26", "host gmail-smtp-in.l.google.com said: 550-5.7.26 unauthenticated", "block"),
        (
            "bounced",
            "5.4.4",
            "Host or domain name not found. Name service error for name=gone.example type=A",
            "hard",
        ),
        ("bounced", "5.2.2", "host mx said: 552 5.2.2 over quota", "soft"),
    ],
)
def test_bounces_by_code_first(tmp_path, status, dsn, text, meant):
    read = Read(
        tmp_path,
        queued("AAAAAA0001", "01:00:00") + attempt("AAAAAA0001", "01:00:01", status, dsn=dsn, text=text),
    )
    assert read.rows("kind", "bounce_class", "smtp_status", "reason") == [
        ("bounced", meant, dsn, text),
        ("sent", None, None, None),
    ]


# Hostile and damaged


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ('"a>, relay=x"@example.com', '"a'),  # cannot be told apart: but nothing is invented of the rest
        ('"a b"@example.com', '"a b"@example.com'),
        ("ünï@exämple.com", "ünï@exämple.com"),
        ("ANN+Tag@EXAMPLE.com", "ann+tag@example.com"),
        ("root", "root"),
    ],
)
def test_odd_addresses(tmp_path, written, meant):
    read = Read(
        tmp_path, queued("AAAAAA0001", "01:00:00") + attempt("AAAAAA0001", "01:00:01", "sent", to=written)
    )
    assert read.rows("kind", "recipient") == [("delivered", meant), ("sent", meant)]


def test_a_reply_that_forges_a_log_line_says_nothing(tmp_path):
    forged = "250 queued to=<x@y.example>, relay=z, delay=1, dsn=5.1.1, status=bounced (no)"
    read = Read(
        tmp_path, queued("AAAAAA0001", "01:00:00") + attempt("AAAAAA0001", "01:00:01", "sent", text=forged)
    )
    assert read.rows("kind", "recipient") == [("delivered", "ann@example.com"), ("sent", "ann@example.com")]


def test_what_is_damaged_is_kept(tmp_path):
    cut = attempt("AAAAAA0001", "01:00:01", "sent").split(", dsn")[0] + "\n"
    headless = attempt("AAAAAA0001", "01:00:02", "sent").removeprefix("Nov 28 01:00:02 mx1 ")
    log = queued("AAAAAA0001", "01:00:00") + cut + headless + attempt("AAAAAA0001", "01:00:03", "sent")
    read = Read(tmp_path, log.encode() + b"\xff\xfe\x00 not text \x00\n\n" + b"x" * 100_000 + b"\r\n")
    why = "a delivery that cannot be read"
    assert read.unread == [(0, 2, why, cut.rstrip()), (0, 3, why, headless.rstrip())]
    assert read.told == ["delivered ann@example.com 01:00:03", "sent ann@example.com 01:00:00"]
    assert read.files[0].damaged == 2


def test_an_unknown_word_is_kept(tmp_path):
    read = Read(tmp_path, queued("AAAAAA0001", "01:00:00") + attempt("AAAAAA0001", "01:00:01", "teleported"))
    assert read.rows("kind", "reason") == [("sent", None), ("unknown", "teleported")]
    assert read.unread == [
        (0, 2, "unknown event: teleported", "to=<ann@example.com>, status=teleported (250 ok)")
    ]


def test_the_text_of_old_versions_and_of_lines_cut_by_syslog(tmp_path):
    log = (
        "Nov 28 01:00:03 mx1 postfix/smtp[13]: AAAAAA0001: to=<ann@example.com>, relay=mx[192.0.2.1], delay=2, "
    )
    log += "status=bounced (host mx said: 550 5.1.1 user unkn"
    assert Read(tmp_path, log).rows("kind", "bounce_class", "reason")[0] == (
        "bounced",
        "hard",
        "host mx said: 550 5.1.1 user unkn",
    )


def test_the_host_may_be_missing(tmp_path):
    log = (QUEUED + SENT).format(stamp="Nov 28 01:00:03").replace(" mx1 ", " ")
    assert Read(tmp_path, log).rows("kind", "message_id") == [
        ("delivered", "4ABCDEF123"),
        ("sent", "4ABCDEF123"),
    ]
    log = (QUEUED + SENT).format(stamp="Nov 28 01:00:03").replace(" mx1 ", " 2001:db8::1 ")
    assert set(Read(tmp_path, log).rows("message_id")) == {("2001:db8::1/4ABCDEF123",)}


def test_lines_end_in_carriage_returns_too(tmp_path):
    assert Read(tmp_path, PLAIN.replace("\n", "\r\n")).rows("kind", "recipient", "reason") == Read(
        tmp_path, PLAIN
    ).rows("kind", "recipient", "reason")


def test_neither_order_nor_files_matter(tmp_path):
    log = PLAIN + FILTER.replace("AAAAAA", "CCCCCC").replace("a1@", "a2@") + queued("4ABCDEF123", "06:00:00")
    log += attempt("4ABCDEF123", "06:00:09", "bounced", dsn="5.7.1", text="550 spam") + removed(
        "4ABCDEF123", "06:00:09"
    )
    lines = log.splitlines(True)
    columns = ("kind", "message_id", "recipient", "ts_us", "bounce_class", "reason")
    whole = Read(tmp_path, log).rows(*columns)
    assert len(whole) == 9
    for seed in range(20):
        rng = random.Random(seed)
        mixed = rng.sample(lines, len(lines))
        parts = [[] for _ in range(3)]
        for line in mixed:
            rng.choice(parts).append(line)
        parts = ["".join(part) for part in parts if any("4ABCDEF123: " in line for line in part)]
        if sum(map(len, parts)) == len(log):
            assert Read(tmp_path, *parts).rows(*columns) == whole
    assert sorted(set(Read(tmp_path, log, log).rows(*columns)), key=repr) == whole


def test_a_log_without_postfix_is_refused_in_one_sentence(tmp_path):
    other = "Nov 28 01:00:06 mx1 sshd[900]: Failed password for root\n" * 3
    assert POSTFIX.recognises(Head(name="auth.log", start=other.encode()))
    with pytest.raises(UnreadableInput, match="holds no line of a delivery by Postfix"):
        Read(tmp_path, other)


@pytest.mark.parametrize(
    "start",
    [
        b"email,event,time\nann@example.com,sent,2026-11-28T01:00:00Z\n",
        b'{"event": "delivered", "text": "Nov 28 01:00:03 mx1 postfix/smtp[1]: A1: to=<a@b>"}\n',
        b"2026-11-28T01:00:00Z,ann@example.com,sent\n",
        b"time\temail\tevent\n" + b"2026-11-28 01:00:00\tann@example.com\tsent\n" * 9,
        b"email event time campaign\n" + b"ann@example.com open 2026-11-28 01:00:00 autumn\n" * 9,
        b"1795827603.250000 ann@example.com open\n" * 9,
        b"time;email\n" + b"2026/11/28 01:00:00 ;ann@example.com\n" * 9,
        b"",
        b"\x00\x01\x02",
    ],
)
def test_other_files_are_no_mail_logs(start):
    assert not POSTFIX.recognises(Head(name="x", start=start))


def test_a_mail_log_among_other_lines_is_recognised():
    assert POSTFIX.recognises(Head(name="x", start=("-- Logs begin at Sat\n" * 200 + PLAIN).encode()))
