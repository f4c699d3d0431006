"""Templates of a mail: a small part of Jinja2 in a sandbox. What a value holds is text, never template.

A template may write fields, filter them, compare, loop and choose. Everything else is refused when it is read,
so that no template reaches into objects, runs for long or grows without end.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Set
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache
from typing import Any, Final

from jinja2 import StrictUndefined, Template, TemplateError, nodes
from jinja2.exceptions import TemplateSyntaxError, UndefinedError
from jinja2.meta import find_undeclared_variables
from jinja2.runtime import LoopContext
from jinja2.sandbox import SandboxedEnvironment
from markupsafe import escape

from hygiene.errors import UsageError
from hygiene.sending.filters import FILTERS, PARTIAL

MAX_RENDERED: Final = 2_000_000  # characters of one part
MAX_RANGE: Final = 1_000
MAX_LOOPS: Final = 2  # one within the other
MAX_NUMBER: Final = 10**15

_LOOP: Final = frozenset({"index", "index0", "revindex", "revindex0", "first", "last", "length"})
_TESTS: Final = ("defined", "undefined", "none", "even", "odd")
_ALLOWED: Final = (
    *(nodes.Template, nodes.Output, nodes.TemplateData, nodes.Name, nodes.Const, nodes.Filter),
    *(nodes.Test, nodes.If, nodes.For, nodes.CondExpr, nodes.Compare, nodes.Operand, nodes.And, nodes.Or),
    *(nodes.Not, nodes.Concat, nodes.Assign, nodes.Keyword, nodes.List, nodes.Tuple, nodes.Neg, nodes.Pos),
    *(nodes.Add, nodes.Sub, nodes.Mul, nodes.Div, nodes.FloorDiv, nodes.Mod),
)
_ORDERS: Final = frozenset({"lt", "lteq", "gt", "gteq"})
_GROWING: Final = (nodes.Concat, nodes.List, nodes.Tuple)
_WORDS: Final = {
    "Macro": "{% macro %}",
    "Include": "{% include %}",
    "Import": "{% import %}",
    "FromImport": "{% from … import %}",
    "Extends": "{% extends %}",
    "Block": "{% block %}",
    "CallBlock": "{% call %}",
    "FilterBlock": "{% filter %}",
    "AssignBlock": "{% set %} around a text",
    "With": "{% with %}",
    "Getattr": "a dot after a name",
    "Getitem": "a bracket after a name",
    "Slice": "a slice",
    "Call": "a call",
    "Dict": "a mapping",
    "Pow": "**",
}


class Sandbox(SandboxedEnvironment):
    """The second line behind what `check` refuses: no attributes, no calls, no huge numbers."""

    intercepted_binops = frozenset({"+", "-", "*", "/", "//", "%", "**"})

    def is_safe_attribute(self, obj: Any, attr: str, value: Any) -> bool:  # noqa: ARG002
        """Only what a loop says of itself."""
        return isinstance(obj, LoopContext) and attr in _LOOP

    def is_safe_callable(self, obj: Any) -> bool:
        """Only our range."""
        return obj is bounded_range

    def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
        """Arithmetic of numbers; texts are put together with ``~``."""
        for each in (left, right):
            if isinstance(each, bool) or not isinstance(each, int | float):
                raise ValueError(f"{operator} is for numbers: write field|int, and ~ to put texts together")
        if operator == "**":
            raise ValueError("** is not part of templates")
        found = super().call_binop(context, operator, left, right)
        if abs(found) > MAX_NUMBER:
            raise ValueError("a number grows too large")
        return found


def bounded_range(*ends: int) -> range:
    """``range`` of at most a thousand steps."""
    found = range(*ends)
    if len(found) > MAX_RANGE:
        raise ValueError(f"range() counts to {MAX_RANGE:,} at most")
    return found


@cache
def environment(*, html: bool) -> Sandbox:
    """Where templates of HTML, or of subject and text, are compiled."""
    made = Sandbox(
        autoescape=html,
        undefined=StrictUndefined,
        trim_blocks=not html,
        lstrip_blocks=not html,
        keep_trailing_newline=True,
        cache_size=0,
    )
    made.globals = {"range": bounded_range}
    made.filters = dict(FILTERS)
    made.tests = {name: made.tests[name] for name in _TESTS}
    return made


@dataclass(frozen=True, slots=True)
class Compiled:
    """A template that was checked. `fields` are the names it asks for."""

    name: str
    template: Template
    fields: frozenset[str]
    links: frozenset[str] = frozenset()  # fields that stand for a whole link
    can_fail: bool = False  # whether there are values that it cannot be filled with
    loops: bool = True
    plain: tuple[tuple[str, str], ...] | None = None  # text and the field behind it, if that is all

    def render(self, values: Mapping[str, Any]) -> str:
        """The text; raises UsageError with one sentence for what cannot be written."""
        if self.plain is not None and self.fields <= values.keys():
            return self._filled(self.plain, values)
        try:
            pieces = self.template.root_render_func(self.template.new_context(dict(values)))
            return "".join(self._bounded(pieces) if self.loops else pieces)
        except UndefinedError as error:
            raise UsageError(f"{self.name}: {error}") from None
        except (TemplateError, ValueError, TypeError, ArithmeticError) as error:
            raise error if isinstance(error, UsageError) else UsageError(f"{self.name}: {error}") from None

    def _filled(self, plain: Iterable[tuple[str, str]], values: Mapping[str, str]) -> str:
        """What Jinja would make of it, each field escaped once however often it stands there."""
        as_text = escape if self.template.environment.autoescape else str
        texts = {field: as_text(values[field]) for field in self.fields} | {"": ""}
        return "".join([part for text, field in plain for part in (text, texts[field])])

    def _bounded(self, pieces: Iterable[str]) -> Iterable[str]:
        """The pieces, as long as they are not too many."""
        size = 0
        for piece in pieces:
            size += len(piece)
            if size > MAX_RENDERED:
                raise UsageError(f"{self.name} grows beyond {MAX_RENDERED:,} characters")
            yield piece


def compile_template(source: str, *, name: str, html: bool, known: Iterable[str] = ()) -> Compiled:
    """Check and compile; `name` stands in what is said of it, `known` are the fields there are.

    Raises UsageError with one sentence for a template that is broken, does what templates must not, or asks for
    a field that is not known.
    """
    place = environment(html=html)
    try:
        tree = place.parse(source)
        _check(tree, name)
        fields = frozenset(find_undeclared_variables(tree)) - {"range"}
        template = place.from_string(tree)
    except TemplateSyntaxError as error:
        raise UsageError(f"{name}, line {error.lineno}: {_said(error)}") from None
    except (TemplateError, ValueError, TypeError, ArithmeticError, RecursionError) as error:
        raise error if isinstance(error, UsageError) else UsageError(f"{name}: {error}") from None
    known = frozenset(known)
    for field in sorted(fields - known):
        raise UsageError(_no_field(tree, name, field, known))
    return Compiled(
        name=name,
        template=template,
        fields=fields,
        links=frozenset(_links(tree)),
        can_fail=_can_fail(tree),
        loops=next(tree.find_all(nodes.For), None) is not None,
        plain=_plain(tree, fields),
    )


def _plain(tree: nodes.Template, fields: Set[str]) -> tuple[tuple[str, str], ...] | None:
    """Text and the field behind it, in turns; None for a template that does more than write fields."""
    found: list[tuple[str, str]] = []
    for output in tree.body:
        for node in output.nodes if isinstance(output, nodes.Output) else (output,):
            if isinstance(node, nodes.TemplateData):
                found.append((node.data, ""))
            elif isinstance(node, nodes.Name) and node.name in fields:
                found.append(("", node.name))
            else:
                return None
    return tuple(found)


def _links(tree: nodes.Template) -> Iterable[str]:
    for each in tree.find_all(nodes.Filter):
        if each.name == "link" and isinstance(each.node, nodes.Name):
            yield each.node.name


def _can_fail(tree: nodes.Template) -> bool:
    """Fields are text: what reads them as numbers or dates, or reckons and compares with them, may fail."""
    filters = {each.name for each in tree.find_all(nodes.Filter)}
    orders = any(each.op in _ORDERS for each in tree.find_all(nodes.Operand))
    tests = any(each.name in {"even", "odd"} for each in tree.find_all(nodes.Test))
    reckons = next(tree.find_all((nodes.BinExpr, nodes.Neg, nodes.Pos)), None) is not None
    calls = any(not isinstance(each, nodes.Const) for call in tree.find_all(nodes.Call) for each in call.args)
    return bool(filters & PARTIAL) or orders or tests or reckons or calls


def _said(error: TemplateSyntaxError) -> str:
    said = (error.message or "it cannot be read").rstrip(".")
    if said.startswith("No filter named"):
        return f"{said.lower()}; there are {', '.join(sorted(FILTERS))}"
    return said


def _no_field(tree: nodes.Template, name: str, field: str, known: frozenset[str]) -> str:
    line = next((node.lineno for node in tree.find_all(nodes.Name) if node.name == field), 1)
    near = get_close_matches(field, known, n=1)
    hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(sorted(known))}"
    return f"{name}, line {line}: {field!r} is no field of the campaign; {hint}"


def _check(tree: nodes.Template, name: str) -> None:
    for node in _walk(tree):
        refused = _refused(node)
        if refused:
            raise UsageError(f"{name}, line {node.lineno}: {refused} is not part of templates here")
        if isinstance(node, nodes.Assign) and (*node.node.find_all(_GROWING), *_itself(node.node)):
            raise UsageError(
                f"{name}, line {node.lineno}: {{% set %}} takes a field or a filter, no ~ and no list"
            )
    if _depth(tree) > MAX_LOOPS:
        raise UsageError(f"{name}: loops stand at most {MAX_LOOPS} deep in each other")


def _itself(node: nodes.Node) -> tuple[nodes.Node, ...]:
    return (node,) if isinstance(node, _GROWING) else ()


def _walk(node: nodes.Node) -> Iterable[nodes.Node]:
    """Every node, but for the name of what was allowed as a whole."""
    yield node
    for child in node.iter_child_nodes():
        yield from _walk(child)


def _refused(node: nodes.Node) -> str:
    if isinstance(node, nodes.Getattr):
        of_loop = isinstance(node.node, nodes.Name) and node.node.name == "loop" and node.attr in _LOOP
        return "" if of_loop else _WORDS["Getattr"]
    if isinstance(node, nodes.Call):
        plain = isinstance(node.node, nodes.Name) and node.node.name == "range" and len(node.args) <= 3
        return "" if plain and not (node.kwargs or node.dyn_args or node.dyn_kwargs) else _WORDS["Call"]
    if isinstance(node, nodes.For) and node.recursive:
        return "a recursive loop"
    if isinstance(node, nodes.Name) and node.name.startswith("_"):
        return f"a name like {node.name!r}"
    if not isinstance(node, _ALLOWED):
        return _WORDS.get(type(node).__name__, type(node).__name__)
    return ""


def _depth(node: nodes.Node) -> int:
    below = max(map(_depth, node.iter_child_nodes()), default=0)
    return below + isinstance(node, nodes.For)
