"""`hygiene measure` as people call it: words in; text, files and exit codes out. Every refusal is one line."""

import csv
import gzip
import io
import json
import shutil
from pathlib import Path

import pytest

from hygiene.cli.app import main
from hygiene.cli.explain import explain
from hygiene.metrics.kpis import KPIS

SENT, DAY = 1_790_000_000, 86_400


def event(kind, number, *, campaign="spring", after=60, **more):
    """One of our own events."""
    return {
        "event": kind,
        "message_id": f"{campaign}-{number}",
        "recipient": f"p{number}@{'gmail.com' if number % 2 else 'yahoo.com'}",
        "campaign": campaign,
        "timestamp": SENT + number + after,
        **more,
    }


def mailing(number, *, campaign="spring", opened=0.2, clicked=0.04, complained=0, bounced=0):
    """A mailing whose last event is ten days after it."""
    lines = []
    for place in range(number):
        lines.append(event("sent", place, campaign=campaign, after=0))
        if place < bounced:
            lines.append(event("bounced", place, campaign=campaign, bounce_class="hard", smtp_status="5.1.1"))
            continue
        lines.append(event("delivered", place, campaign=campaign))
        seen = place - bounced
        if seen < opened * number:
            lines.append(event("opened", place, campaign=campaign, after=3_600, user_agent="Mozilla/5.0 (X11)"))
        if seen < clicked * number:
            lines.append(event("clicked", place, campaign=campaign, after=3_700, url="https://shop.example/"))
        if seen < complained:
            lines.append(event("complained", place, campaign=campaign, after=7_200))
    lines.append(event("opened", number - 1, campaign=campaign, after=10 * DAY, user_agent="Mozilla/5.0 (X11)"))
    return lines


def write(name, lines):
    Path(name).write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")


@pytest.fixture(scope="module")
def logs(tmp_path_factory):
    """A log of a good mailing and one of a bad one."""
    folder = tmp_path_factory.mktemp("logs")
    write(folder / "good.jsonl", mailing(5_000))
    write(folder / "bad.jsonl", mailing(1_000, campaign="bad", opened=0.01, complained=20, bounced=300))
    return folder


@pytest.fixture(autouse=True)
def workspace(monkeypatch, tmp_path, logs):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.delenv("FORCE_COLOR", raising=False)
    for log in logs.iterdir():
        shutil.copy(log, log.name)


@pytest.fixture
def run(monkeypatch, capsys):
    def call(*words):
        monkeypatch.setattr("sys.argv", ["hygiene", "measure", *map(str, words)])
        code = 0
        try:
            main()
        except SystemExit as end:
            code = end.code or 0
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return call


@pytest.fixture
def refused(run):
    def call(*words):
        code, out, err = run(*words)
        assert (code, out, err.count("\n")) == (2, "", 1), (out, err)
        return err.removeprefix("hygiene: ").rstrip("\n")

    return call


# --- what comes out


def test_a_good_mailing_exits_0_and_says_so_first(run):
    code, out, err = run("good.jsonl", "--no-causes")
    assert (code, err) == (0, "")
    assert out.splitlines()[0].startswith("good.jsonl")
    assert out.splitlines()[0].endswith("met 5 of 5")
    assert "5,000 sent = 5,000 delivered + 0 bounced + 0 under way ✓" in out
    assert max(map(len, out.splitlines())) <= 80


def test_a_bad_one_exits_1_unless_told_otherwise(run):
    code, out, _ = run("bad.jsonl", "--no-causes")
    assert code == 1
    assert "bounce-rate-missed" in out
    assert "hygiene clean LIST --events LOG" in out
    assert run("bad.jsonl", "--no-causes", "--fail-on", "never")[0] == 0


def test_slices_are_told_apart_and_add_up(run):
    code, out, _ = run(
        "good.jsonl", "bad.jsonl", "--by", "campaign,provider", "--format", "json", "--no-causes"
    )
    found = json.loads(out)
    assert code == 1
    assert found["settings"]["by"] == ["campaign", "provider"]
    sent = {
        tuple(each["slice"].values()): each["n"] for each in found["slices"] if each["name"] == "delivery_rate"
    }
    assert sent == {
        ("spring", "gmail"): 2_500,
        ("spring", "yahoo"): 2_500,
        ("bad", "gmail"): 500,
        ("bad", "yahoo"): 500,
    }
    assert found["counts"]["sent"] == 6_000


