"""The notebooks: the committed ones are those generated, they run, and hostile names of files do no harm."""

import ast
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from itertools import pairwise
from pathlib import Path

import nbformat
import pytest

from hygiene.errors import UnreadableInput, UnwritableOutput, UsageError
from hygiene.notebooks.notebook import INPUTS, Kind, fill, make_notebook
from hygiene.notebooks.write import write_notebook

ROOT = Path(__file__).parents[2]
HOSTILE = (
    'it\'s "quoted".csv',
    "line\nbreak.csv",
    "back\\slash.csv",
    '"""; import os; os.abort() #.csv',
    "{curly} %s $(x).csv",
    "\u202egnp.csv",
    "ünïcode ✓.csv",
)
#: run in the kernel first: it is guarded as the tests are, and a warning is an error
GUARD = """
import sys
sys.path.insert(0, {tests!r})
import conftest, warnings
warnings.simplefilter("error")
"""

RUNNER = """
import sys, nbformat
from jupyter_client.manager import AsyncKernelManager
from nbclient import NotebookClient
from pathlib import Path

path, sockets, guard = sys.argv[1:]
notebook = nbformat.read(path, as_version=4)
notebook.cells.insert(0, nbformat.v4.new_code_cell(guard, id="guard"))
manager = AsyncKernelManager(kernel_name="python3", transport="ipc", ip=sockets)
place = {"metadata": {"path": str(Path(path).parent)}}
NotebookClient(notebook, km=manager, timeout=60, resources=place).execute()
del notebook.cells[0]
print(nbformat.writes(notebook))
"""

#: the same by papermill, whose own warnings are errors, too
PAPERMILL = """
import json, sys, warnings
warnings.simplefilter("error")
import nbformat, papermill
from jupyter_client.manager import AsyncKernelManager
from pathlib import Path

path, sockets, guard, parameters = sys.argv[1:]
notebook = nbformat.read(path, as_version=4)
notebook.cells.insert(0, nbformat.v4.new_code_cell(guard, id="guard"))
nbformat.write(notebook, path)
manager = AsyncKernelManager(kernel_name="python3", transport="ipc", ip=sockets)
known = papermill.inspect_notebook(path)
given = json.loads(parameters)
assert set(given) <= set(known), known
done = papermill.execute_notebook(
    path, str(Path(path).with_suffix(".done.ipynb")), given, cwd=str(Path(path).parent), progress_bar=False,
    execution_timeout=60, km=manager,
)
del done.cells[0]
print(nbformat.writes(done))
"""


def source(cell):
    return "".join(cell["source"])


def code_of(notebook):
    return [source(cell) for cell in notebook["cells"] if cell["cell_type"] == "code"]


def parameters_of(notebook):
    """What the parameters cell assigns."""
    (cell,) = [cell for cell in notebook["cells"] if "parameters" in cell["metadata"].get("tags", [])]
    return {node.targets[0].id: ast.literal_eval(node.value) for node in ast.parse(source(cell)).body}


@pytest.mark.parametrize("kind", Kind)
def test_the_committed_notebook_is_the_one_generated(kind):
    committed = (ROOT / "notebooks" / f"{kind}.ipynb").read_text("utf-8")
    assert committed == make_notebook(kind), f"hygiene notebook {kind} --output notebooks --force"


def test_no_other_notebook_is_there():
    assert {path.stem for path in (ROOT / "notebooks").glob("*.ipynb")} == set(Kind)


@pytest.mark.parametrize("kind", Kind)
@pytest.mark.parametrize("inputs", [(), ("mine.example",)])
def test_a_notebook_is_valid_empty_and_readable(kind, inputs):
    text = make_notebook(kind, inputs)
    notebook = json.loads(text)
    nbformat.validate(notebook)
    assert notebook["metadata"]["kernelspec"]["name"] == "python3"
    assert notebook["metadata"]["language_info"]["name"] == "python"
    assert all(not cell.get("outputs") and cell.get("execution_count") is None for cell in notebook["cells"])
    assert notebook["cells"][0]["cell_type"] == "markdown"
    assert source(notebook["cells"][0]).startswith("# ")
    for code in code_of(notebook):
        assert len(code.splitlines()) <= 14
        ast.parse(code)
    for before, cell in pairwise(notebook["cells"]):
        told = before["cell_type"] == "markdown" or cell["cell_type"] == "markdown"
        assert told or (len(code_of({"cells": [before, cell]})) == 2 and before["id"].endswith(("-2", "-3")))
    for cell in notebook["cells"]:
        if cell["cell_type"] == "markdown":
            prose = [line for line in source(cell).splitlines() if line and not line.startswith("#")]
            assert " ".join(prose).endswith("."), "a sentence says what is to be seen"


