"""Texts that a terminal or a CI service obeys, wherever a text can come from, and what is written of them.

Right is: every byte that a command, the summary of pytest and JUnit's XML write only shows; JSON stays JSON that says
the same; a refusal is one line. Wrong is all else.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from copy import deepcopy
from pathlib import Path
from random import Random
from types import SimpleNamespace
from typing import Any
from xml.etree.ElementTree import parse

import pytest
from click.testing import CliRunner
from pydantic import ValidationError

from pytest_opml.cli import main
from pytest_opml.gate.budgets import parse_gate
from pytest_opml.gate.run_verdicts import judge_run
from pytest_opml.plugin import options, session
from pytest_opml.plugin.stash import OUTCOME
from pytest_opml.printable import printable
from pytest_opml.records.run import RunRecord
from pytest_opml.reports.junit import write_junit
from pytest_opml.settings import build_settings
from tests.attack._command import fresh_folder
from tests.attack.tally import ONE_LINE, WENT_ON, WRONG, Outcome, Tally
from tests.support.builders import make_failure, make_result, make_side_by_side
from tests.support.history_runs import START, commit_of, make_timing, run_of
from tests.support.mutations import as_json, places

TRIES, SAMPLE = 4_000, 40

_TEXTS = (
    *("\x1b[31mred\x1b[0m", "\x1b]8;;http://evil.example\x07here\x1b]8;;\x07", "\x1b]0;title\x07", "bell\x07"),
    *("a\r\n::error::x", "a\n::set-output name=a::b", "::error file=a::x", " ::add-mask::x", "a\r::warning::x"),
    *("##vso[task.complete]", "a ##[group]x", "a\n##[error]x", "##teamcity[testFailed]", "a\x00b", "a\x7fb"),
    *(
        "\x9b31m",
        "a\x85b\u2028c",
        "\u202egnp.exe",
        "\u2066a\u2069",
        "a\u200bb\u2060\ufeff",
        "\U000e0041tag",
        "\x0b\x0c",
    ),
)
_SHOWN = (
    *("gate {}", "gate {} --json", "best {}", "best {} --json", "report {}", "report {} --format html"),
    *(
        "report {} --json",
        "compare {} good.json",
        "compare good.json {} --json",
        "import {} --store sqlite:///taken.db",
    ),
    *("budgets --store sqlite:///h.db", "budgets --json --store sqlite:///h.db", "gate --store sqlite:///h.db"),
    *("history --store sqlite:///h.db", "history --json --store sqlite:///h.db", "history full --store sqlite:///h.db"),
    *("history --case * --store sqlite:///h.db", "trend */baseline --store sqlite:///h.db --metric size_mb"),
    *("trend */baseline --json --store sqlite:///h.db --metric size_mb", "export - --store sqlite:///h.db"),
    *("release promote last --force --store sqlite:///h.db", "release list --store sqlite:///h.db"),
    "report good.json --against {}",
)
_TYPED = (
    *("{}", "gate {}", "gate --{}", "gate good.json --gate {}", "gate good.json --config {}", "best {}", "history {}"),
    *("history --case {}", "history --branch {}", "history --commit {}", "history --since {}", "history --store {}"),
    *("trend {}", "trend * --metric {}", "trend */int8 --branch {}", "compare {} good.json", "budgets {}", "import {}"),
    *(
        "budgets x --gpu {}",
        "export - --profile {}",
        "export {}/x.jsonl",
        "release promote {}",
        "report good.json -o {}/x",
    ),
    *("measure {} --data digits", "measure x.onnx --data {}", "measure x.onnx --data digits --technique {}"),
    *("measure x.onnx --data digits --preprocess {}", "measure x.onnx --data digits --classes {}", "measure {}.onnx"),
    *(
        "measure x.onnx --name {} --data digits",
        "score --accuracy {}",
        "cache size --cache-dir {}/x",
        "cache prune --{}",
    ),
    *("cache prune --older-than {}", "doctor --{}", "list {}", "release promote good.json --label {}", "paper {}"),
)
_SETTINGS = (
    *("{} = 1", "threads = {}", "gpu = {}", "store = [{}]", "mlflow = {{ x = {} }}", "gate.size_mb.{} = 1"),
    *("gate.{}.max = 1", "gate.size_mb.max = {}", "score.{} = 1", "model.{}.path = 'x.onnx'", "model.x.{} = 1"),
    *(
        "model.x.path = {}",
        "gate.waiver = [{{ match = {} }}]",
        "gate.case = [{{ match = {}, size_mb = 1 }}]",
        "baseline = 1 {}",
    ),
    "gate.slice = [{{ by = {}, accuracy.min = 0.5 }}]",
)


def attack(tries: int, seed: int) -> list[Tally]:
    """Half of the tries are of the texts of records; the others of words of commands and settings."""
    with _project():
        told = [_over_a_record(number) for number in range(seed, seed + tries // 2)]
        typed = [_over_a_word(number) for number in range(seed, seed + tries - tries // 2)]
    return [
        Tally.of("texts", "every text of a record, in every command, pytest's summary and JUnit's XML", told),
        Tally.of("texts", "words of commands, names of files, keys and values of settings", typed),
    ]


@contextmanager
def _project() -> Iterator[None]:
    with fresh_folder():
        Path("good.json").write_text(json.dumps(_document()))
        yield


def _document() -> Any:
    full = run_of(
        "full",
        results=[make_result(), make_result("cluster-256", vs_reference=make_side_by_side(), notes=("a note",))],
        failures=[make_failure("int8")],
        timings=[make_timing(size_mb=1.5)],
        commit=commit_of("a", authored=START),
        collected={"case": "test"},
        baseline_errors={"case": "why"},
        versions={"python": "3"},
    )
    checks = judge_run(full, parse_gate({"size_mb": {"max": 5}, "accuracy": {"min": 0.99}}, "gate", ()))
    return json.loads(full.model_copy(update={"checks": checks}).model_dump_json())


def _hostile(text: str, random: Random) -> Any:
    """The document of a record with a text in some places, or in all that can hold it."""
    plain = _document()
    document, share = deepcopy(plain), random.choice((0.1, 0.4, 1.0))
    for container, key in list(places(document)):
        if isinstance(container[key], str) and random.random() < share:
            container[key] = random.choice((text, f"{container[key]}{text}"))
    document["versions"] = {text: text}
    while refused := _refused(document):
        for where in refused:
            _restore(document, plain, where)
    return document


def _refused(document: Any) -> list[tuple[Any, ...]]:
    """The places at which a record may not hold what the document has there."""
    try:
        RunRecord.model_validate_json(as_json(document))
    except ValidationError as error:
        return [wrong["loc"] for wrong in error.errors()]
    return []


def _restore(document: Any, plain: Any, where: Sequence[Any]) -> None:
    """Take back what stands at a place, or where the place is one of the validation's alone, around it."""
    for key in where[:-1]:
        try:
            below, plain_below = document[key], plain[key]
        except (LookupError, TypeError):
            break
        if not isinstance(below, (dict, list)):
            break
        document, plain = below, plain_below
    else:
        key = where[-1]
    document[key] = deepcopy(plain[key])


