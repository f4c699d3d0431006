"""Servers on loopback that speak the documented APIs strictly: what they do not document, they refuse.

A request is judged by a function Seen → (status, headers, body); a misbehaviour is one that does something else
to the connection. Nothing here uses code of the package.
"""

import asyncio
import base64
import contextlib
import email
import email.policy
import json
import re
import ssl
import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime

import trustme
from botocore import loaders
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.model import ServiceModel
from botocore.validate import ParamValidator

ADDRESS = re.compile(r"[^\s@<>,;:\"()\[\]\\]+@[a-z0-9-]+(\.[a-z0-9-]+)+", re.IGNORECASE)
AUTHORITY = trustme.CA()
STRANGER = trustme.CA()


@dataclass
class Seen:
    """A request as it came."""

    method: str
    path: str
    headers: dict  # lower-case names
    body: bytes

    def json(self):
        if self.headers.get("content-type", "").partition(";")[0] != "application/json":
            raise Bad(415, "not JSON by its content type")
        try:
            found = json.loads(self.body)
        except ValueError:
            raise Bad(400, "not JSON") from None
        if not isinstance(found, dict):
            raise Bad(400, "no object")
        return found


class Bad(Exception):
    """Refused: a status, and what is said."""

    def __init__(self, status, text, **more):
        super().__init__(text)
        self.status, self.text, self.more = status, text, more


@dataclass
class Server:
    """Requests seen, connections made, and where it is."""

    judge: object
    port: int = 0
    seen: list = field(default_factory=list)
    connections: int = 0
    open: int = 0
    most: int = 0

    @property
    def url(self):
        return f"https://localhost:{self.port}"

    async def handle(self, reader, writer):
        self.connections += 1
        try:
            while request := await read_request(reader):
                self.seen.append(request)
                self.open += 1
                self.most = max(self.most, self.open)
                try:
                    answer = self.judge(request)
                    answer = await answer(reader, writer) if callable(answer) else answer
                finally:
                    self.open -= 1
                if answer is None:
                    return
                await write_answer(writer, *answer)
        except (ConnectionError, asyncio.IncompleteReadError, ssl.SSLError):
            pass
        finally:
            with contextlib.suppress(Exception):
                writer.close()


async def read_request(reader):
    head = await reader.readuntil(b"\r\n\r\n") if not reader.at_eof() else b""
    if not head:
        return None
    first, *lines = head.decode("latin-1").rstrip("\r\n").split("\r\n")
    method, path, version = first.split(" ")
    assert version == "HTTP/1.1"
    headers = {}
    for line in lines:
        name, _, value = line.partition(": ")
        assert name.lower() not in headers, f"{name} twice"
        headers[name.lower()] = value
    assert headers["host"]
    body = await reader.readexactly(int(headers["content-length"]))
    return Seen(method, path, headers, body)


async def write_answer(writer, status, headers, body):
    told = {"Content-Length": str(len(body))} | headers
    lines = [f"HTTP/1.1 {status} Some Reason", *(f"{name}: {value}" for name, value in told.items())]
    writer.write("\r\n".join([*lines, "", ""]).encode("latin-1") + body)
    await writer.drain()


