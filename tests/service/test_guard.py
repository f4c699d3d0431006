"""The threat model of CONTRIBUTING.md, a test for each line of it."""

import asyncio
import re
import socket
from pathlib import Path

import httpx2
import pytest

from hygiene.credentials import Secret
from hygiene.service.entry import SESSION_S, Sessions, is_token
from hygiene.service.guard import BODY_WITHIN_S, MAX_BODIES, MAX_BODY, Guard

from ..sending.mailings import KEY, START_US, Clock
from .site import PEOPLE, running, served, settings_of

ANN = PEOPLE[0]
DASH = "sesame-open-1234567"
PAGES = ("/", "/sign-in", "/subscribe", "/nope", "/openapi.json", "/healthz", "/api/messages/x")
EVIL = {"host": "evil.example", "x-forwarded-host": "evil.example", "x-forwarded-proto": "http"}


@pytest.fixture(autouse=True)
def secrets(monkeypatch):
    monkeypatch.setenv("DASH", DASH)
    monkeypatch.setenv("API_TOKEN", "a-token-of-the-api-0123")


@pytest.fixture
def site(tmp_path):
    settings = settings_of(dashboard_token="env:DASH", api_token="env:API_TOKEN")
    with served(tmp_path / "hygiene.db", settings=settings) as found:
        yield found


def sign_in(site, token=DASH, **headers):
    return site.client.post("/sign-in", data={"token": token}, headers=headers)


def form_token(site):
    return re.search(r'name="form" value="([0-9a-f]{64})"', site.client.get("/").text)[1]


# headers


@pytest.mark.parametrize("path", PAGES)
def test_every_answer_has_the_headers(site, path):
    headers = site.client.get(path).headers
    policy = dict(each.strip().split(" ", 1) for each in headers["content-security-policy"].split(";"))
    assert policy["default-src"] == policy["base-uri"] == policy["frame-ancestors"] == "'none'"
    assert policy["script-src"] == policy["style-src"] == policy["form-action"] == "'self'"
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["x-frame-options"] == "DENY"
    assert headers["cache-control"] == "no-store"
    assert "max-age" in headers["strict-transport-security"]


def test_pages_have_no_script_or_style_of_their_own(site):
    sign_in(site)
    pages = [site.client.get(path).text for path in ("/", "/sign-in", "/subscribe", f"/u/{site.token(ANN)}")]
    for page in pages:
        assert not re.search(r"<style|\sstyle=|\son\w+=|<script>|javascript:", page)
        assert not re.search(r'(?:src|href)="(?:https?:)?//', page)


# what comes in


def test_a_body_that_is_too_large_is_cut_off(site):
    answer = site.client.post(f"/u/{site.token(ANN)}", content=b"a" * (MAX_BODY + 1))
    assert (answer.status_code, answer.headers["connection"]) == (413, "close")
    answer = site.client.post(
        "/api/messages",
        content=b"a" * (MAX_BODIES["api"] + 1),
        headers={
            "authorization": "Bearer a-token-of-the-api-0123",
            "idempotency-key": "a",
            "content-type": "application/json",
        },
    )
    assert answer.status_code == 413
    assert answer.headers["content-type"] == "application/problem+json"


def test_a_body_that_does_not_say_how_large_it_is_is_cut_off_too(site):
    answer = site.client.post(f"/u/{site.token(ANN)}", content=(b"a" * 10_000 for _ in range(100)))
    assert answer.status_code == 413


@pytest.mark.parametrize("length", [b"-1", b"x", b"99999999999999999999", b""])
def test_a_length_that_lies_does_no_harm(length):
    assert run_guard([(b"content-length", length)], [b"a"]) in {200, 413}


def test_a_body_that_comes_too_slowly_is_given_up():
    assert run_guard([], [b"a", None], ticks=BODY_WITHIN_S / 2 + 1) == 408


