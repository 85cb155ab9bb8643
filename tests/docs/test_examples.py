"""Every block of code of README.md and docs/: looked at in each run of the tests, and run with ``-m docs``.

A block is code of Python, settings, a CI file, commands, or what a program shows. The tables below name each block that
is shown and not run, and each command that is not run here, with the reason; a name that stands in no page is refused.
"""

from __future__ import annotations

import ast
import re
import shutil
import sys
import textwrap
from collections.abc import Callable, Iterable
from fnmatch import fnmatchcase
from itertools import pairwise
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner

from pytest_opml import cli, registry
from pytest_opml.runner.search_space import find_space
from pytest_opml.settings import build_settings
from tests.support.documentation import (
    ROOT,
    Block,
    blocks,
    inline_commands,
    is_command,
    links,
    simple_commands,
    wrong_word,
)
from tests.support.example_project import add_history, add_keras_models, run_in, write_example_project, write_linear

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

# What a program shows, by page and first line; the reason says where it comes from.
SHOWN = {
    (
        "README.md",
        "#  case             accuracy    time           time    size       OpScore",
    ): "the main job, as named there",
    ("docs/architecture.md", "Case -> trained model -> artifact*"): "a drawing",
    ("docs/architecture.md", "loader -> RawData*"): "a drawing",
    ("docs/ci.md", "// The gate of pytest-opml*"): "a Jenkinsfile, whose steps tests/runs/test_ci_files.py runs",
    ("docs/figures.md", "\\usepackage{booktabs}"): "LaTeX",
    ("docs/fleet.md", "bench/bench_release.py::bench_release*"): "tests/runs/test_several_devices.py has such ids",
    ("docs/fleet.md", "opml: exit code 1: 2 budgets failed on cpu"): "likewise",
    ("docs/fleet.md", "ray job submit*"): "a command of Ray's",
    ("docs/fleet.md", "opml: waiting for v100 nodes*"): "tests/fleet/test_growing_cluster.py has such a cluster",
    ("docs/fleet.md", "--opml-gpu=a100: not in the fleet*"): "likewise",
    ("docs/fleet.md", "ray get-auth-token --generate"): "commands of Ray's",
    ("docs/fleet.md", "fleet"): "opml doctor with a cluster, as tests/fleet/test_cluster_access.py has it",
    ("docs/fleet.md", "cost: 1.32 (v100*"): "tests/reports/test_run_cost.py has such a line",
    ("docs/fleet.md", "opml: exit code 1: the run cost*"): "tests/gate/test_run_cost.py has it",
    ("docs/gate.md", "Best of 3 on digits within the budgets*"): "made-up figures, as is said there",
    ("docs/history.md", "Against the baseline release"): "made-up figures",
    ("docs/index.md", "#  case            accuracy*"): "a run of what benchmarks/silent_collapse.py writes",
    ("docs/index.md", "INCONCLUSIVE, counted as pass: engine*"): "likewise",
    ("docs/models.md", "provider=tensorrt: ONNX Runtime*"): "the error on a machine without TensorRT",
    ("docs/pull-requests.md", "## ❌ 1 of 30 budgets failed"): "the beginning of a comment",
    ("docs/quickstart.md", "#  case*"): "the run that the page describes, on the machine that it names",
    ("docs/quickstart.md", "Best of 2 on digits*"): "likewise",
    ("docs/reading.md", "opml: exit code 1: 1 budget failed"): "the end of the README's run",
    ("docs/reading.md", "budgets: 12 passed*"): "the end of the README's run",
    ("docs/reading.md", "FAIL float16*"): "as in docs/gate.md",
    ("docs/reading.md", "#  case             accuracy*"): "the table of the README's run",
    ("docs/running.md", "bench/bench_release.py ..*"): "the line of progress",
    ("docs/techniques.md", "onnx: does not keep the model's answers*"): "an error",
    ("docs/techniques.md", "number formats"): "opml doctor on the machine that is named there",
}
# Pages whose blocks of output are just what the command before each of them prints.
PRINTED = ("docs/score.md",)
# The help of the commands, whose examples are to choose from, and are no steps of one way.
HELP = "docs/reference/commands.md"
# Commands that are not run here, by pattern; their options are checked all the same.
NOT_RUN = {
    "pip install *": "it would change the environment of the tests",
    "python3 -m venv .venv && *": "the lines of the README, which CI runs (.ci/run)",
    "python -m tests.attack*": "takes minutes; pytest -m attack runs it",
    "pytest -m attack*": "takes minutes",
    "opml serve*": "serves until Ctrl-C; tests/cli/test_serve.py runs it",
    "opml init": "trains the example for a minute; with a model of one's own it is run",
    "opml merge *": "joins what the machines before it write; tests/cli/test_merge.py runs it",
    "pytest bench --opml-gpu=v100*": "needs a V100; tests/runs/test_several_devices.py pretends one",
    "pytest bench --opml-fleet=*": "needs a cluster; tests/fleet has one",
    "opml paper run*": "takes minutes; tests/cli/test_paper_run.py runs a part of it",
    "opml paper pretrain*": "takes hours; tests/cli/test_paper_pretrain.py runs it on a small network",
    "opml search *": "a search takes up to the seconds that it is given; tests/runs/test_search.py runs it",
    "opml import history.jsonl.gz --store postgresql://*": "needs a server; tests/history/test_transfer.py has one",
    "opml comment": "needs the job of a pull request",
    "opml comment run.json*": "needs a token, and writes on a server; tests/integrations has one",
    "opml comment --github*": "likewise",
    "opml release promote 3f0c2a": "a run without artifacts here",
    "opml release withdraw 3f0c2a": "likewise",
    "pytest bench/studies/bench_cifar10.py*": "takes hours, and needs CIFAR-10",
    "PEERS_IMAGES=6000 pytest bench/studies/bench_peers.py*": "likewise",
    "python bench/studies/table.py peers.json": "reads what the command before it writes",
}
# Exit codes that a command may end with here besides 0.
CODES = {
    "opml doctor*": (1,),  # what the machine lacks
    "opml gate*": (11,),  # made-up runs have no reference of their own
    "opml measure models/prod.onnx --data data/pets --preprocess scale=1/255": (1,),  # this model takes 0 to 255
    "pytest bench --opml-baseline=release*": (1, 11),  # a shared machine is not as quick in each minute
}
# Sentences with a part of a command, which is none.
PARTS: set[tuple[str, str]] = set()
# Names that the code of a page takes from its reader.
NAMES = {
    "docs/cases.md": "from pytest_opml import Case",
    "docs/models.md": "from pytest_opml import Case",
    "docs/measuring.md": "import pytest",
    "docs/search.md": "import pytest\nfrom pytest_opml import matrix",
    "docs/extending.md": """
        import numpy as np
        from pytest_opml import RawData

        images, labels = np.zeros((4, 8, 8, 3), np.uint8), np.array([0, 1, 0, 1])
        places, microphones = np.zeros(4), np.array(["a", "b", "a", "b"])
        """,
}
# What else is asked of the code of a page.
CHECKS = {"docs/extending.md": "assert wrong_per_mb().name == 'wrong_per_mb'\nassert near(labels, labels).all()"}

