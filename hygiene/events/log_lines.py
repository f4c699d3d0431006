"""Lines of a mail log in JSON, made lines as the log itself writes them.

The journal (systemd.journal-fields(7), journalctl -o json), logs of containers, templates of rsyslog and
syslog-ng, and collectors say in keys of these names what was said, by which program, when and where; 2026-11.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from hygiene.events.layout import json_path, quote

_SAID: Final = ("log", "message", "msg", "line", "textPayload", "MESSAGE")
_BY: Final = (
    *("SYSLOG_IDENTIFIER", "syslog-tag", "syslogtag", "tag", "programname", "program", "PROGRAM", "ident"),
    *("app-name", "appname", "app_name", "application_name", "source"),
)
_WHEN: Final = ("@timestamp", "timestamp", "time", "timereported", "date", "DATE", "ISODATE")
_WHERE: Final = ("_HOSTNAME", "hostname", "host", "HOST", "host_name")

_PROGRAM: Final = r"^\S+/[a-z]+(?:\[\d+\])?:?$"
_MOMENT: Final = r"^\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d.*$"
_HOST: Final = r"^[^\s{}]+$"
_DATED: Final = r"^(?:<\d{1,3}>(?:\d{1,2} )?)?(?:[A-Z][a-z]{2} |\d{4}-\d\d-\d\d[T ])"
_WHOLE: Final = r"(?:^|\s)\S+/[a-z]+(?:\[\d+\])?: "  # a line that names its program
_AGENT: Final = r"/(?:smtpd?|lmtp|local|virtual|pipe|qmgr|cleanup|postscreen)"

_NAMED: Final = re.compile(rf'"(?:{"|".join(_BY)})"\s*:\s*"[^"\s]+{_AGENT}(?:\[\d+\]:?)?"')
_WRAPPED: Final = re.compile(rf'"(?:{"|".join(_SAID)})"\s*:\s*"[^"\n]*{_AGENT}\[\d+\]: ')


def holds_lines(text: str) -> bool:
    """Whether a text begins with JSON that holds lines of Postfix, or what they say beside its program."""
    return bool(_NAMED.search(text) or _WRAPPED.search(text))


def unwrapped_sql(lines: str) -> str:
    """The lines of a table (columns line, text), those in JSON as another log would write them.

    The time of the JSON stands before one that tells none: Postfix in a container may leave that to Docker.
    """
    journal = "make_timestamp(try_cast(json_extract_string(text, '$.__REALTIME_TIMESTAMP') as bigint))"
    parts = {
        "told": _first(_SAID),
        "program": _first(_BY, _PROGRAM),
        "moment": f"coalesce(strftime({journal}, '%Y-%m-%dT%H:%M:%S.%fZ'), {_first(_WHEN, _MOMENT)})",
        "host": _first(_WHERE, _HOST),
    }
    columns = ", ".join(f"case when is_json then {sql} end as {name}" for name, sql in parts.items())
    return f"""
    select line, case when told is null then text
        when regexp_matches(told, {quote(_DATED)}) then told
        when program is null or regexp_matches(told, {quote(_WHOLE)}) then concat_ws(' ', moment, told)
        else concat_ws(' ', moment, host, rtrim(program, ':') || ': ' || ltrim(told)) end as text
    from (select line, text, {columns} from (
        select line, text, text[1] = '{{' and json_valid(text) as is_json from {lines}))"""


def _first(names: Iterable[str], pattern: str = "") -> str:
    """The first of these keys of a JSON object whose text fits."""
    texts = [f"json_extract_string(text, {quote(json_path(name, ''))})" for name in names]
    if pattern:
        texts = [f"nullif(regexp_extract({text}, {quote(pattern)}), '')" for text in texts]
    return f"coalesce({', '.join(texts)})"