def run_guard(headers, parts, ticks=0.0):
    """The status of a request whose body comes in parts; None is one that never comes."""
    now = iter(range(10_000))
    statuses, lines = [], []

    async def app(scope, receive, send):
        from starlette.exceptions import HTTPException

        try:
            while (await receive()).get("more_body"):
                pass
            status = 200
        except HTTPException as error:
            status = error.status_code
        await send({"type": "http.response.start", "status": status, "headers": []})

    async def receive():
        part = parts.pop(0)
        if part is None:
            await asyncio.Event().wait()
        return {"type": "http.request", "body": part, "more_body": bool(parts)}

    async def send(message):
        statuses.append(message["status"])

    guard = Guard(app, log=lines.append, timer=lambda: next(now) * ticks)
    scope = {"type": "http", "method": "POST", "path": "/u/x", "headers": headers}
    asyncio.run(guard(scope, receive, send))
    return statuses[0]


def test_many_fields_and_files_are_refused(site):
    path = f"/u/{site.token(ANN)}"
    assert site.client.post(path, data={f"a{number}": "1" for number in range(50)}).status_code == 400
    files = {f"f{number}": ("a.txt", b"a") for number in range(3)}
    assert site.client.post(path, files=files).status_code == 400


@pytest.mark.parametrize(
    "path",
    [
        "/static/x/..%2f..%2fconfig.py",
        "/static/x/../../config.py",
        "/static/x/%2e%2e%2fpage.py",
        "/static/x//etc/passwd",
        "/static/x/page.py",
        "/static/x/page.css%00",
    ],
)
def test_no_path_leads_to_another_file(site, path):
    answer = site.client.get(path)
    assert answer.status_code == 404
    assert "import" not in answer.text


def test_the_files_are_served_for_ever_under_a_name_that_changes(site):
    page = site.client.get("/sign-in").text
    [css, _] = re.findall(r'href="(/static/[0-9a-f]{12}/[a-z.]+)"', page)
    answer = site.client.get(css)
    assert "immutable" in answer.headers["cache-control"]
    assert answer.headers["content-type"].startswith("text/css")


# what goes out


@pytest.mark.parametrize("path", [*PAGES, "/u/x"])
def test_the_host_of_a_request_is_believed_nowhere(site, path):
    for follow in (site.client.get(path, headers=EVIL), site.client.post(path, data={"a": "b"}, headers=EVIL)):
        assert "evil.example" not in follow.text + str(follow.headers)


def test_links_in_mails_are_of_the_settings_host(site):
    from hygiene.tables import OUTBOX

    site.client.post("/subscribe", data={"email": "dee@mail.example", "topic": "news"}, headers=EVIL)
    text = site.rows(OUTBOX)[-1]["fields"]
    assert "https://mail.shop.example/c/" in text
    assert "evil" not in text


def test_headers_cannot_be_broken_out_of(site):
    with site.store.reading():
        for evil in ("%0d%0aSet-Cookie:%20a=b", "%0aX:%20y"):
            for path in (f"/u/{evil}", f"/l/{evil}/{evil}", f"/c/{evil}", f"/{evil}", f"/api/messages/{evil}"):
                headers = site.client.get(path).headers
                assert "x" not in headers
                assert "set-cookie" not in headers


def test_a_fault_of_ours_tells_nothing(tmp_path, monkeypatch):
    from hygiene.service import unsubscribe

    async def broken(*_):
        raise RuntimeError("secret of the house")

    monkeypatch.setattr(unsubscribe, "sending_of", broken)
    with served(tmp_path / "hygiene.db") as site, pytest.raises(RuntimeError):
        site.client.get(f"/u/{site.token(ANN)}")
    with running(tmp_path / "other.db", settings=settings_of()) as url, httpx2.Client() as client:
        answer = client.get(f"{url}/u/{'a' * 24}")
        assert answer.status_code == 500
        assert "secret" not in answer.text
        assert answer.headers["content-security-policy"]


# the log


def test_log_lines_name_nobody(site):
    token = site.token(ANN)
    site.client.post(f"/u/{token}", data={"leave": "topic"}, headers={"x-forwarded-for": "192.0.2.7"})
    site.client.post("/subscribe", data={"email": "dee@mail.example", "topic": "news"})
    site.client.get("/ann@shop.example")
    site.client.get("/u/ann@shop.example?x=ann@shop.example")
    log = "\n".join(site.log)
    assert "POST /u/… 200" in log
    for word in (token, "@", "192.0.2.7", "testclient"):
        assert word not in log