def test_csv_holds_every_figure_once(run):
    write("hostile.jsonl", mailing(50, campaign='=HYPERLINK("x")'))
    _, out, _ = run("hostile.jsonl", "--by", "campaign", "--format", "csv", "--no-causes")
    rows = list(csv.DictReader(io.StringIO(out)))
    assert len([row for row in rows if row["kpi"] in KPIS]) == 2 * len(KPIS)
    assert {row["campaign"] for row in rows} == {"", '\'=HYPERLINK("x")'}
    (delivery,) = [row for row in rows if row["kpi"] == "delivery_rate" and not row["campaign"]]
    assert (delivery["numerator"], delivery["n"], delivery["value"], delivery["verdict"]) == (
        "50",
        "50",
        "1",
        "met",
    )


def test_csv_holds_the_times_of_all_mail_and_of_each_slice(run):
    arguments = ("good.jsonl", "bad.jsonl", "--by", "campaign,provider", "--no-causes", "--format")
    told = json.loads(run(*arguments, "json")[1])
    rows = [row for row in csv.DictReader(io.StringIO(run(*arguments, "csv")[1])) if row["kpi"] not in KPIS]
    wanted = {}
    for each in [*({"slice": {}, **each} for each in told["delays"]), *told["slice_delays"]]:
        key = (each["slice"].get("campaign") or "", each["slice"].get("provider") or "")
        for name in ("median_s", "p90_s"):
            value = "" if each[name] is None else f"{each[name]:.12g}"
            wanted[*key, f"{each['name']}_{name}"] = (str(each["n"]), value)
    assert {(row["campaign"], row["provider"], row["kpi"]): (row["n"], row["value"]) for row in rows} == wanted
    assert len(rows) == len(wanted) == 2 * 3 * 5
    assert {row["verdict"] for row in rows} == {"none"}


def test_every_count_of_json_has_a_place_in_the_text(run):
    told = json.loads(run("good.jsonl", "--format", "json", "--no-causes")[1])
    text = run("good.jsonl", "--verbose", "--no-causes")[1]
    for name, number in told["counts"].items():
        assert ("–" if number is None else f"{number:,}") in text, name
        assert name in text


def test_days_are_dates_in_csv_and_local_to_the_time_zone(run):
    late = [event("sent", 1, after=0, timestamp="2026-11-01T23:30:00Z")]
    write("late.jsonl", late)
    for zone, day in (("UTC", "2026-11-01"), ("Europe/Berlin", "2026-11-02")):
        _, out, _ = run("late.jsonl", "--by", "day", "--timezone", zone, "--format", "csv", "--no-causes")
        assert day in {row["day"] for row in csv.DictReader(io.StringIO(out))}


@pytest.mark.parametrize(
    ("form", "mark"), [("markdown", "## good.jsonl"), ("html", "<!doctype html>"), ("json", "{")]
)
def test_other_formats(run, form, mark):
    code, out, _ = run("good.jsonl", "--format", form, "--no-causes")
    assert code == 0
    assert out.lower().startswith(mark.lower())


def test_output_goes_to_a_file(run):
    code, out, err = run("good.jsonl", "--format", "csv", "--output", "deep/kpis.csv", "--no-causes")
    assert (code, out, err) == (0, "", "written to deep/kpis.csv\n")
    assert Path("deep/kpis.csv").read_text("utf-8").startswith("kpi,numerator,n,value,")


def test_folders_patterns_and_packed_logs_are_the_same_log(run):
    Path("logs").mkdir()
    lines = Path("good.jsonl").read_bytes().splitlines(keepends=True)
    Path("logs/1.jsonl").write_bytes(b"".join(lines[5_000:]))
    Path("logs/2.jsonl.gz").write_bytes(gzip.compress(b"".join(lines[:5_000])))
    whole = json.loads(run("good.jsonl", "--format", "json", "--no-causes")[1])["counts"]
    for words in (["logs"], ["logs/*"], ["logs/1.jsonl", "logs/2.jsonl.gz", "logs"]):
        assert json.loads(run(*words, "--format", "json", "--no-causes")[1])["counts"] == whole


def test_since_and_until_choose_by_the_time_of_sending(run):
    early = [
        event("sent", 1, after=0, timestamp="2026-11-01T10:00:00Z"),
        event("delivered", 1, timestamp="2026-11-03T10:00:00Z"),
    ]
    late = [
        event("sent", 2, after=0, timestamp="2026-11-02T10:00:00Z"),
        event("delivered", 2, timestamp="2026-11-02T10:00:05Z"),
    ]
    write("two.jsonl", early + late)

    def sent(*words):
        found = json.loads(run("two.jsonl", "--format", "json", "--no-causes", *words)[1])
        return found["counts"]["sent"], found["counts"]["delivered"], found["account"]["left_out"]

    assert sent() == (2, 2, 0)
    assert sent("--until", "2026-11-01") == (1, 1, 1)
    assert sent("--since", "2026-11-02") == (1, 1, 1)
    assert sent("--since", "2026-11-01T10:00:01Z", "--until", "2026-11-02") == (1, 1, 1)
    assert sent("--since", "2026-12-01") == (0, 0, 2)