@contextlib.asynccontextmanager
async def serve(judge, *, authority=AUTHORITY):
    """A server with a certificate of that authority for localhost."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    server = Server(judge)
    listening = await asyncio.start_server(quietly(server.handle), "127.0.0.1", 0, ssl=context)
    server.port = listening.sockets[0].getsockname()[1]
    try:
        yield server
    finally:
        listening.close()


def quietly(handle):
    async def run(reader, writer):
        with contextlib.suppress(asyncio.CancelledError):
            await handle(reader, writer)

    return run


def answered(judge, failing):
    """A judge whose refusals are answered as that provider documents."""

    def run(request):
        try:
            return judge(request)
        except Bad as bad:
            return failing(bad)

    return run


def as_json(status, found, **headers):
    return status, {"Content-Type": "application/json", **headers}, json.dumps(found).encode()


def need(condition, status, text, **more):
    if not condition:
        raise Bad(status, text, **more)


# Amazon SES

ACCESS, SECRET, REGION = "AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", "eu-west-1"
SES_MODEL = ServiceModel(loaders.Loader().load_service_model("sesv2", "service-2"), "sesv2")
SEND_EMAIL = SES_MODEL.operation_model("SendEmail")


def sigv4_signature(method, url, headers, body, signed, stamp, scope_region=REGION, service="ses"):
    """What botocore signs, for the headers that are said to be signed."""
    request = AWSRequest(method=method, url=url, data=body, headers={n: headers[n] for n in signed})
    request.context["timestamp"] = stamp
    auth = SigV4Auth(Credentials(ACCESS, SECRET), service, scope_region)
    return auth.signature(auth.string_to_sign(request, auth.canonical_request(request)), request)


def ses(request, *, now=None):
    """SendEmail; signed, within 5 minutes, and of the form of the service's own model."""
    found = re.fullmatch(
        rf"AWS4-HMAC-SHA256 Credential={ACCESS}/(\d{{8}})/{REGION}/ses/aws4_request, "
        r"SignedHeaders=([a-z0-9;-]+), Signature=([0-9a-f]{64})",
        request.headers.get("authorization", ""),
    )
    need(found, 403, "missing", error="MissingAuthenticationTokenException")
    day, signed, signature = found.groups()
    stamp, names = request.headers["x-amz-date"], signed.split(";")
    need({"host", "x-amz-date"} <= set(names) and stamp.startswith(day), 403, "x", error="IncompleteSignature")
    at = datetime.strptime(stamp, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    late = abs(((now or datetime.now(UTC)) - at).total_seconds()) > 300
    need(not late, 403, "Signature expired", error="InvalidSignatureException")
    url = f"https://{request.headers['host']}{request.path}"
    expected = sigv4_signature(request.method, url, request.headers, request.body, names, stamp)
    need(signature == expected, 403, "does not match", error="InvalidSignatureException")
    need(
        (request.method, request.path) == ("POST", "/v2/email/outbound-emails"),
        404,
        "x",
        error="NotFoundException",
    )
    fields = request.json()
    report = ParamValidator().validate(with_octets(fields), SEND_EMAIL.input_shape)
    need(not report.has_errors(), 400, report.generate_report(), error="BadRequestException")
    for tag in fields.get("EmailTags", ()):
        need(re.fullmatch(r"[A-Za-z0-9_-]{1,256}", tag["Value"]), 400, "tag", error="BadRequestException")
    message = read_mime(base64.b64decode(fields["Content"]["Raw"]["Data"], validate=True))
    (to,) = fields["Destination"]["ToAddresses"]
    need(ADDRESS.fullmatch(to), 400, "Missing final '@domain'", error="BadRequestException")
    verified = message["From"].addresses[0].domain == "shop.example"
    need(verified, 400, "Email address is not verified.", error="MessageRejected")
    return as_json(200, {"MessageId": f"0102-{len(request.body)}"})


def with_octets(fields):
    return json.loads(json.dumps(fields), object_hook=lambda one: {n: octets(n, v) for n, v in one.items()})


def octets(name, value):
    return value.encode() if name == "Data" and isinstance(value, str) else value


def ses_failing(bad):
    status, headers, body = as_json(bad.status, {"message": bad.text})
    return status, headers | {"x-amzn-errortype": f"{bad.more.get('error', 'BadRequestException')}:"}, body


def read_mime(content):
    need(b"\r\n" in content and b"\n" not in content.replace(b"\r\n", b""), 400, "line ends")
    message = email.message_from_bytes(content, policy=email.policy.default)
    for name in ("From", "To", "Subject", "Date", "Message-ID"):
        need(len(message.get_all(name, ())) == 1, 400, f"{name} is not there once")
    return message


# SendGrid

SENDGRID_KEY = "SG.abcdefgh"
SENDGRID_RESERVED = {
    *("x-sg-id", "x-sg-eid", "received", "dkim-signature", "content-type", "content-transfer-encoding"),
    *("to", "from", "subject", "reply-to", "cc", "bcc"),
}
SENDGRID_FIELDS = {
    *("personalizations", "from", "reply_to", "subject", "content", "headers", "categories", "custom_args"),
}


def sendgrid(request):
    need(request.headers.get("authorization") == f"Bearer {SENDGRID_KEY}", 401, "authorization required")
    if (request.method, request.path) == ("GET", "/v3/scopes"):
        return as_json(200, {"scopes": ["mail.send"]})
    need((request.method, request.path) == ("POST", "/v3/mail/send"), 404, "not found")
    need("application/json" in request.headers.get("accept", ""), 406, "accept")
    fields = request.json()
    need(set(fields) <= SENDGRID_FIELDS, 400, "unknown field", field=None)
    (one,) = fields["personalizations"]
    (to,) = one["to"]
    need(
        ADDRESS.fullmatch(to["email"]),
        400,
        "Does not contain a valid address.",
        field="personalizations.0.to.0.email",
    )
    need(set(to) <= {"email", "name"} and all(to.values()), 400, "to", field="personalizations.0.to.0.name")
    verified = fields["from"]["email"].endswith("@shop.example")
    need(verified, 403, "The from address does not match a verified Sender Identity.", field="from")
    need(isinstance(fields["subject"], str) and fields["subject"], 400, "subject", field="subject")
    kinds = [part["type"] for part in fields["content"]]
    need(kinds in (["text/plain"], ["text/html"], ["text/plain", "text/html"]), 400, "order", field="content")
    need(all(part["value"] for part in fields["content"]), 400, "empty", field="content.0.value")
    for name, value in fields["headers"].items():
        need(name.lower() not in SENDGRID_RESERVED, 400, "reserved", field=f"headers.{name}")
        need(isinstance(value, str) and value.isprintable(), 400, "header", field=f"headers.{name}")
    arguments = fields["custom_args"]
    sound = all(isinstance(value, str) for value in arguments.values()) and len(json.dumps(arguments)) < 10_000
    need(sound, 400, "custom_args", field="custom_args")
    need(all(len(one) <= 255 for one in fields.get("categories", ())), 400, "long", field="categories")
    return 202, {"X-Message-Id": "14c5d75ce93"}, b""


def sendgrid_failing(bad):
    error = {"message": bad.text, "field": bad.more.get("field"), "help": None}
    return as_json(bad.status, {"errors": [error]})


# Mailgun

MAILGUN_KEY = "key-3ax6xnjp29jd6fds4gc373sgvjxteol0"


def mailgun(request):
    expected = "Basic " + base64.b64encode(f"api:{MAILGUN_KEY}".encode()).decode()
    need(request.headers.get("authorization") == expected, 401, "Forbidden", plain=True)
    need((request.method, request.path) == ("POST", "/v3/mg.shop.example/messages.mime"), 404, "not found")
    form = read_form(request)
    need(set(form) - {"o:tag"} >= {"to", "message", "v:hygiene_ref"}, 400, "to parameter is missing")
    names = {"to", "message", "o:tag", "v:hygiene_ref", "v:campaign", "v:stream"}
    need(set(form) <= names, 400, "unknown parameter")
    to = form["to"].decode()
    need(ADDRESS.fullmatch(to), 400, "'to' parameter is not a valid address. please check documentation")
    tag = form.get("o:tag", b"").decode("ascii")
    need(len(tag) <= 128, 400, "tag is too long")
    message = read_mime(form["message"])
    allowed = message["From"].addresses[0].domain == "shop.example"
    need(allowed, 403, "Domain mg.shop.example is not allowed to send: The domain is unverified")
    return as_json(200, {"id": "<20261128.1@mg.shop.example>", "message": "Queued. Thank you."})


def read_form(request):
    kind = request.headers["content-type"]
    need(kind.startswith("multipart/form-data; boundary="), 400, "form")
    boundary = b"--" + kind.partition("boundary=")[2].encode()
    first, *parts, last = request.body.split(boundary)
    need(first == b"" and last == b"--\r\n", 400, "form")
    form = {}
    for part in parts:
        head, _, content = part.removeprefix(b"\r\n").partition(b"\r\n\r\n")
        name = re.search(rb'form-data; name="([^"]+)"', head)[1].decode()
        need(name not in form, 400, "twice")
        form[name] = content.removesuffix(b"\r\n")
    return form


def mailgun_failing(bad):
    if bad.more.get("plain"):
        return bad.status, {"Content-Type": "text/html"}, bad.text.encode()
    return as_json(bad.status, {"message": bad.text})


# Postmark

POSTMARK_TOKEN = "d0b1c2a3-token"
POSTMARK_FIELDS = {
    *(
        "From",
        "To",
        "Subject",
        "HtmlBody",
        "TextBody",
        "ReplyTo",
        "Headers",
        "Metadata",
        "Tag",
        "MessageStream",
    ),
}


def postmark(request):
    need(request.headers.get("x-postmark-server-token") == POSTMARK_TOKEN, 401, "No Account", code=10)
    if (request.method, request.path) == ("GET", "/server"):
        return as_json(200, {"ID": 1, "Name": "Production"})
    need((request.method, request.path) == ("POST", "/email"), 404, "not found", code=0)
    fields = request.json()
    need(set(fields) <= POSTMARK_FIELDS, 422, "unknown", code=403)
    need(fields.get("MessageStream") in {"outbound", "news"}, 422, "The stream was not found", code=1235)
    sender = address_of(fields["From"])
    need(ADDRESS.fullmatch(sender or ""), 422, "Invalid 'From' address", code=300)
    need(sender.endswith("@shop.example"), 422, "The 'From' address is no signature", code=400)
    to = address_of(fields["To"])
    need(ADDRESS.fullmatch(to or ""), 422, f"Error parsing 'To': Illegal email address '{to}'", code=300)
    inactive = to == "gone@example.com"
    need(not inactive, 422, f"Found inactive addresses: {to}.", code=406)
    need(fields.get("HtmlBody") or fields.get("TextBody"), 422, "Zero length body", code=300)
    for header in fields["Headers"]:
        need(set(header) == {"Name", "Value"} and header["Value"].isprintable(), 422, "header", code=300)
    for name, value in fields["Metadata"].items():
        need(len(name) <= 20 and 0 < len(value) <= 80, 422, "metadata", code=300)
    told = {"To": to, "SubmittedAt": "2026-11-28T12:00:00Z", "MessageID": "0a129aee", "ErrorCode": 0}
    return as_json(200, told | {"Message": "OK"})


def address_of(written):
    """The address of one mailbox; None for several, or for what is none."""
    parsed = email.message_from_string(f"To: {written}\n\n", policy=email.policy.default)["To"]
    return parsed.addresses[0].addr_spec if len(parsed.addresses) == 1 and not parsed.defects else None


def postmark_failing(bad):
    return as_json(bad.status, {"ErrorCode": bad.more.get("code", 0), "Message": bad.text})


# Brevo

BREVO_KEY = "xkeysib-0123"
BREVO_FIELDS = {
    *("sender", "to", "replyTo", "subject", "htmlContent", "textContent", "headers", "tags"),
}


class Brevo:
    """Remembers the keys of idempotency."""

    def __init__(self):
        self.keys = {}

    def __call__(self, request):
        need(request.headers.get("api-key") == BREVO_KEY, 401, "Key not found", code="unauthorized")
        if (request.method, request.path) == ("GET", "/v3/account"):
            return as_json(200, {"email": "owner@shop.example"})
        need((request.method, request.path) == ("POST", "/v3/smtp/email"), 404, "x", code="document_not_found")
        fields = request.json()
        need(set(fields) <= BREVO_FIELDS, 400, "unknown", code="invalid_parameter")
        sender = fields["sender"]["email"]
        need(sender.endswith("@shop.example"), 400, "Sender is not valid", code="invalid_parameter")
        (to,) = fields["to"]
        need(ADDRESS.fullmatch(to["email"]), 400, "email is not valid in to", code="invalid_parameter")
        need(all(to.values()) and all(fields["sender"].values()), 400, "name", code="missing_parameter")
        need(fields.get("subject"), 400, "subject is missing", code="missing_parameter")
        need(fields.get("htmlContent") or fields.get("textContent"), 400, "x", code="missing_parameter")
        headers = fields["headers"]
        need(
            all(isinstance(v, str) and v.isprintable() for v in headers.values()),
            400,
            "x",
            code="invalid_parameter",
        )
        key = str(uuid.UUID(headers["idempotencyKey"]))
        need(key not in self.keys, 400, "processed already", code="duplicate_request")
        self.keys[key] = to["email"]
        return as_json(201, {"messageId": "<202611281200.1@smtp-relay.mailin.fr>"})


def brevo_failing(bad):
    return as_json(bad.status, {"code": bad.more.get("code", "bad_request"), "message": bad.text})


def strict():
    """Each provider, as it documents itself."""
    return {
        "ses": answered(ses, ses_failing),
        "sendgrid": answered(sendgrid, sendgrid_failing),
        "mailgun": answered(mailgun, mailgun_failing),
        "postmark": answered(postmark, postmark_failing),
        "brevo": answered(Brevo(), brevo_failing),
    }


# Misbehaviours


def drop(request):
    async def run(reader, writer):
        writer.transport.abort()

    return run


def part_of_an_answer(request):
    async def run(reader, writer):
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Le")
        await writer.drain()
        writer.transport.abort()

    return run


def broken_body(status):
    def judge(request):
        async def run(reader, writer):
            writer.write(f"HTTP/1.1 {status} x\r\nContent-Length: 500\r\n\r\n{{".encode())
            await writer.drain()
            writer.transport.abort()

        return run

    return judge


def silent(request):
    async def run(reader, writer):
        await reader.read()  # until the client gives up

    return run


def trickle(request):
    async def run(reader, writer):
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
        while not reader.at_eof():
            writer.write(b" ")
            await writer.drain()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(0.02):
                    await reader.read(1)

    return run


def no_http(request):
    async def run(reader, writer):
        writer.write(b"220 smtp.example ESMTP\r\n")
        await writer.drain()

    return run


def endless_head(request):
    async def run(reader, writer):
        writer.write(b"HTTP/1.1 200 OK\r\n")
        for number in range(20_000):
            writer.write(f"X-{number}: {'y' * 60}\r\n".encode())
        await writer.drain()

    return run


def always(status, body=b"", **headers):
    return lambda request: (status, {name.replace("_", "-"): value for name, value in headers.items()}, body)