def _over_a_record(seed: int) -> Outcome:
    random = Random(seed)
    text = "".join(random.choices(_TEXTS, k=random.choice((1, 1, 2))))
    document = _hostile(text, random)
    Path("hostile.json").write_bytes(as_json(document))
    command = random.choice((*_SHOWN, "pytest", "junit"))
    name = f"{seed} {text!r}: {command}"
    if command == "pytest":
        return _judged(name, 0, "\n".join(_summary(RunRecord.model_validate(document))))
    if command == "junit":
        write_junit(RunRecord.model_validate(document), Path("junit.xml"))
        texts = [part for node in parse("junit.xml").iter() for part in (*node.attrib.values(), node.text or "")]
        return _judged(name, 0, "\n".join(texts))
    if "h.db" in command:
        Path("h.db").unlink(missing_ok=True)
        taken = CliRunner().invoke(main, ["import", "hostile.json", "--store", "sqlite:///h.db"])
        if taken.exit_code:
            return _judged(f"{name} (import)", taken.exit_code, taken.output)
    return _run(name, ["hostile.json" if word == "{}" else word for word in command.split()])


def _summary(record: RunRecord) -> list[str]:
    lines: list[str] = []
    stash = pytest.Stash()
    stash[OUTCOME] = SimpleNamespace(
        record=record, has_content=True, problems=tuple(record.versions), notes=tuple(record.versions), fresh=()
    )  # type: ignore[assignment]
    config: Any = SimpleNamespace(stash=stash)
    reporter: Any = SimpleNamespace(
        write_line=lambda line, **_: lines.append(line), section=lambda _: None, _tw=SimpleNamespace(fullwidth=100)
    )
    stash[options._SETTINGS] = build_settings({"gate": {"size_mb": {"max": 5}}}, {}, Path.cwd())
    session.print_summary(reporter, config)
    return lines


def _over_a_word(seed: int) -> Outcome:
    random = Random(seed)
    text = random.choice((*_TEXTS, "caf\udce9"))
    if random.random() < 0.3 and "\udce9" not in text:
        line = random.choice(_SETTINGS).format(json.dumps(text).replace("\x7f", r"\u007f"))
        Path("pyproject.toml").write_text(f"[tool.opml]\n{line}\n", "utf-8")
        outcome = _run(f"{seed} {line!r}", random.choice((["gate", "good.json"], ["doctor", "--quick"])))
        Path("pyproject.toml").unlink()
        return outcome
    typed = random.choice(_TYPED)
    words = [word.replace("{}", text.replace("\x00", "\x01")) for word in typed.split()]  # which no system lets through
    return _run(f"{seed} {words}", words)


def _run(name: str, arguments: Sequence[str]) -> Outcome:
    result = CliRunner().invoke(main, list(arguments))
    if result.exception and not isinstance(result.exception, SystemExit):
        return Outcome(name, WRONG, repr(result.exception))
    if result.exit_code != 4 and ("--json" in arguments or "-" in arguments):
        try:
            documents = result.stdout.splitlines() if "-" in arguments else [result.stdout]
            for document in documents:
                json.loads(document)
        except ValueError as error:
            return Outcome(name, WRONG, f"no JSON: {error}")
    return _judged(name, result.exit_code, result.output)


def _judged(name: str, code: int, output: str) -> Outcome:
    for line in output.split("\n"):
        if printable(line, lines=True) != line:
            return Outcome(name, WRONG, f"wrote {line!r}")
    if code != 4:
        return Outcome(name, WENT_ON)
    lines = [line for line in output.splitlines() if line and not line.startswith(("Usage: ", "Try '"))]
    return Outcome(name, ONE_LINE) if len(lines) == 1 else Outcome(name, WRONG, f"not one line: {lines}")
