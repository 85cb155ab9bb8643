"""The house rules: how the package is laid out, and what its parts may be called."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

import grimp
import pytest

import pytest_opml

PACKAGE = Path(pytest_opml.__file__).parent
FILES = sorted(PACKAGE.rglob("*.py"))

MOST_MODULES_AT_THE_ROOT = 10
MOST_LINES = {"function": 60, "class": 200}
# A store of many statements, each a method of a few lines.
LONG_CLASSES = {"history/sql.py SqlHistory"}
MOST_LINES_OF_A_MODULE = {"runner/session.py": 180}

# A module is a noun that says what is in it; these nouns of the field end as verbs do.
NOUNS_IN_ING = {"cloning", "finding", "fine_tuning", "formatting", "ranking", "sampling", "timing", "training"}
BANNED_MODULES = {
    # what a module is left with when nobody knows what it is about
    *("common", "helper", "helpers", "misc", "util", "utils", "domain", "shell", "stored"),
    # words that name a moment, a doubt or a deed instead of a thing
    *("answers", "earlier", "exchange", "live", "looks", "past", "unevenness", "legacy", "at_hand", "kept"),
}
# Where a noun of the list is the right one: what the commands have in common.
COMMON_MODULES = {"cli/common.py"}
# Words that may be no part of a name: each had a meaning of its own in several modules.
BANNED_WORDS = {
    *("draft", "material", "maker", "workplace"),  # ModelState, TrainingContext, ArtifactBuilder, LegacyJob
    *("keep", "keeps", "kept", "keeping"),  # store, released, selected, cached
    *("settle", "settling", "unevenness", "looks"),  # judge, steady, permutation test, interim analyses
    *("undecided", "unjudged"),  # inconclusive, not judged
    *("wish", "meant", "lifted", "stretched"),  # policy, resolved, without a budget, scaled
}
BANNED_CLASSES = {
    *("Applying", "Choice", "Combined", "Earlier", "Exchange", "ForCases", "Found", "Live", "Made", "Pruned"),
    *("Question", "Share", "Shared", "Spending", "Subject", "Terms", "Tied", "Wanted"),
}
# Classes that several modules had one of, each for a thing of its own.
CLASSES_OF_ONE_MEANING = {"Entry", "Limits", "Plan", "Point", "Shift"}
# Tests that belong to no module alone, and of what.
TESTS_WITHOUT_A_MODULE = {
    "browser/test_printing.py": "the report on paper, in other windows and without scripts, in a browser",
    "browser/test_report.py": "the report of a run, in a browser",
    "browser/test_selection.py": "what a report's tables and charts share, in a browser",
    "browser/test_site.py": "the site, in a browser",
    "cli/test_help.py": "all commands",
    "docs/test_examples.py": "every block of code of the documentation",
    "docs/test_reference.py": "the pages that are made from the code",
    "docs/test_site.py": "the documentation as a site",
    "fleet/test_cluster_access.py": "clusters of Ray's that ask for a token",
    "fleet/test_growing_cluster.py": "whole runs on a cluster of Ray's that starts its nodes on demand",
    "fleet/test_ray.py": "whole runs on a cluster of Ray's",
    "fleet/test_slurm.py": "whole runs on a cluster of Slurm's",
    "history/test_fuzz.py": "stores and files of records that are damaged",
    "history/test_gone_names.py": "all commands, on runs whose names are gone",
    "history/test_migrations.py": "the package of that name",
    "models/test_keras_files.py": "the way of a user's own file through models, techniques and runtimes",
    "reports/test_one_figure.py": "the difference of two scores, wherever it is shown or judged",
    "runtimes/test_file_kinds.py": "the table of kinds of files, inputs and outputs",
    "storage/test_shared_locks.py": "the half of locks.py that is not about devices",
    "techniques/test_techniques.py": "techniques by the file that they end in",
    "test_benchmarks.py": "the programs of benchmarks/",
    "test_exports.py": "the public names",
    "test_extension.py": "a package of its own, installed beside this one",
    "test_layers.py": "who imports whom",
    "test_markers.py": "the marker of the tests",
    "test_structure.py": "the house rules",
}
# Variables and parameters whose name says nothing of the thing.
BANNED_LOCALS = {"each", "found", "kept", "known", "made", "other"}


class Name(NamedTuple):
    """A name, and the line on which something is given it."""

    text: str
    line: int


class Block(NamedTuple):
    """A function or class of the package."""

    kind: str
    name: str
    line: int
    lines: int


def relative(file: Path) -> str:
    return file.relative_to(PACKAGE).as_posix()


@cache
def parsed(file: Path) -> ast.Module:
    return ast.parse(file.read_text("utf-8"), str(file))


def words_of(name: str) -> set[str]:
    """The words of an identifier: ``ModelState`` and ``_model_state`` have the same."""
    return set(re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower().split("_"))


def local_names(tree: ast.AST) -> Iterator[Name]:
    """Variables and parameters, in whatever way they get their values."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield Name(node.id, node.lineno)
        elif isinstance(node, ast.arg):
            yield Name(node.arg, node.lineno)
        elif isinstance(node, (ast.ExceptHandler, ast.MatchAs, ast.MatchStar)) and node.name:
            yield Name(node.name, node.lineno)
        elif isinstance(node, ast.MatchMapping) and node.rest:
            yield Name(node.rest, node.lineno)


def all_names(tree: ast.AST) -> Iterator[Name]:
    """Besides the variables: attributes that are set, functions and classes."""
    yield from local_names(tree)
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            yield Name(node.attr, node.lineno)
        elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            yield Name(node.name, node.lineno)