def test_log_lines_name_network_addresses_when_asked(tmp_path):
    with served(tmp_path / "hygiene.db", log_addresses=True, settings=settings_of(proxies=())) as site:
        site.client.get("/healthz")
        assert site.log[-1].startswith("testclient GET /healthz 200")


# whose address it is


@pytest.mark.parametrize(
    ("proxies", "client", "forwarded", "peer"),
    [
        (("127.0.0.0/8",), "127.0.0.1", "192.0.2.7", "192.0.2.7"),
        (("127.0.0.0/8",), "127.0.0.1", "6.6.6.6, 192.0.2.7", "192.0.2.7"),  # what it brought along is not ours
        (("127.0.0.0/8", "10.0.0.0/8"), "127.0.0.1", "192.0.2.7, 10.1.1.1", "192.0.2.7"),
        (("127.0.0.0/8",), "198.51.100.1", "192.0.2.7", "198.51.100.1"),  # not through our proxy
        ((), "127.0.0.1", "192.0.2.7", "127.0.0.1"),
        (("127.0.0.0/8",), "127.0.0.1", "<script>", "127.0.0.1"),
        (("::1/128",), "::1", "2001:db8::1", "2001:db8::1"),
        (("127.0.0.0/8",), "127.0.0.1", "", "127.0.0.1"),
    ],
)
def test_only_our_proxies_say_where_a_request_comes_from(tmp_path, proxies, client, forwarded, peer):
    from starlette.requests import Request

    from hygiene.service.site import Site

    site = Site(store=None, settings=settings_of(proxies=proxies), clock=Clock(START_US))
    headers = [(b"x-forwarded-for", forwarded.encode())] if forwarded else []
    assert site.peer(Request({"type": "http", "client": (client, 1), "headers": headers})) == peer


# signing in


def test_the_token_opens_a_session_that_scripts_and_other_sites_cannot_use(site):
    answer = sign_in(site)
    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    cookie = answer.headers["set-cookie"].lower()
    assert cookie.startswith("__host-session=")
    for word in ("httponly", "samesite=strict", "secure", "path=/"):
        assert word in cookie
    assert DASH not in cookie
    assert site.client.get("/").status_code == 200


@pytest.mark.parametrize("token", ["", "x", DASH[:-1], DASH + "x", DASH.upper(), "a-token-of-the-api-0123"])
def test_another_token_does_not(site, token):
    answer = sign_in(site, token)
    assert answer.status_code == 401
    assert "set-cookie" not in answer.headers


def test_guessing_is_slow(site):
    statuses = [sign_in(site, f"guess-{number}").status_code for number in range(12)]
    assert statuses == [401] * 10 + [429] * 2
    assert sign_in(site).status_code == 429


@pytest.mark.parametrize("path", ["/", "/live"])
def test_without_a_session_nothing_is_shown(site, path):
    for cookie in ("", "__Host-session=9999999999.abc", f"__Host-session={DASH}"):
        answer = site.client.get(path, headers={"cookie": cookie} if cookie else {})
        assert answer.status_code in {303, 403}
        assert "spring" not in answer.text


def test_a_session_ends(site):
    sign_in(site)
    site.site.clock.move(seconds=SESSION_S + 1)
    assert site.client.get("/").status_code == 303


def test_signing_out_ends_it(site):
    sign_in(site)
    site.client.post("/sign-out", data={"form": form_token(site)})
    assert site.client.get("/").status_code == 303


@pytest.mark.parametrize("form", ["", "0" * 64, "é"])
@pytest.mark.parametrize("path", ["/doubts", "/sign-out"])
def test_a_form_of_another_page_does_nothing(site, path, form):
    sign_in(site)
    assert site.client.post(path, data={"form": form, "how": "resend", "id": "1"}).status_code == 403
    assert site.client.get("/").status_code == 200


def test_without_a_token_in_the_settings_there_is_no_dashboard(tmp_path):
    with served(tmp_path / "hygiene.db") as site:
        assert site.client.get("/").status_code == site.client.get("/sign-in").status_code == 404
        assert sign_in(site, "").status_code == 404