@pytest.mark.parametrize("kind", Kind)
def test_one_for_own_data_holds_nothing_of_the_sample(kind):
    text = make_notebook(kind, ["mine.example"])
    assert "hygiene.demo" not in text
    assert "mkdtemp" not in text
    assert "hygiene.demo" in make_notebook(kind)
    assert parameters_of(json.loads(text))[INPUTS[kind]] == ["mine.example"]


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_name_is_a_name_and_nothing_else(name):
    notebook = json.loads(make_notebook(Kind.KPI, [name]))
    nbformat.validate(notebook)
    assert parameters_of(notebook)["logs"] == [name]
    assert code_of(notebook)[1:] == code_of(json.loads(make_notebook(Kind.KPI, ["plain.csv"])))[1:]


def test_bytes_that_are_no_text_come_back_as_they_were(tmp_path):
    name = os.fsencode(tmp_path) + b"/caf\xe9.csv"
    Path(os.fsdecode(name)).write_text("x")
    path = write_notebook(Kind.LIST, [os.fsdecode(name)], folder=tmp_path / "out")
    (place,) = parameters_of(json.loads(path.read_text("utf-8")))["files"]
    assert os.fsencode(place) == b"../caf\xe9.csv"


def test_only_parameters_are_filled():
    assert fill("x = 1  # one\ny = 2", {"y": "it's"}) == 'x = 1  # one\ny = "it\'s"'
    with pytest.raises(UsageError, match="no parameter 'z'"):
        fill("x = 1", {"z": 2})


def test_places_are_seen_from_the_notebook(tmp_path, monkeypatch):
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "a.jsonl").write_text("{}")
    (tmp_path / "work" / "books").mkdir(parents=True)
    (tmp_path / "link").symlink_to(tmp_path / "work" / "books")
    monkeypatch.chdir(tmp_path)
    for given, folder, expected in (
        ("logs/a.jsonl", "books", "../logs/a.jsonl"),
        (str(tmp_path / "logs" / "a.jsonl"), ".", "logs/a.jsonl"),
        ("logs/*.jsonl", "link", "../../logs/*.jsonl"),
        ("logs", "logs", "."),
        ("logs/../logs/a.jsonl", "logs", "a.jsonl"),
    ):
        path = write_notebook(Kind.KPI, [given], folder=Path(folder), force=True)
        assert parameters_of(json.loads(path.read_text("utf-8")))["logs"] == [expected]


def test_nothing_is_overwritten_unasked(tmp_path):
    write_notebook(Kind.KPI, folder=tmp_path)
    with pytest.raises(UnwritableOutput, match="--force"):
        write_notebook(Kind.KPI, folder=tmp_path)
    write_notebook(Kind.KPI, folder=tmp_path, force=True)


@pytest.mark.parametrize(
    ("kind", "given", "said"),
    [
        (Kind.KPI, "nowhere.jsonl", "there is no such file"),
        (Kind.LIST, "nowhere/*.csv", "no file matches it"),
        (Kind.AUDIT, "not a domain", "."),
    ],
)
def test_what_is_not_there_is_said(tmp_path, kind, given, said):
    with pytest.raises((UnreadableInput, UsageError), match=said):
        write_notebook(kind, [given], folder=tmp_path)
    assert not list(tmp_path.iterdir())


# run