def test_the_counting_of_others_is_explained(run):
    _, out, _ = run("good.jsonl", "--as", "ses", "--no-causes")
    assert "As Amazon SES would count it" in out
    assert "hard / sent = 0 / 5,000" in " ".join(out.split())


def test_machine_opens_are_judged_when_asked_for(run):
    _, out, _ = run("good.jsonl", "--all-opens", "--no-causes")
    assert "opened, machines included *" in out


def test_settings_come_from_the_file_and_give_way_to_options(run):
    Path("ours.toml").write_text("[[target]]\nkpi = 'bounce_rate'\nbelow = '0.01 %'\n", encoding="utf-8")
    Path("hygiene.toml").write_text(
        "[measure]\nby = ['provider']\nbenchmarks = 'ours.toml'\nfail_on = 'low'\n", encoding="utf-8"
    )
    found = json.loads(run("bad.jsonl", "--format", "json", "--no-causes")[1])
    assert found["settings"]["by"] == ["provider"]
    assert found["benchmarks"]["name"] == "ours"
    found = json.loads(run("bad.jsonl", "--format", "json", "--benchmarks", "ses", "--no-causes")[1])
    assert found["benchmarks"]["name"] == "ses"


def test_one_event_is_a_log(run):
    write("one.jsonl", [event("delivered", 1)])
    code, out, err = run("one.jsonl")
    assert (code, err) == (3, "")
    assert "1 sent = 1 delivered + 0 bounced + 0 under way ✓" in out
    assert "not proven" in out


def test_shuffled_and_doubled_events_change_nothing(run):
    lines = mailing(300, bounced=20, complained=2)
    write("plain.jsonl", lines)
    write("mixed.jsonl", [*reversed(lines), *lines[::3]])
    plain, mixed = (
        json.loads(run(name, "--by", "provider", "--format", "json", "--no-causes")[1])
        for name in ("plain.jsonl", "mixed.jsonl")
    )
    assert plain["kpis"] == mixed["kpis"]
    assert plain["slices"] == mixed["slices"]


def test_causes_are_part_of_it_unless_told_otherwise(run):
    _, out, _ = run("good.jsonl", "bad.jsonl")
    assert "Why mail bounced" in out
    assert "Why mail bounced" not in run("good.jsonl", "bad.jsonl", "--no-causes")[1]


def test_an_empty_batch_is_a_log_of_nothing(run):
    Path("empty.json").write_bytes(b"[]")
    code, out, err = run("empty.json")
    assert (code, err) == (3, "")
    assert "No mail was sent, as far as the log tells." in " ".join(out.split())


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("open_rate", ["open_rate_human", "open_rate_all", "Benchmark default: 15–30 %", "A lower bound"]),
        ("bounce_rate", ["Counts: bounced / sent; lower is better", "Benchmark strict: < 2 %"]),
        ("complaint-rate-fbl-missed", ["complaint_rate_fbl", "Benchmark ses: < 0.1 %"]),
        ("time_to_deliver", ["Mails still under way count as longer"]),
    ],
)
def test_a_figure_is_explained(capsys, word, said):
    explain(word)
    shown = " ".join(capsys.readouterr().out.split())
    assert all(each in shown for each in said)


# --- what is refused


