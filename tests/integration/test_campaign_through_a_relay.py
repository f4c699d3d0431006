"""A campaign through a real Postfix: merge fields that try to get out of their place stay in it."""

import time
from email import message_from_bytes, policy

import pytest

from hygiene.sending.send import send_campaign
from hygiene.sending.states import CampaignState, State
from hygiene.store import open_store
from tests.integration.mail_servers import HOST, postfix_relay, smtp_sink
from tests.integration.test_real_smtp import folder_of, handed_on
from tests.sending.campaign_files import a_row, a_settings, clean_list, write_campaign
from tests.sending.mailings import KEY
from tests.sending.test_send import HTML

TOML = """\
name = "spring"
stream = "marketing"
subject = "{{ name }}, bread on Friday"
html = "spring.html"
text = "spring.txt"
[fields]
name = { column = "First Name", default = "Good morning" }
"""
SMUGGLED = (
    "MAIL FROM:<e@example.com>\r\nRCPT TO:<victim@example.com>\r\nDATA\r\nSubject: smuggled\r\n\r\nhi\r\n.\r\n"
)
NASTY = [
    "Ann\r\nBcc: victim@example.com",
    "Ann\nBcc: victim@example.com\n\nanother body",
    f"Ann\r\n.\r\n{SMUGGLED}",
    f"Ann\n.\n{SMUGGLED}",
    f"Ann\r.\r{SMUGGLED}",
    f"Ann\n.\r\n{SMUGGLED}",
    "=?utf-8?q?Ann=0D=0ABcc:_victim@example.com?=",
    "Ann\u2028Bcc: victim@example.com\u0085Bcc: victim@example.com",
    "<script>alert(1)</script>{{ unsubscribe_url }}",
    "Ä" * 900,
]


@pytest.mark.server("smtp-sink", "postfix")
def test_nothing_gets_out_of_a_merge_field(program, tmp_path):
    folder = folder_of(tmp_path)
    rows = [a_row(number, **{"First Name": text}) for number, text in enumerate(NASTY)]
    rows.append(a_row(99, Email="gone@gmail.com"))
    campaign = write_campaign(
        tmp_path, TOML, spring_html=HTML, spring_txt="Hello {{ name }}\n.\n{{ unsubscribe_url }}"
    )
    to = clean_list(tmp_path / "list", rows)
    gone = "check_recipient_access inline:{{gone@gmail.com = 550 5.1.1 no such user}}"
    with (
        smtp_sink(program, folder=folder) as sink,
        postfix_relay(program, sink, f"smtpd_recipient_restrictions = {gone}, permit") as (port, relay),
        open_store(str(tmp_path / "w.db"), key=KEY) as store,
    ):
        settings = a_settings(account={"host": HOST, "port": port, "tls": "none"})
        found = send_campaign(campaign, to, store=store, settings=settings, dns=False)
        deadline = time.monotonic() + 40
        while handed_on(relay) < found.counts[State.SENT]:
            assert time.monotonic() < deadline, (relay / "log" / "mail.log").read_text()
            time.sleep(0.05)
        came = [path.read_bytes() for path in folder.iterdir() if path.stat().st_size]
    assert found.state is CampaignState.FINISHED
    assert found.counts[State.FAILED] == 1
    assert len(came) == found.counts[State.SENT] == len(NASTY)
    for dumped in came:
        assert b"X-Rcpt-Args: <victim" not in dumped
        _, _, rest = dumped.partition(b"\nReceived: ")
        mail = message_from_bytes(b"Received: " + rest, policy=policy.default)
        assert mail["Bcc"] is None
        assert len(mail.get_all("Subject")) == len(mail.get_all("To")) == len(mail.get_all("From")) == 1
        assert "smuggled" not in mail.get_all("Subject")
        assert max(map(len, rest.splitlines())) <= 998
        html = mail.get_body(("html",)).get_content()
        assert "<script>" not in html
        assert "Unsubscribe</a>" in html
        assert mail.get_body(("plain",)).get_content().startswith("Hello ")