COMMANDS = [(block, line) for block in blocks() for line in block.commands if is_command(line)]


def pattern_of(line: str, patterns: Iterable[str]) -> str | None:
    return next((one for one in patterns if fnmatchcase(line.partition("  #")[0].strip(), one)), None)


def is_shown(block: Block) -> bool:
    return (block.page in PRINTED and block.language == "text") or any(
        page == block.page and fnmatchcase(block.first, first) for page, first in SHOWN
    )


def of_language(language: str) -> list[Block]:
    return [block for block in blocks() if block.language == language and not is_shown(block)]


def place(value: object) -> str:
    return value.place if isinstance(value, Block) else str(value)[:40]


# --- each block is looked at


def test_no_block_is_left_out() -> None:
    looked_at = {"python", "toml", "yaml", "console"}
    strangers = [
        f"{block.place}: {block.first!r}"
        for block in blocks()
        if not is_shown(block)
        and block.language not in looked_at
        and not (block.language == "sh" and all(map(is_command, block.commands)))
    ]
    assert not strangers, "neither code nor commands; name it in SHOWN with the reason:\n" + "\n".join(strangers)


def test_the_tables_name_what_the_pages_have() -> None:
    pages = [(block.page, block.first) for block in blocks()]
    lines = [line for _, line in COMMANDS]
    unused = [key for key in SHOWN if not any(page == key[0] and fnmatchcase(first, key[1]) for page, first in pages)]
    unused += [one for one in (*NOT_RUN, *CODES) if not any(pattern_of(line, [one]) for line in lines)]
    unused += [part for part in PARTS if part not in inline_commands()]
    assert not unused


@pytest.mark.parametrize("block", of_language("python"), ids=place)
def test_python_reads(block: Block) -> None:
    ast.parse(block.text)


@pytest.mark.parametrize(("block", "line"), COMMANDS, ids=place)
def test_commands_are_of_the_right_form(block: Block, line: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)  # where files that a command names may be
    for words in simple_commands(line):
        if words[0].endswith(("opml", "pytest")):
            assert wrong_word(words, is_whole=True) is None, words
        elif words[0] == "python" and words[1].endswith(".py"):
            assert (ROOT / words[1]).is_file()