@pytest.mark.parametrize(
    ("words", "why"),
    [
        ([], "name an event log"),
        (["missing.jsonl"], "missing.jsonl"),
        (["good.jsonl", "--by", "colour"], "mails are not split by 'colour': there are campaign"),
        (["good.jsonl", "--by", "day,week"], "split by day or by week"),
        (["good.jsonl", "--benchmarks", "gold"], "no benchmarks are called 'gold'"),
        (["good.jsonl", "--benchmarks", "missing.toml"], "missing.toml cannot be read"),
        (["good.jsonl", "--timezone", "Mars/Base"], "'Mars/Base' is no time zone"),
        (["good.jsonl", "--attribution", "last-glance:5d"], "is no attribution"),
        (["good.jsonl", "--since", "yesterday"], "--since 'yesterday' is no date: write it as in 2026-11-22"),
        (["good.jsonl", "--until", "0001-01-01"], "lies before 1970"),
        (["good.jsonl", "--memory-limit", "lots"], "'lots' is no amount of memory: write 512MB or 2GB"),
        (["good.jsonl", "--memory-limit", "1MB"], "is too little"),
        (["good.jsonl", "--orders", "missing.csv"], "missing.csv"),
        (["good.jsonl", "--config", "missing.toml"], "missing.toml cannot be read"),
        (["good.jsonl", "--output", "good.jsonl/x"], "cannot be written"),
    ],
)
def test_wrong_words_are_refused_in_one_line(refused, words, why):
    assert why in refused(*words, *(["--no-causes"] if words else []))


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\n\n  \n",
        b"{}\n",
        b'{"a": 1}\n{"a": 2}\n',
        b"Name,City\nAnn,Rome\n",
        b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR",
        bytes(range(256)) * 40,
        b'{"event": "delivered", "recipient"',
        b"PAR1" + bytes(50) + b"PAR1",
        gzip.compress(b"", mtime=0),
        gzip.compress(b'{"event":"sent"}' * 9, mtime=0)[:-9],
    ],
    ids=lambda value: repr(value[:24]),
)
def test_what_is_no_event_log_gets_one_sentence(refused, data):
    Path("bad.log").write_bytes(data)
    assert "bad.log" in refused("bad.log", "--no-causes")


@pytest.mark.parametrize("form", ["text", "json", "csv", "markdown", "html"])
def test_subjects_in_every_format(run, form):
    lines = [line for name in "abcdef" for line in mailing(60, campaign=name)]
    write("log.jsonl", lines)
    rows = [f'{name},"{name}, {"now?" if name in "abc" else "later"}"' for name in "abcdef"]
    Path("subjects.csv").write_text("\n".join(["campaign,subject", *rows]), "utf-8")
    words = ["log.jsonl", "--by", "subject-feature", "--subjects", "subjects.csv", "--no-causes"]
    code, said, err = run(*words, "--fail-on", "never", "--format", form)
    assert (code, err) == (3, "")
    if form == "csv":
        rows = list(csv.DictReader(io.StringIO(said)))
        sent = {
            row["has"]: row["n"]
            for row in rows
            if row["subject-feature"] == "question" and row["kpi"] == "bounce_rate"
        }
        assert sent == {"with": "180", "without": "180"}
    elif form == "json":
        (question, *_) = json.loads(said)["subjects"]["features"]
        assert (question["name"], question["rates"][0]["with"]["n"]) == ("question", 180)
    else:
        assert "a question mark" in said
        assert "Goes with, not causes" in said


def test_the_list_tells_since_when_people_are_on_it(run):
    write("log.jsonl", [line for week in range(4) for line in later(mailing(200, campaign=f"c{week}"), week)])
    people = [f"P{number}@{'gmail.com' if number % 2 else 'yahoo.com'}" for number in range(150)]
    rows = [f"{name},2026-0{7 + number % 3}-01" for number, name in enumerate(people)]
    Path("list.csv").write_text("\n".join(["email,signed up at", *rows]), "utf-8")
    words = ["log.jsonl", "--contacts", "list.csv", "--fail-on", "never"]
    _, said, _ = run(*words, "--format", "json")
    told = json.loads(said)["cohorts"]
    assert (told["since"], [one["from"] for one in told["groups"]]) == (
        "sign-up",
        ["2026-06-29", "2026-07-27", "2026-08-31"],
    )
    assert told["mails_of_unknown_age"] == 4 * 50
    _, said, _ = run(*words, "--no-causes", "--by", "cohort,weeks-since", "--format", "csv")
    rows = [row for row in csv.DictReader(io.StringIO(said)) if row["kpi"] == "delivery_rate" and row["cohort"]]
    assert {row["cohort"]: 0 for row in rows}.keys() == {"2026-06-29", "2026-07-27", "2026-08-31"}
    assert sum(int(row["n"]) for row in rows) == 4 * 150
    for form in ("text", "markdown", "html"):
        _, said, _ = run(*words, "--verbose", "--format", form)
        assert "sign-up" in said


def test_a_list_without_sign_ups_is_refused(refused):
    Path("list.csv").write_text("email\np1@gmail.com\n", "utf-8")
    assert "tells nobody's sign-up" in refused("good.jsonl", "--contacts", "list.csv")


def later(lines, weeks):
    return [{**line, "timestamp": line["timestamp"] + weeks * 7 * DAY} for line in lines]
