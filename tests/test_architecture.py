"""The four rules of the design that a program can hold: imports, edges, lightness, size."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "hygiene"
FILES = sorted(PACKAGE.rglob("*.py"))
NAMES = [path.relative_to(PACKAGE).as_posix() for path in FILES]

#: what contacts and metrics both read and compute with
TABLES = {"intake", "engines", "events"}
STATIONS = {"audit", "bounces", "contacts", "content", "metrics"}

#: part → the parts it may import besides itself; the vocabulary is the modules of the top level
BELOW = {
    "vocabulary": set(),
    "render": {"vocabulary"},
    "audit": {"vocabulary"},
    "bounces": {"vocabulary"},
    "content": {"vocabulary"},
    "intake": {"vocabulary"},
    "notebooks": {"vocabulary"},  # text: what they call is public
    "engines": {"vocabulary"},
    "events": {"vocabulary", "intake"},
    "contacts": {"vocabulary", *TABLES},
    "metrics": {"vocabulary", *TABLES, "content"},  # what a subject has, beside what came of it
    "sending": {"vocabulary", *TABLES, *STATIONS},
    "feedback": {"vocabulary", *TABLES, "bounces", "contacts", "sending"},
    "flows": {"vocabulary", *TABLES, *STATIONS, "sending"},
    "inbox": {"vocabulary", *TABLES, *STATIONS, "sending"},
    "service": {"vocabulary", *TABLES, *STATIONS, "sending", "feedback", "flows", "inbox", "render"},
}
BELOW["demo"] = {*BELOW, "demo"}
BELOW["cli"] = {*BELOW, "cli"}

#: the files that only hand names on
ENTRANCES = {"__init__.py", "__main__.py"}

#: modules that render a result; elsewhere a result may import render only inside a function
PRESENTATION = "presentation.py"

#: the files that touch the outside: network, files, clock, chance
EDGES = {
    "config.py",
    "credentials.py",
    "dns_client.py",
    "event_loop.py",  # which thread is the main one
    "dns_wire.py",  # chance: message ids that cannot be guessed
    "files.py",
    "resolver.py",  # threads: one question from ordinary code
    "smtp_probe.py",
    "web.py",
    "audit/collect.py",
    "audit/facts.py",
    "audit/second_opinion.py",
    "contacts/ahead.py",  # a thread
    "contacts/clean.py",
    "contacts/copy.py",
    "contacts/digests.py",
    "contacts/domain_mail.py",
    "feedback/files.py",
    "feedback/imap.py",
    "feedback/pop3.py",
    "feedback/read.py",  # the clock
    "intake/encoding.py",
    "engines/engine.py",
    "events/delimited.py",
    "events/jsonlog.py",
    "events/progress.py",  # a thread
    "events/read.py",
    "events/unpacked.py",
    "events/maillog.py",
    "events/damaged.py",
    "events/zipped.py",
    "events/metric_names.py",
    "events/workspace.py",
    "events/sheet.py",
    "contacts/folder.py",
    "contacts/frames.py",
    "intake/guard.py",
    "contacts/kept.py",
    "contacts/laws.py",  # a folder for what its engine spills
    "contacts/ledger.py",
    "contacts/read.py",
    "contacts/signups.py",
    "intake/source.py",
    "engines/spark.py",
    "contacts/suppression/read.py",
    "intake/tabular.py",
    "metrics/support_file.py",
    "metrics/support_read.py",
    "intake/unpack.py",
    "intake/workbook.py",
    "metrics/event_log.py",
    "notebooks/write.py",
    "secret_key.py",
    "sending/campaign.py",
    "sending/preflight/collect.py",
    "sending/ledger.py",  # a thread
    "sending/transports/eml.py",
    "sending/transports/http_api.py",
    "service/server.py",
    "sending/running.py",
    "sending/send.py",
    "sending/transports/smtp.py",
    "sending/transports/smtp_wire.py",
    "service/webhooks/reading.py",
    "store.py",
}
EDGE_FOLDERS = ("render/", "cli/", "demo/")

OUTSIDE_MODULES = {
    "aiosmtplib",
    "asyncio.subprocess",
    "dns.asyncresolver",
    "dns.query",
    "dns.resolver",
    "http",
    "httpcore",
    "imap_tools",
    "imaplib",
    "os",
    "poplib",
    "random",
    "requests",
    "secrets",
    "shutil",
    "smtplib",
    "socket",
    "ssl",
    "subprocess",
    "tempfile",
    "threading",
    "time",
    "urllib.request",
}
OUTSIDE_CALLS = {
    "datetime.now",
    "datetime.today",
    "datetime.utcnow",
    "date.today",
    "open",
    "input",
    "print",
    "asyncio.open_connection",
    "loop.create_connection",
    "time.time",
    "time.monotonic",
    "uuid.uuid4",
}
FILE_METHODS = {"read_text", "read_bytes", "write_text", "write_bytes", "open", "unlink", "mkdir", "iterdir"}

HEAVY = {
    "aiosmtplib",
    "asyncio",
    "checkdmarc",
    "cryptography",
    "css_inline",
    "disposable_email_domains",
    "dns",
    "duckdb",
    "email_validator",
    "httpcore",
    "imap_tools",
    "jinja2",
    "lxml",
    "matplotlib",
    "mjml",
    "msgspec",
    "narwhals",
    "numpy",
    "pandas",
    "pyarrow",
    "pyspark",
    "python_calamine",
    "requests",
    "rich",
    "scipy",
    "sqlalchemy",
    "ssl",
    "starlette",
    "statsmodels",
    "trustme",
    "uvicorn",
}

MAX_FILE = 400  # lines
MAX_FUNCTION = 45  # lines, docstring included
LONG_FILES = {}
LONG_FUNCTIONS = {
    "audit/run.py:audit_domains": 52,  # its keywords are the settings of an audit
    "cli/clean.py:clean": 120,
    "contacts/clean.py:clean_contacts": 75,
    "cli/audit.py:audit": 85,  # its parameters are the command's options
    "cli/feedback.py:feedback": 60,
    "cli/compare.py:compare": 130,  # likewise
    "cli/measure.py:measure": 160,
    "cli/preflight.py:preflight": 60,
    "cli/send.py:campaign": 70,
    "cli/support.py:support": 65,
    "metrics/causes/find.py:find_causes": 55,
    "sending/send.py:send_campaign": 55,
    "metrics/measure.py:measure": 85,
    "metrics/variants/compare.py:compare_variants": 110,  # as those of a measurement
}


def tree(name):
    return ast.parse((PACKAGE / name).read_text("utf-8"))


def part_of(name):
    """The part a file belongs to: "audit/run.py" → audit, "resolver.py" → vocabulary."""
    return name.split("/")[0] if "/" in name else "vocabulary"


def part_of_module(module):
    """The part a module of ours belongs to: "hygiene.audit.run" → audit."""
    words = module.split(".")[1:]
    return words[0] if words and (PACKAGE / words[0]).is_dir() else "vocabulary"


def imports(node):
    """(module, the function it is imported in or None), for typing alone left out."""
    for child, function in walk(node, None):
        if isinstance(child, ast.Import):
            yield from ((alias.name, function) for alias in child.names)
        elif isinstance(child, ast.ImportFrom):
            assert not child.level, "imports name the whole path"
            yield child.module, function
            yield from ((f"{child.module}.{alias.name}", function) for alias in child.names)


def walk(node, function):
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.If) and ast.unparse(child.test) == "TYPE_CHECKING":
            continue
        inside = child.name if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef) else function
        yield child, function
        yield from walk(child, inside)


def is_edge(name):
    return name in EDGES or name.startswith(EDGE_FOLDERS)


def is_below(module, names):
    return any(module == name or module.startswith(f"{name}.") for name in names)


@pytest.mark.parametrize("name", [name for name in NAMES if name not in ENTRANCES])
def test_imports_point_down(name):
    part, wrong = part_of(name), []
    for module, function in imports(tree(name)):
        if not is_below(module, {"hygiene"}):
            continue
        target = part_of_module(module)
        shown = target == "render" and (function or name.endswith(PRESENTATION))
        if target != part and target not in BELOW[part] and not shown:
            wrong.append(module)
    assert not wrong, f"{part} stands below what {name} imports"


def test_every_part_has_its_place():
    folders = {path.name for path in PACKAGE.iterdir() if (path / "__init__.py").exists()}
    assert folders <= set(BELOW)


@pytest.mark.parametrize("name", [name for name in NAMES if not is_edge(name)])
def test_only_edges_touch_the_outside(name):
    modules = {module for module, _ in imports(tree(name)) if is_below(module, OUTSIDE_MODULES)}
    calls = {ast.unparse(node.func) for node in ast.walk(tree(name)) if isinstance(node, ast.Call)}
    touched = modules | (calls & OUTSIDE_CALLS) | {call for call in calls if reads_a_file(call)}
    assert not touched, f"{name} is no edge: hand these in as values"


def reads_a_file(call):
    """A method of Path; data that ships with the package is no outside."""
    return call.split(".")[-1] in FILE_METHODS and "." in call and "files(" not in call


def test_named_edges_exist():
    assert set(NAMES) >= EDGES | set(LONG_FILES)


def test_second_opinion_stays_in_one_file():
    users = {name for name in NAMES for module, _ in imports(tree(name)) if is_below(module, {"checkdmarc"})}
    assert users == {"audit/second_opinion.py"}


@pytest.mark.parametrize("words", [["-c", "import hygiene"], ["-m", "hygiene", "--help"]])
def test_starting_imports_nothing_heavy(words):
    """Seen in the modules loaded, not in seconds."""
    command = [sys.executable, "-X", "importtime", *words]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    loaded = {line.split("|")[-1].strip() for line in done.stderr.splitlines() if line.count("|") == 2}
    assert "hygiene" in loaded
    assert not HEAVY & {module.split(".")[0] for module in loaded}


@pytest.mark.parametrize("name", NAMES)
def test_files_stay_small(name):
    lines = len((PACKAGE / name).read_text("utf-8").splitlines())
    assert lines <= LONG_FILES.get(name, MAX_FILE)


@pytest.mark.parametrize("name", NAMES)
def test_functions_stay_small(name):
    for node in ast.walk(tree(name)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            limit = LONG_FUNCTIONS.get(f"{name}:{node.name}", MAX_FUNCTION)
            assert node.end_lineno - node.lineno < limit, node.name