def test_commands_in_sentences_are_of_the_right_form() -> None:
    wrong = []
    for page, text in inline_commands():
        if (page, text) not in PARTS and (word := wrong_word(simple_commands(text)[0])):
            wrong.append(f"{page}: `{text}`: {word}")
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("page", PRINTED)
def test_what_a_page_shows_is_what_its_command_prints(page: str) -> None:
    here = [block for block in blocks() if block.page == page]
    shown = [(before, block) for before, block in pairwise(here) if block.language == "text"]
    assert shown
    for before, block in shown:
        words = simple_commands(before.commands[-1])[0]
        assert block.text.strip() in CliRunner().invoke(cli.main, words[1:]).output


@pytest.mark.parametrize("block", of_language("yaml"), ids=place)
def test_yaml_reads(block: Block) -> None:
    assert yaml.safe_load(block.text)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files that settings may name."""
    folder = tmp_path_factory.mktemp("files")
    for name in ("prod.onnx", "old.tflite"):
        write_linear(folder / "models" / name)
    (folder / "data" / "pets").mkdir(parents=True)
    return folder


@pytest.mark.parametrize("block", of_language("toml"), ids=place)
def test_settings_are_taken(block: Block, files: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(files)
    monkeypatch.setattr(registry, "_sections", [])
    document = tomllib.loads(block.text)
    for group in document.get("project", {}).get("entry-points", {}):
        assert group.partition(".")[2] in registry.KINDS
    if "opml" in document.get("tool", {}):
        settings = build_settings(document["tool"]["opml"], {}, files)
        for name in settings.searches:
            assert find_space(name, settings.searches).chains


@pytest.mark.parametrize("page", ["README.md", "CONTRIBUTING.md"])
def test_links_of_pages_beside_the_site_lead_to_files(page: str) -> None:
    assert [link for link in links(ROOT / page) if not (ROOT / link).exists()] == []


# --- and run


@pytest.fixture(scope="module")
def plain_project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_example_project(tmp_path_factory.mktemp("plain"))


def test_a_command_of_the_readme_as_it_stands(plain_project: Path) -> None:
    block, line = next((block, line) for block, line in COMMANDS if line.startswith("opml measure models/prod.onnx"))
    assert block.page == "README.md"
    assert "opml: exit code 0: 2 budgets passed" in run_in(plain_project, line)


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = write_example_project(tmp_path_factory.mktemp("template"))
    add_keras_models(folder)
    add_history(folder)
    return folder


@pytest.fixture
def project_of(template: Path, tmp_path: Path) -> Callable[[str], Path]:
    """Makes a project for the commands of a page."""

    def copy(name: str) -> Path:
        return shutil.copytree(template, tmp_path / name, symlinks=True)

    return copy


def runnable(block: Block) -> list[str]:
    if block.language == "yaml":  # the steps of a job, which tests/runs/test_ci_files.py runs as jobs
        return []
    return [line for line in block.commands if is_command(line) and pattern_of(line, NOT_RUN) is None]


@pytest.mark.docs
@pytest.mark.tensorflow
@pytest.mark.parametrize("block", [block for block in blocks() if runnable(block) and not is_shown(block)], ids=place)
def test_commands_run(block: Block, project_of: Callable[[str], Path]) -> None:
    project = project_of("0")
    for number, line in enumerate(runnable(block)):
        if number and block.page == HELP:
            project = project_of(str(number))
        if line.startswith("opml init"):  # which overwrites nothing
            shutil.rmtree(project / "bench", ignore_errors=True)
        if line.startswith("opml history restore") and block.page == HELP:
            run_in(project, "opml history remove 3f0c2a --reason 'to be restored'")
        named = pattern_of(line, CODES)
        run_in(project, line, codes=(0, *CODES[named]) if named else (0,))


@pytest.mark.docs
@pytest.mark.tensorflow
@pytest.mark.parametrize("page", sorted({block.page for block in of_language("python")}))
def test_code_runs(page: str, project_of: Callable[[str], Path]) -> None:
    project = project_of("0")
    code = "\n\n".join(block.text for block in of_language("python") if block.page == page)
    parts = (textwrap.dedent(NAMES.get(page, "")), code, CHECKS.get(page, ""), "def bench_the_page():\n    pass\n")
    (project / "bench" / "bench_page.py").write_text("\n\n".join(parts))
    shown = run_in(project, "pytest --collect-only -q bench/bench_page.py")
    assert all(name in shown for name in re.findall(r"def (bench_\w+)", code))
