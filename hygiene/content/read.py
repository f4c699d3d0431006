"""Bytes → the parts of a mail: HTML, plain text, or a message with its MIME parts. Pure, whatever comes in."""

from __future__ import annotations

import codecs
import re
from binascii import b2a_qp
from email import message_from_bytes
from email.message import Message as MimeMessage
from email.utils import parseaddr

from hygiene.content.header_text import decoded_header, python_name
from hygiene.content.page import MAX_HTML_BYTES, read_page
from hygiene.content.parts import Attachment, Charset, Content, Message
from hygiene.errors import UnreadableInput

MAX_MESSAGE_BYTES = 40_000_000  # with attachments; Gmail takes 25 MB
MAX_PARTS = 500
MAX_FIELDS = 1_000  # header fields looked at
MAX_FIELD = 20_000  # characters of one

_BOMS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_META = re.compile(rb"<meta[^>]{0,200}charset\s*=\s*[\"']?\s*([\w.:-]{1,40})", re.IGNORECASE)
_HTML = re.compile(
    r"<(?:!doctype\s+html|html|head|body|table|div|p|h1|a\s|img\s|style|center|span|br|td|b>|i>)", re.IGNORECASE
)
_FIELD = re.compile(rb"[!-9;-~]{1,76}:[ \t]?")
_MAIL_FIELDS = re.compile(
    rb"^(?:from|to|subject|date|mime-version|content-type|message-id|received|return-path|dkim-signature):",
    re.IGNORECASE | re.MULTILINE,
)
_BINARY = (b"%PDF", b"\x89PNG", b"PK\x03\x04", b"\xff\xd8\xff", b"GIF8", b"\x1f\x8b", b"\xd0\xcf\x11\xe0")


def read_content(raw: bytes, *, name: str, subject: str | None = None, preheader: str | None = None) -> Content:
    """Read a file; a subject given wins over the message's. Raises UnreadableInput with one sentence."""
    if raw.startswith(_BINARY):
        raise UnreadableInput(f"{name} is no mail: give HTML, plain text or an .eml message")
    if not raw.strip():
        raise UnreadableInput(f"{name} is empty")
    if len(raw) > MAX_MESSAGE_BYTES:
        raise UnreadableInput(f"{name} is too large for a mail: more than {MAX_MESSAGE_BYTES:,} bytes")
    try:
        if _is_message(raw, name):
            return _message(raw, name, subject, preheader)
        return _file(raw, name, subject, preheader)
    except UnreadableInput as error:
        raise UnreadableInput(f"{name} cannot be judged: {error}") from None
    except RecursionError:
        raise UnreadableInput(f"{name} cannot be judged: its parts are nested too deeply") from None


def _is_message(raw: bytes, name: str) -> bool:
    if name.lower().endswith((".html", ".htm")):
        return False
    start = raw[:20_000].lstrip(b"\xef\xbb\xbf\r\n")
    if start.startswith(b"From "):
        start = start.partition(b"\n")[2]
    head = re.split(rb"\r?\n\r?\n", start, maxsplit=1)[0]
    found = len(_MAIL_FIELDS.findall(head))
    return bool(_FIELD.match(head)) and (found >= 2 or (name.lower().endswith(".eml") and found >= 1))


def _file(raw: bytes, name: str, subject: str | None, preheader: str | None) -> Content:
    html_named = name.lower().endswith((".html", ".htm"))
    if len(raw) > MAX_HTML_BYTES:
        raise UnreadableInput(f"{len(raw):,} bytes are too large for the text of a mail")
    declared = _META.search(raw[:4096])
    text, charset = decode(raw, declared[1].decode("ascii") if declared else "", part="file")
    if not (html_named or _HTML.search(text[:100_000])):
        _refuse_nul(text)
        return Content(name=name, subject=subject, given_preheader=preheader, text=text, charsets=(charset,))
    return Content(
        name=name,
        subject=subject,
        given_preheader=preheader,
        page=read_page(text),
        html_bytes=len(text.encode("utf-8", "replace")),
        html_encoded_bytes=len(b2a_qp(text.encode("utf-8", "replace"))),
        charsets=(charset,),
    )


def decode(raw: bytes, declared: str, *, part: str) -> tuple[str, Charset]:
    """The text, by byte order mark, then as declared, then UTF-8, then Windows-1252."""
    for mark, encoding in _BOMS:
        if raw.startswith(mark):
            text = raw[len(mark) :].decode(encoding, "replace")
            return _newlines(text), Charset(part=part, declared=declared, used=encoding)
    trouble = ""
    for encoding in filter(None, (declared, "utf-8", "windows-1252")):
        try:
            text = raw.decode(python_name(encoding))
        except LookupError:
            trouble = f"{part} is declared as {encoding}, which is no charset anybody knows"
        except (UnicodeDecodeError, UnicodeError):
            at = _bad_byte(raw, encoding)
            trouble = trouble or f"{part} is {'declared as ' if declared else 'not '}{encoding}{at}"
        else:
            return _newlines(text), Charset(part=part, declared=declared, used=encoding, trouble=trouble)
    text = raw.decode("windows-1252", "replace")
    return _newlines(text), Charset(part=part, declared=declared, used="windows-1252", trouble=trouble)


