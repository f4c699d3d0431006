"""What is known of a domain without asking DNS: who runs it, whether it lasts, what it may be a slip of.

The lists are data beside this module, each with source and date. Every answer is a fact or a warning; only the
policy of a cleaning run turns one into a verdict, and a suggestion is never applied.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version
from typing import Any

from hygiene.domain import to_unicode
from hygiene.files import packaged_text

DISPOSABLE_LIST = "disposable-email-domains"  # CC0; https://github.com/disposable-email-domains


@dataclass(frozen=True, slots=True, kw_only=True)
class DomainFacts:
    """What is known of one domain; equal facts are one object, as most domains have none."""

    disposable: str | None = None  #: the list that says so, with its version
    relay: bool = False  #: forwards to a person's mailbox; then never disposable
    free: bool = False  #: anybody gets a mailbox there
    isp: bool = False  #: mailboxes that come with an internet access
    provider: str | None = None  #: who runs the relay, free or ISP mailboxes
    suggestion: str | None = None  #: the domain that was probably meant
    mixed_script: bool = False  #: a label mixes alphabets, as look-alikes of other domains do


UNREMARKABLE = DomainFacts()


def describe_domain(domain: str) -> DomainFacts:
    """The facts about a normalised domain (lower case; in Unicode or A-labels).

    >>> describe_domain("gmial.com").suggestion, describe_domain("duck.com").relay
    ('gmail.com', True)
    """
    lists = _lists()
    if "xn--" in domain:
        domain = to_unicode(domain)
    known = lists.known.get(domain)
    if known is not None:
        return known
    owner = _listed_above(domain, lists.relays)
    if owner is not None:
        return DomainFacts(relay=True, provider=lists.relays[owner])
    disposable = _listed_above(domain, lists.disposable) is not None
    suggestion = _suggest(domain, lists, disposable=disposable)
    mixed = not domain.isascii() and any(map(_is_mixed, domain.split(".")))
    if not (disposable or suggestion or mixed):
        return UNREMARKABLE
    listed_by = lists.disposable_name if disposable else None
    return DomainFacts(disposable=listed_by, suggestion=suggestion, mixed_script=mixed)


def describe_domains(domains: Iterable[str]) -> list[DomainFacts]:
    """The facts about each domain, in the order given; meant for the unique domains of a list."""
    return [describe_domain(domain) for domain in domains]


def is_role(local: str) -> bool:
    """True when a local part names a function (``info``, ``no-reply``), in any case, separator or +tag."""
    return local.partition("+")[0].casefold().replace("_", "-").replace(".", "-") in role_names()


# Lists


@dataclass(frozen=True, kw_only=True)
class _Lists:
    known: Mapping[str, DomainFacts]  # providers and real look-alikes: nothing more is to be said
    relays: Mapping[str, str]  # domain → owner; domains below count
    disposable: frozenset[str]  # domains below count
    disposable_name: str
    slips: Mapping[str, str]  # whole domain → the domain meant
    name_slips: Mapping[str, str]  # first label → the name meant
    sole: Mapping[str, str]  # gmail → gmail.com
    sole_endings: frozenset[str]
    last_labels: Mapping[str, str]  # con → com


@cache
def _lists() -> _Lists:
    from disposable_email_domains import blocklist

    mistyped, lookalikes = _data("mistyped"), _data("lookalikes")
    relays = dict(_by_domain(_data("relays")["owners"]))
    providers = dict(_providers())
    sole = mistyped["sole"]
    return _Lists(
        known=dict.fromkeys(lookalikes["domains"], UNREMARKABLE) | providers,
        relays=relays,
        disposable=frozenset(to_unicode(name) if "xn--" in name else name for name in blocklist),
        disposable_name=f"{DISPOSABLE_LIST} {version(DISPOSABLE_LIST)}",
        slips=dict(_by_domain(mistyped["domains"])),
        name_slips=_name_slips(mistyped["fingers"], lookalikes["labels"]),
        sole={name.partition(".")[0]: name for name in sole["names"]},
        sole_endings=frozenset(sole["endings"]),
        last_labels=dict(_by_domain(mistyped["last_labels"])),
    )


def _data(name: str) -> dict[str, Any]:
    import tomllib

    return tomllib.loads(packaged_text("hygiene.contacts", f"data/{name}.toml"))


def _by_domain(groups: Mapping[str, list[str]]) -> Iterator[tuple[str, str]]:
    return ((member, name) for name, members in groups.items() for member in members)


def _providers() -> Iterator[tuple[str, DomainFacts]]:
    data = _data("free_providers")
    for kind in ("free", "isp"):
        for name, members in data[kind].items():
            facts = DomainFacts(provider=name, free=kind == "free", isp=kind == "isp")
            yield from ((member, facts) for member in members)


@cache
def role_names() -> frozenset[str]:
    """The local parts that name a function, in lower case, words joined by dashes."""
    return frozenset(name for entry in _data("roles")["lists"] for name in entry["names"])


def _listed_above(domain: str, listed: Mapping[str, str] | frozenset[str]) -> str | None:
    """The domain itself or the nearest one above it that is on the list."""
    while domain not in listed:
        _, dot, domain = domain.partition(".")
        if not dot:
            return None
    return domain


# Slips


def _suggest(domain: str, lists: _Lists, *, disposable: bool) -> str | None:
    """The domain probably meant. A disposable domain exists: for it only slips listed whole count."""
    meant = lists.slips.get(domain)
    if meant is not None or disposable:
        return meant
    name, _, last = domain.rpartition(".")
    if last in lists.last_labels and name:
        better = f"{name}.{lists.last_labels[last]}"
        return better if better in lists.known else _suggest(better, lists, disposable=False) or better
    return _without_doubled_end(name, last, lists) or _with_name_meant(domain, lists)


def _without_doubled_end(name: str, last: str, lists: _Lists) -> str | None:
    return name if name.endswith(f".{last}") and _is_provider(name, lists) else None


def _with_name_meant(domain: str, lists: _Lists) -> str | None:
    name, _, ending = domain.partition(".")
    if name in lists.sole and ending in lists.sole_endings:
        return lists.sole[name]
    meant = f"{lists.name_slips.get(name)}.{ending}"
    return meant if _is_provider(meant, lists) else None


def _is_provider(domain: str, lists: _Lists) -> bool:
    known = lists.known.get(domain)
    return known is not None and (known.free or known.isp)


def _name_slips(names: list[str], real: list[str]) -> dict[str, str]:
    """Each slip of one finger and the name meant; not what is a name itself or a slip of two."""
    meant: dict[str, set[str]] = {}
    for name in names:
        for slip in _one_slip(name):
            meant.setdefault(slip, set()).add(name)
    taken = {*names, *real}
    return {slip: found.pop() for slip, found in meant.items() if len(found) == 1 and slip not in taken}


_KEY_ROWS = ("1234567890", "qwertyuiop", "asdfghjkl", "zxcvbnm")


@cache
def _neighbours() -> dict[str, str]:
    """The keys around each key of an English keyboard, whose rows are set off by about half a key."""
    rows = range(len(_KEY_ROWS))
    where = {key: (row, column) for row in rows for column, key in enumerate(_KEY_ROWS[row])}
    return {
        key: "".join(
            other
            for other, (beside, place) in where.items()
            if (beside - row, place - column) in {(0, -1), (0, 1), (-1, 0), (-1, 1), (1, 0), (1, -1)}
        )
        for key, (row, column) in where.items()
    }


def _one_slip(name: str) -> Iterator[str]:
    """The name with one slip of a finger; the first letter stands unless it is swapped with the second."""
    near = _neighbours()
    for place, letter in enumerate(name):
        before, after = name[:place], name[place + 1 :]
        yield f"{before}{after[:1]}{letter}{after[1:]}"  # swapped with the next
        yield f"{before}{letter}{letter}{after}"
        if not place:
            continue
        yield before + after
        for key in near.get(letter, ""):
            yield f"{before}{key}{after}"
            yield f"{before}{letter}{key}{after}"
            yield f"{before}{key}{letter}{after}"


# Scripts

# Alphabets that are written together: UTS #39 §5.2, "highly restrictive".
_TOGETHER = (
    {"LATIN", "HAN", "HIRAGANA", "KATAKANA"},
    {"LATIN", "HAN", "BOPOMOFO"},
    {"LATIN", "HAN", "HANGUL"},
)
_SAME_SCRIPT = {"CJK": "HAN", "IDEOGRAPHIC": "HAN", "KATAKANA-HIRAGANA": "KATAKANA"}


def _is_mixed(label: str) -> bool:
    scripts = {_script(letter) for letter in label if unicodedata.category(letter).startswith("L")}
    return len(scripts) > 1 and not any(scripts <= allowed for allowed in _TOGETHER)


def _script(letter: str) -> str:
    """The first word of the letter's Unicode name, which is its script."""
    word = unicodedata.name(letter, "UNNAMED").partition(" ")[0]
    return _SAME_SCRIPT.get(word, word)
