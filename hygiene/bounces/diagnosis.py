"""What is said of one recipient: the reply, its codes and phase, the verdict, and the line that proves it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from hygiene.bounce import Verdict
from hygiene.bounces.notice import words
from hygiene.bounces.refusal import CODE, STATUS, judge
from hygiene.bounces.rules import Refusal, may_decide
from hygiene.bounces.wording import MAX_TEXT, normal
from hygiene.finding import Confidence

MAX_EVIDENCE: Final = 500  # characters

_TYPE = re.compile(r"^\s*[\w-]{1,30}\s*;\s*")  # "smtp;" of Diagnostic-Code, RFC 3464 §2.3.6
_PREFIX = re.compile(
    r"^(?:(?:remote )?host \S+(?: \[\S+\])? (?:said|says|returned)"
    r"|remote (?:host|server) (?:said|returned)):\s*",
    re.IGNORECASE,
)
_PHASE = re.compile(
    r"(?:in reply to|in response to|after|during|>>>|-->|command:?|error from remote mail server after"
    r"|while (?:receiving the|sending|talking))\s*(?:the |a |pipelined |sending )?[\"']?"
    r"(rcpt|mail from|mail|end of data|end of message|\.|data|bdat|[eh]h?elo|ehlo|starttls|auth|initial)",
)  # of lower case: a pattern that ignores case takes ten times as long to find where it may begin
#: one of them stands before any phase
_BEFORE_PHASES: Final = ("reply to", "response to", "after", "during", ">>>", "-->", "command", "while ")
_PHASES: Final = {
    "rcpt": "rcpt",
    "mail": "mail",
    "mail from": "mail",
    "end of data": "dot",
    "end of message": "dot",
    ".": "dot",
    "data": "data",
    "bdat": "dot",
    "ehlo": "ehlo",
    "helo": "ehlo",
    "starttls": "tls",
    "auth": "auth",
    "initial": "connect",
}
_DIGIT = re.compile("[245]")
_SAID = re.compile(
    r"\b(?:remote host|host \S{1,200}|server) (?:said|says|returned|responded):\s*(?=\S)", re.IGNORECASE
)
_SAYS: Final = ("said", "says", "returned", "responded")
#: what the other side said, in a transcript of Sendmail, MDaemon, InterScan
_HEARD = re.compile(r"^.{0,60}?(?:<<<|<--|Received >>>)[ \t]*(\S.*)")
_GOES_WELL = re.compile(r"[23]\d\d[ -]|RCPT|MAIL|DATA", re.IGNORECASE)
#: Gmail's "(state 14)"
_STATE = re.compile(r"\(state (\d{1,2})\)")
_STATES: Final = {"13": "mail", "14": "rcpt", "15": "data", "17": "dot", "18": "dot"}
_SENTENCE = re.compile(r"(?<=[.!?])\s+(?=[A-Z*<])|(?<=。)|\n\s*\n|\n(?=\s*[-*<(])")
_WRAPPED = re.compile(r"(?<!:)[ \t]*\n[ \t]*")
_SURENESS: Final = {Confidence.SURE: 2, Confidence.LIKELY: 1, Confidence.GUESS: 0}


@dataclass(frozen=True, kw_only=True)
class Diagnosis:
    """The verdict with the codes it was made from; status "" and code None where there are none."""

    verdict: Verdict
    status: str
    code: int | None
    diagnostic: str


def diagnose(diagnostic: str, status: str, lines: Sequence[str], provider: str = "") -> Diagnosis:
    """A diagnosis of what the server said; where that says little, of what the notice says beside it."""
    said = _TYPE.sub("", diagnostic).strip()
    said = _PREFIX.sub("", said, count=1)
    refusal = read_refusal(said, status, provider)
    verdict = judge(refusal, said[:MAX_EVIDENCE]) if said or status else None
    if verdict is None or verdict.confidence is Confidence.GUESS or not refusal.words.strip():
        noticed, of_notice = _notice(lines, refusal, provider)
        if (
            verdict is None
            or _SURENESS[noticed.confidence] > _SURENESS[verdict.confidence]
            or not verdict.rule_id
        ):
            verdict = noticed
        refusal = refusal if refusal.code else _with_code(refusal, of_notice)
    own = next(iter(refusal.statuses), "") or status
    if not verdict.evidence and own:
        verdict = replace(verdict, evidence=f"Status: {own}")
    return Diagnosis(verdict=verdict, status=own, code=refusal.code or None, diagnostic=said[:MAX_TEXT])


def read_refusal(text: str, status: str = "", provider: str = "", phase: str = "") -> Refusal:
    """Words, codes and phase of a text."""
    text = text[:MAX_TEXT]
    return Refusal(
        words=normal(text),
        code=_code(text),
        statuses=tuple(dict.fromkeys(STATUS.findall(text))),
        reported=status,
        phase=phase or _phase(text),
        provider=provider,
    )


def _code(text: str) -> int:
    return next((int(found) for found in CODE.findall(text) if found[0] != "2"), 0)


def _phase(text: str) -> str:
    """The command that was refused, by what servers write around a reply."""
    if state := _STATE.search(text):
        return _STATES.get(state[1], "")
    lower = text.lower()
    if not [hint for hint in _BEFORE_PHASES if hint in lower]:
        return ""
    found = _PHASE.findall(lower)
    return _PHASES.get(found[-1], "") if found else ""


def _with_code(refusal: Refusal, other: Refusal) -> Refusal:
    return Refusal(
        words=refusal.words,
        code=other.code,
        statuses=refusal.statuses or other.statuses,
        reported=refusal.reported,
        phase=refusal.phase,
        provider=refusal.provider,
    )


def _notice(lines: Sequence[str], refusal: Refusal, provider: str) -> tuple[Verdict, Refusal]:
    """The verdict over a notice: its reply first, then all that is no guess and no advice."""
    text = "\n".join(lines)[: 4 * MAX_TEXT]
    replies = _reply(lines)
    status, phase = refusal.reported, refusal.phase or _phase(text)
    of_reply = read_refusal(replies, status, provider, phase)
    verdict = judge(of_reply, _proof(replies)) if replies else None
    if verdict is not None and verdict.confidence is not Confidence.GUESS:
        return verdict, of_reply
    plain = _without_hedges(text)
    of_text = read_refusal(plain, status, provider, phase)
    of_text = of_text if of_text.code else replace(of_reply, words=of_text.words)
    second = judge(of_text)
    if (
        verdict is not None
        and verdict.rule_id
        and _SURENESS[second.confidence] <= _SURENESS[verdict.confidence]
    ):
        return verdict, of_reply
    return _proven(second, lines, replies or plain), of_text


def _reply(lines: Sequence[str]) -> str:
    """The reply with a code of failure in a notice, from its code on."""
    text = _heard(lines) or _coded(lines)
    code = next((match for match in CODE.finditer(text) if match[1][0] != "2"), None)
    if code:
        return text[code.start() :]
    said = _SAID.search(text)
    return text[said.end() :] if said else text


def has_reply(lines: Sequence[str]) -> bool:
    """Whether a notice quotes a refusal: a reply code with words, beside an address."""
    return any("@" in line for line in lines) and bool(_code(_reply(lines)))


def _heard(lines: Sequence[str]) -> str:
    """The last refusal in a transcript of a session."""
    heard = [match[1] for line in lines if "<" in line or ">>>" in line if (match := _HEARD.match(line))]
    if not heard:
        return ""
    last = len(heard)
    while last and _GOES_WELL.match(heard[last - 1]):
        last -= 1
    first = last - 1
    while first > 0 and heard[first - 1][3:4] == "-" and not _GOES_WELL.match(heard[first - 1]):
        first -= 1
    return "\n".join(heard[first:last]) if last else ""


def _coded(lines: Sequence[str]) -> str:
    """From the first line that has a code up to the next empty one."""
    start = next((number for number, line in enumerate(lines) if _is_coded(line)), None)
    if start is None:
        return ""
    end = start + 1
    while end < min(len(lines), start + 10) and lines[end].strip():
        end += 1
    return "\n".join(lines[start:end])


def _is_coded(line: str) -> bool:
    if _DIGIT.search(line) and (_code(line) or STATUS.search(line)):
        return True
    return ":" in line and any(word in line.lower() for word in _SAYS) and bool(_SAID.search(line))


def _without_hedges(text: str) -> str:
    sentences = (_WRAPPED.sub(" ", each).strip() for each in _SENTENCE.split(text))
    kept = [each for each in sentences if each and not words("hedges").are_in(normal(each[:400]))]
    return "\n".join(kept)[:MAX_TEXT]


def _proven(verdict: Verdict, lines: Sequence[str], plain: str) -> Verdict:
    """The verdict with the line of the notice that alone leads to it."""
    evidence = _line_of(verdict, lines) or _proof(plain)
    return replace(verdict, evidence=evidence)


def _line_of(verdict: Verdict, lines: Sequence[str]) -> str:
    if not verdict.rule_id:
        return ""
    stripped = (line.strip() for line in lines[:60])
    candidates = (line for line in stripped if line and may_decide(verdict.rule_id, normal(line)))
    return next((line for line in candidates if judge(read_refusal(line)).rule_id == verdict.rule_id), "")


def _proof(text: str) -> str:
    """A text as one line."""
    return " ".join(text.split())[:MAX_EVIDENCE]