def _bad_byte(raw: bytes, encoding: str) -> str:
    try:
        raw.decode(python_name(encoding))
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        return f", but line {line} holds the byte 0x{raw[error.start]:02x}, which is none of it"
    except (LookupError, UnicodeError):
        pass
    return ""


def _newlines(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _refuse_nul(text: str) -> None:
    if "\0" in text:
        raise UnreadableInput("it holds NUL characters: it is no text, or of another charset than it says")


def _message(raw: bytes, name: str, subject: str | None, preheader: str | None) -> Content:
    mime = message_from_bytes(raw.lstrip(b"\xef\xbb\xbf\r\n"))
    parts, attached = _bodies(mime)
    message = _header(mime, raw, attached)
    if subject is None:
        subject = message.first("subject")
    html, text = parts.get("text/html"), parts.get("text/plain")
    charsets, page, size, encoded, words = [], None, 0, 0, None
    if html is not None:
        source, charset = _decoded(html, "the HTML part")
        charsets.append(charset)
        page = read_page(source)
        size, encoded = len(source.encode("utf-8", "replace")), _travels(html)
    if text is not None:
        words, charset = _decoded(text, "the text part")
        _refuse_nul(words)
        charsets.append(charset)
    return Content(
        name=name,
        subject=subject,
        page=page,
        text=words,
        message=message,
        given_preheader=preheader,
        html_bytes=size,
        html_encoded_bytes=encoded,
        charsets=tuple(charsets),
    )


def _bodies(mime: MimeMessage) -> tuple[dict[str, MimeMessage], tuple[Attachment, ...]]:
    """The first part of each text kind that is shown, and what is attached; a message inside is not opened."""
    found: dict[str, MimeMessage] = {}
    attached: list[Attachment] = []
    waiting, seen = [mime], 0
    while waiting:
        part = waiting.pop(0)
        seen += 1
        if seen > MAX_PARTS:
            raise UnreadableInput(f"it has more than {MAX_PARTS} parts")
        kind = part.get_content_type()
        if kind.startswith("multipart/") and isinstance(part.get_payload(), list):
            waiting = [*part.get_payload(), *waiting]
        elif part.get_content_disposition() != "attachment" and kind in {"text/html", "text/plain"}:
            found.setdefault(kind, part)
        elif name := _file_name(part):
            attached.append(Attachment(name, kind, _travels(part)))
    return found, tuple(attached)


def _file_name(part: MimeMessage) -> str:
    """Of an attachment; '' for what is none, "unnamed" where it has no name."""
    try:
        name = decoded_header(str(part.get_filename("")))
    except (TypeError, LookupError, ValueError):  # of a charset that is none
        name = ""
    return name[:200] or ("unnamed" if part.get_content_disposition() == "attachment" else "")


_WRAPPED = {"multipart/encrypted", "application/pkcs7-mime", "application/x-pkcs7-mime"}


def _wrapped(mime: MimeMessage) -> str:
    kind = mime.get_content_type()
    return kind if kind in _WRAPPED else ""


def _decoded(part: MimeMessage, name: str) -> tuple[str, Charset]:
    payload = part.get_payload(decode=True)
    raw = payload if isinstance(payload, bytes) else b""
    if len(raw) > MAX_HTML_BYTES:
        raise UnreadableInput(f"{name} of {len(raw):,} bytes is too large for a mail")
    declared = part.get_content_charset("")
    if not declared and part.get_content_type() == "text/html" and (meta := _META.search(raw[:4096])):
        declared = meta[1].decode("ascii")
    return decode(raw, declared, part=name)


def _travels(part: MimeMessage) -> int:
    """Bytes of a part as it stands in the message; 0 where the library cannot tell."""
    try:
        payload = part.get_payload()
    except (TypeError, LookupError, ValueError):  # of a charset that is none
        return 0
    return len(payload) if isinstance(payload, str) else 0


def _header(mime: MimeMessage, raw: bytes, attached: tuple[Attachment, ...]) -> Message:
    fields: dict[str, tuple[str, ...]] = {}
    raw_subject = ""
    for name, value in list(mime.raw_items())[:MAX_FIELDS]:
        text = str(value)[:MAX_FIELD]
        fields[name.lower()] = (*fields.get(name.lower(), ()), decoded_header(text))
        raw_subject = raw_subject or (text if name.lower() == "subject" else "")
    _, address = parseaddr(fields.get("from", ("",))[0])
    domain = address.rpartition("@")[2].strip(".> ").lower()
    return Message(
        fields=fields,
        longest_line=max((len(line.rstrip(b"\r")) for line in raw.split(b"\n")), default=0),
        from_domain=domain if "." in domain else "",
        raw_subject=raw_subject,
        attached=attached,
        wrapped=_wrapped(mime),
    )