def test_a_new_token_or_key_ends_all_sessions():
    clock = Clock(START_US)
    one = Sessions(KEY, Secret(DASH), clock).new()
    assert Sessions(KEY, Secret(DASH), clock).is_open(one)
    assert not Sessions(KEY, Secret(DASH + "x"), clock).is_open(one)
    assert not Sessions(KEY[::-1], Secret(DASH), clock).is_open(one)
    later = str(int(one.partition(".")[0]) + 9) + "." + one.partition(".")[2]
    assert not Sessions(KEY, Secret(DASH), clock).is_open(later)


def test_no_token_is_none():
    assert not is_token("", Secret(""))


# the page of doubts


def test_doubts_are_resolved_by_a_person(site):
    from hygiene.sending.states import State
    from hygiene.tables import OUTBOX

    with site.store.writing() as connection:
        connection.execute(OUTBOX.update().where(OUTBOX.c.id < 3).values(state=State.UNKNOWN))
    sign_in(site)
    page = site.client.get("/").text
    assert "2 mails are in doubt" in page
    assert "Was sent" in page
    token = form_token(site)
    answer = site.client.post("/doubts", data={"form": token, "how": "sent", "id": ["1"]})
    assert answer.status_code == 303
    site.client.post("/doubts", data={"form": token, "how": "resend", "id": ["2", "3", "x", "-1"]})
    assert [row["state"] for row in site.rows(OUTBOX)] == ["sent", "ready", "ready"]
    assert "in doubt" not in site.client.get("/").text.partition("No campaign is held")[0]
    for nonsense in ({"how": "eat", "id": "1"}, {"how": "sent"}):
        assert site.client.post("/doubts", data={"form": token, **nonsense}).status_code == 400


def test_hostile_names_are_escaped(site):
    with site.store.writing() as connection:
        from sqlalchemy import text

        connection.execute(
            text("UPDATE campaign SET name = '<img src=x>', held_because = '</p><script>', state = 'held'")
        )
        connection.execute(
            text("UPDATE outbox SET state = 'unknown', recipient = '\"><script>@x.example', reply = '<b>'")
        )
    sign_in(site)
    page = site.client.get("/").text
    assert "<img" not in page
    assert page.count("<script") == 1
    assert "<b>" not in page


# slow and broken clients, on a real server


def test_a_request_that_is_none_is_refused_and_the_next_one_served(tmp_path):
    with running(tmp_path / "hygiene.db", settings=settings_of()) as url, httpx2.Client() as client:
        host, _, port = url.removeprefix("http://").partition(":")
        for bad in (
            b"\x16\x03\x01\x02",
            b"GET / HTTP/9.9\r\n\r\n",
            b"GET /\r\nA: b\r\n\r\n",
            b"POST /healthz HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
        ):
            with socket.create_connection((host, int(port))) as connection:
                connection.sendall(bad)
                assert b" 200 " not in connection.recv(1000)
        assert client.get(f"{url}/healthz").status_code == 200


def test_the_threat_model_names_these_tests():
    text = (Path(__file__).parents[2] / "CONTRIBUTING.md").read_text()
    model = text.partition("## What the service defends against")[2].partition("\n## ")[0]
    named = set(re.findall(r"`(test_\w+)`", model))
    here = Path(__file__).parents[1].rglob("test_*.py")
    defined = {name for path in here for name in re.findall(r"def (test_\w+)", path.read_text())}
    assert len(named) >= 15
    assert named <= defined


def test_behind_a_path_of_a_proxy_that_cuts_it_off(tmp_path):
    settings = settings_of(url="http://shop.example/mail", dashboard_token="env:DASH")
    with running(tmp_path / "hygiene.db", settings=settings) as url, httpx2.Client() as client:
        page = client.get(f"{url}/sign-in").text
        [css, _] = re.findall(r'href="(/mail/static/[^"]+)"', page)
        assert client.get(url + css.removeprefix("/mail")).status_code == 200
        answer = client.post(f"{url}/sign-in", data={"token": DASH})
        assert (answer.status_code, answer.headers["location"]) == (303, "/mail/")
        assert "Path=/mail/" in answer.headers["set-cookie"]