@pytest.fixture
def run(tmp_path):
    """Run a notebook file beside itself, over sockets in a folder; its cells afterwards."""
    sockets = tempfile.mkdtemp(prefix="k")  # a short path, as the names of sockets must be
    folders = ("JUPYTER_DATA_DIR", "JUPYTER_CONFIG_DIR", "JUPYTER_RUNTIME_DIR", "IPYTHONDIR", "MPLCONFIGDIR")
    own = {name: str(tmp_path / name.lower()) for name in folders}
    for folder in own.values():
        Path(folder).mkdir()

    def run_(path, **parameters):
        guard = GUARD.format(tests=str(ROOT / "tests"))
        words = [PAPERMILL if parameters else RUNNER, str(path), f"{sockets}/s", guard]
        words += [json.dumps(parameters)] if parameters else []
        done = subprocess.run(
            [sys.executable, "-c", *words],
            env={**os.environ, **own, "PYDEVD_DISABLE_FILE_VALIDATION": "1"},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, done.stderr[-3000:]
        return json.loads(done.stdout)["cells"]

    yield run_
    shutil.rmtree(sockets)


def shown(cells):
    """Everything shown, by kind; what goes to standard error is none of it."""
    outputs = [output for cell in cells for output in cell.get("outputs", [])]
    streams = [
        "".join(output["text"])
        for output in outputs
        if output["output_type"] == "stream" and output["name"] == "stderr"
    ]
    assert streams == []
    return [
        {
            kind: "".join(data) if isinstance(data, list) else data
            for kind, data in output.get("data", {}).items()
        }
        for output in outputs
    ]


@pytest.mark.parametrize("kind", Kind)
def test_a_notebook_runs_on_the_sample(kind, run, tmp_path):
    path = tmp_path / f"{kind}.ipynb"
    shutil.copyfile(ROOT / "notebooks" / path.name, path)
    outputs = shown(run(path))
    pages = [data["text/html"] for data in outputs if "hygiene-result" in data.get("text/html", "")]
    assert len(pages) == 1
    expected = {
        Kind.KPI: "Complained",
        Kind.LIST: "not-subscribed",
        Kind.AUDIT: "gadgets",
        Kind.AB: "outfitters-variants",
    }
    assert expected[kind] in "".join(data.get("text/html", "") for data in outputs)
    assert any("image/png" in data for data in outputs) == (kind is not Kind.AUDIT)
    told = "".join(data.get("text/plain", "") for data in outputs if set(data) == {"text/plain"})
    assert "<" not in told, "nothing is shown as a raw object"


def test_the_gravest_findings_of_all_domains_come_first(run, tmp_path):
    """Also where the domain they are of is the last one, and with the whole of what can be pasted."""
    path = tmp_path / "audit.ipynb"
    shutil.copyfile(ROOT / "notebooks" / path.name, path)
    glance, mend, worst, _ = (data["text/html"] for data in shown(run(path)) if "text/html" in data)
    assert re.findall(r">(critical|high|medium|low|info)<", mend)[0] == "critical"
    assert mend.index("gadgets.example") < mend.index("outfitters.example")
    assert "include:mail.zendesk.com ~all" in mend
    assert "..." not in mend
    assert "gadgets.example" in worst[worst.index("</style>") :][:900]
    assert glance.count("<th>") >= 3


def test_papermill_runs_a_notebook_with_other_parameters(run, tmp_path):
    path = tmp_path / "kpi.ipynb"
    shutil.copyfile(ROOT / "notebooks" / path.name, path)
    cells = run(path, by="provider", benchmarks="strict")
    (injected,) = [cell for cell in cells if "injected-parameters" in cell["metadata"].get("tags", [])]
    assert 'by = "provider"' in source(injected)
    (page,) = [data["text/html"] for data in shown(cells) if "hygiene-result" in data.get("text/html", "")]
    assert "By provider" in page
    assert "benchmarks: strict" in page


def test_one_for_own_data_runs_where_it_lies(run, tmp_path):
    from hygiene.demo.lists import write_list

    export, _ = write_list(tmp_path)
    hostile = tmp_path / 'it\'s "the" list\n.csv'
    export.rename(hostile)
    path = write_notebook(Kind.LIST, [str(hostile)], folder=tmp_path / "books")
    assert any("hygiene-result" in data.get("text/html", "") for data in shown(run(path)))