def blocks(tree: ast.AST) -> Iterator[Block]:
    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            kind = "class" if isinstance(node, ast.ClassDef) else "function"
            assert node.end_lineno is not None
            yield Block(kind, node.name, node.lineno, node.end_lineno - node.lineno + 1)


def cycles(graph: grimp.ImportGraph) -> list[str]:
    """The shortest way from each module back to itself, of those that have one."""
    ways = []
    for module in sorted(graph.modules):
        chains = (graph.find_shortest_chain(after, module) for after in graph.find_modules_directly_imported_by(module))
        shortest = min(filter(None, chains), key=len, default=None)
        if shortest:
            ways.append(" -> ".join((module, *shortest)))
    return ways


def test_few_modules_lie_at_the_root() -> None:
    loose = sorted(file.name for file in PACKAGE.glob("*.py") if file.name != "__init__.py")
    assert len(loose) <= MOST_MODULES_AT_THE_ROOT, loose


def test_the_tests_mirror_the_package() -> None:
    folder = Path(__file__).parent
    tests = {file.relative_to(folder) for file in folder.rglob("test_*.py")}
    mirrors = {test for test in tests if (PACKAGE / test.with_name(test.name.removeprefix("test_"))).exists()}
    whole_runs = {test for test in tests if test.parts[0] in ("attack", "runs")}
    assert {test.as_posix() for test in tests - mirrors - whole_runs} == set(TESTS_WITHOUT_A_MODULE)


def test_no_import_goes_round() -> None:
    assert cycles(grimp.build_graph("pytest_opml", cache_dir=None)) == []


def test_an_import_that_goes_round_is_seen() -> None:
    graph = grimp.ImportGraph()
    for importer, imported in (("a", "b"), ("b", "c"), ("c", "a"), ("d", "a")):
        graph.add_import(importer=importer, imported=imported)
    assert cycles(graph) == ["a -> b -> c -> a", "b -> c -> a -> b", "c -> a -> b -> c"]


@pytest.mark.parametrize("folder", sorted({relative(file.parent) for file in FILES}))
def test_each_package_says_what_it_is_for(folder: str) -> None:
    if folder == "history/migrations/versions":  # read by Alembic as files
        return
    duty = ast.get_docstring(parsed(PACKAGE / folder / "__init__.py")) or ""
    assert re.match(r"[^\n]{20,}\.(\n|$)", duty), f"{folder}: its docstring must begin with a sentence: {duty!r}"


def test_functions_and_classes_are_short() -> None:
    long = [
        f"{relative(file)}:{block.line}: {block.kind} {block.name}: {block.lines} lines"
        for file in FILES
        for block in blocks(parsed(file))
        if block.lines > MOST_LINES[block.kind] and f"{relative(file)} {block.name}" not in LONG_CLASSES
    ]
    assert not long, "\n".join(long)


@pytest.mark.parametrize(("module", "most"), MOST_LINES_OF_A_MODULE.items())
def test_modules_that_used_to_grow_stay_short(module: str, most: int) -> None:
    assert len((PACKAGE / module).read_text("utf-8").splitlines()) <= most


def test_modules_are_called_by_nouns_of_the_field() -> None:
    verbs = [relative(file) for file in FILES if file.stem.endswith("ing") and file.stem not in NOUNS_IN_ING]
    banned = [relative(file) for file in FILES if {file.stem, file.parent.name} & BANNED_MODULES]
    assert not verbs + [name for name in banned if name not in COMMON_MODULES]


def test_no_name_has_a_word_of_several_meanings() -> None:
    banned = []
    for file in FILES:
        tree = parsed(file)
        classes = {block.name.lstrip("_") for block in blocks(tree) if block.kind == "class"}
        banned += [f"{relative(file)}: class {name}" for name in sorted(classes & BANNED_CLASSES)]
        banned += [
            f"{relative(file)}:{name.line}: {name.text}"
            for name in all_names(tree)
            if words_of(name.text) & BANNED_WORDS
        ]
    assert not banned, "\n".join(banned)


@pytest.mark.parametrize("name", sorted(CLASSES_OF_ONE_MEANING))
def test_a_word_means_one_thing(name: str) -> None:
    modules = [relative(file) for file in FILES if name in {block.name.lstrip("_") for block in blocks(parsed(file))}]
    assert len(modules) <= 1, modules


def test_no_text_has_another_word_for_a_verdict() -> None:
    texts = [*FILES, *PACKAGE.rglob("*.jinja")]
    other_words = re.compile(r"\b(undecided|unjudged)\b", re.IGNORECASE)
    banned = [
        f"{relative(file)}:{number}: {line.strip()}"
        for file in texts
        for number, line in enumerate(file.read_text("utf-8").splitlines(), start=1)
        if other_words.search(line)
    ]
    assert not banned, "\n".join(banned)


def test_variables_say_what_they_hold() -> None:
    banned = [
        f"{relative(file)}:{name.line}: {name.text}"
        for file in FILES
        for name in local_names(parsed(file))
        if name.text in BANNED_LOCALS
    ]
    assert not banned, "\n".join(banned)


def test_each_way_to_name_a_variable_is_seen() -> None:
    code = """
def function(a, *b, c=1, **d):
    e = f = (g := 1)
    h: int = 1
    i += 1
    for j, (k, *l) in ():
        pass
    with x as m:
        pass
    [n for n in () for o in ()]
    lambda p: p
    try:
        pass
    except Exception as q:
        pass
    match x:
        case [r, *s] | {"x": t, **u}:
            pass
"""
    assert {name.text for name in local_names(ast.parse(code))} == set("abcdefghijklmnopqrstu")
