"""`hygiene preflight` as a person meets it."""

import json

import pytest

from hygiene.cli.app import main
from hygiene.demo.sample import playground
from tests.sending.campaign_files import CAMPAIGNS, a_row, clean_list

SETTINGS = """
[workspace]
store = "{folder}/hygiene.db"
key_file = "{folder}/hygiene.key"
[accounts.main]
host = "mail.bakery.example"
return_path = "bakery.example"
[streams.marketing]
account = "main"
sender = "The Bakery <news@bakery.example>"
unsubscribe = "https://mail.bakery.example/u"
postal_address = "Bakery Ltd, 1 Garden Street, Springfield, IL 62701, USA"
"""


@pytest.fixture
def run(monkeypatch, capsys, tmp_path):
    config = tmp_path / "hygiene.toml"
    config.write_text(SETTINGS.format(folder=tmp_path))

    def command(*words):
        monkeypatch.setattr(
            "sys.argv", ["hygiene", "preflight", *map(str, words), "--no-login", "--config", str(config)]
        )
        with pytest.raises(SystemExit) as stopped:
            main()
        shown = capsys.readouterr()
        return int(stopped.value.code or 0), shown.out, shown.err

    monkeypatch.setenv("COLUMNS", "80")
    return command


@pytest.fixture(scope="module")
def cleaned(tmp_path_factory):
    return clean_list(tmp_path_factory.mktemp("list"), [a_row(number) for number in range(12)])


def test_a_campaign_that_may_be_sent(run, cleaned):
    with playground() as sample:
        server = f"{sample.dns[0]}:{sample.dns[1]}"
        code, out, err = run(CAMPAIGNS / "spring.toml", "--to", cleaned, "--resolver", server)
    assert (code, err) == (0, "")
    assert out.splitlines()[0].startswith("spring-sale")
    assert "may be sent" in out.splitlines()[0]
    assert "bakery.example: grade" in out
    assert all(len(line) <= 80 or line.startswith("sign = ") for line in out.splitlines())  # what is pasted


def test_one_that_would_not(run, cleaned, tmp_path):
    code, out, _ = run(CAMPAIGNS / "spring.toml", "--to", tmp_path, "--no-dns")
    assert code == 1
    assert "would not be sent" in out
    assert "list-not-cleaned" in out
    assert run(CAMPAIGNS / "spring.toml", "--to", tmp_path, "--no-dns", "--fail-on", "never")[0] == 0


def test_as_json_and_to_a_file(run, cleaned, tmp_path):
    code, out, _ = run(CAMPAIGNS / "spring.toml", "--to", cleaned, "--no-dns", "--format", "json")
    assert code == 0
    assert json.loads(out)["may_be_sent"] is True
    page = tmp_path / "page.html"
    run(CAMPAIGNS / "spring.toml", "--to", cleaned, "--no-dns", "--format", "html", "-o", page)
    assert "spring-sale" in page.read_text()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["nothing.toml"], "cannot be read"),
        ([CAMPAIGNS / "spring.mjml"], "is not TOML"),
        ([CAMPAIGNS / "notice.toml"], "no [streams.transactional]"),
        ([CAMPAIGNS / "spring.toml", "--ignore", "nonsense"], "there is no check 'nonsense'"),
    ],
)
def test_wrong_use_is_one_line(run, cleaned, words, said):
    code, out, err = run(*words, "--to", cleaned, "--no-dns")
    assert (code, out) == (2, "")
    assert said in err
    assert len(err.splitlines()) == 1
