"""``opml init``: write a bench file, budgets from a first measurement, and the CI file."""

from __future__ import annotations

import json
import re
import shlex
import sys
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from ..errors import SettingsError, UsageError
from .common import root_of, settings_of, show, show_error, show_note, told_before_it_began, width, with_run_settings

if TYPE_CHECKING:
    from ..case import Case
    from ..records.result import Result
    from ..runner.first_budgets import FirstBudget

_BENCH = Path("bench/bench_release.py")
_EXAMPLE = ("efficientnet_lite0", "digits")
_MODEL_FILES = ("*.onnx", "*.tflite", "*.keras")
_MODEL_FOLDERS = ("models", ".")
_CI_FILES = {
    "github": Path(".github/workflows/opml.yml"),
    "gitlab": Path(".gitlab-ci.yml"),
    "jenkins": Path("Jenkinsfile"),
}
_CI_TEMPLATES = {"github": "github.yml", "gitlab": "gitlab.yml", "jenkins": "Jenkinsfile"}
_CI_OPTIONS = "--junitxml=opml.xml --opml-json=run.json"
_WRITTEN_FIELDS = ("model", "dataset", "unfreeze", "technique", "split", "size")


class _File(NamedTuple):
    """A file to write, and what is in it, in words."""

    path: Path
    content: str
    what: str


@click.command(short_help="Write a bench file, budgets from a first measurement, and the CI file.")
@click.argument("file", type=click.Path(path_type=Path), default=_BENCH)
@click.option("--model", metavar="MODEL", help="By default the only model file here or in models/, else an example.")
@click.option("--data", metavar="DATA", help="A .npz file, a folder of images, module:function, or the name of a set.")
@click.option("--name", metavar="NAME", help="What the model is called; by default like its file.")
@click.option("--ci", type=click.Choice(sorted(_CI_FILES)), help="Write the file of this CI server too.")
@click.option("--force", is_flag=True, help="Write files anew that are there. Budgets that are there always stay.")
@with_run_settings
def init(file: Path, config: Path, ci: str | None, force: bool, **given: Any) -> None:
    """Write a bench file (FILE, by default bench/bench_release.py), and budgets that its model keeps today.

    The model is measured once. Each budget is added to pyproject.toml with its reason: what was measured, its interval
    and the room beside it. Nothing that is there is overwritten.

    \b
      opml init --model models/prod.onnx --data data/pets.npz --ci github
      opml init bench/bench_prod.py --model models/prod.keras --data data/pets

    The exit code is that of the measurement, with nothing written where it has no result; 4: the input is wrong.
    """
    from ..runner.direct_run import exit_of, run_cases
    from ..runner.first_budgets import first_budgets

    if file.suffix != ".py" or not file.name.startswith("bench_"):
        raise UsageError(f"{file}: pytest finds benchmarks in files called bench_*.py")
    ci_file = ci_file_of(ci)
    for path in filter(None, (file, ci_file)):
        if path.exists() and not force:
            raise UsageError(f"{path}: is there already; --force writes it anew")
    model, data, name = given.pop("model"), given.pop("data"), given.pop("name")
    settings = settings_of(config, **given)
    case = _case(model, data, name)
    with told_before_it_began():
        outcome = run_cases(
            [(case, "")], settings, root_of(config), width=width, on_wrong=show_error, on_note=show_note
        )
    if not outcome.record.results or outcome.record.interrupted:
        for failure in outcome.record.failures:
            show_error(f"{failure.case.id}: {failure.kind}: {failure.message}")
        code, reason = exit_of(outcome)
        show([f"nothing was written: {reason}"])
        sys.exit(code)
    result = next(one for one in outcome.record.results if one.case.id == case.id)
    budgets = first_budgets(result)
    written = [_File(file, bench_text(case), f"the case {case.id}")]
    if ci_file and ci:
        written.append(
            _File(ci_file, ci_text(ci, file.parent, needs_onnx=case.model.endswith(".onnx")), "the gate in CI")
        )
    lines = [_write(one) for one in written] + [_add_budgets(config, case, budgets, result)]
    next_steps = [f"next: {shlex.join(['pytest', str(file.parent)])}"]
    if ci_file and ci_file not in _CI_FILES.values():
        next_steps.append(f"in .gitlab-ci.yml: include: [{{local: /{ci_file}}}]")
    show(lines, next_steps)


def ci_file_of(ci: str | None) -> Path | None:
    """Return the file of a CI server; of GitLab, where its one file is there already, another that it can include."""
    if ci == "gitlab" and _CI_FILES[ci].exists():
        return Path(".gitlab/opml.gitlab-ci.yml")
    return _CI_FILES[ci] if ci else None


def _case(model: str | None, data: str | None, name: str | None) -> Case:
    """The case that the bench file is to have.

    Raises:
        UsageError: it is not clear which model is meant, or no case.
    """
    from ..runner.named_models import model_names, named_case

    if model is None:
        model = _only_model()
    if model is None:
        if data is not None:
            raise UsageError("--data: no model file is here or in models/; name one with --model")
        model, data = _EXAMPLE
    names = model_names([model])
    if len(names) > 1:
        raise UsageError(f"--model: {model}: matches {len(names)} files; a bench file begins with one")
    fields = {"name": name or _name(names[0]), **({"dataset": data} if data else {})}
    return named_case(names[0], "baseline", fields)


def _only_model() -> str | None:
    paths = [path for folder in _MODEL_FOLDERS for one in _MODEL_FILES for path in sorted(Path(folder).glob(one))]
    if len(paths) > 1:
        raise UsageError(f"several model files are here ({', '.join(map(str, paths[:3]))}); name one with --model")
    return str(paths[0]) if paths else None


def _name(model: str) -> str:
    """A name for a model, like its file's or its function's."""
    stem = Path(model).stem if "/" in model or "." in model else model
    return "".join(sign if sign.isalnum() or sign in "-_" else "-" for sign in stem).strip("-") or "model"


def bench_text(case: Case) -> str:
    """Return a bench file with one case."""
    lines = [f"name={json.dumps(case.name)},"] if case.name else []
    names = [name for name in type(case).model_fields if name not in (*_WRITTEN_FIELDS, "name")]
    for field in (*_WRITTEN_FIELDS, *names):
        value = getattr(case, field)
        if value != type(case).model_fields[field].default:
            text = json.dumps(value) if isinstance(value, str) else repr(_plain(value))
            lines.append(f"{field}={text},{_REASONS.get((field, value), '') if field in _WRITTEN_FIELDS else ''}")
    template = (files(__package__) / "templates" / "bench_release.txt").read_text("utf-8")
    return template.replace("{fields}", "\n        ".join(lines))


def _plain(value: Any) -> Any:
    """What a field of a case may be written as."""
    from ..records.preprocess import Preprocess

    return value.model_dump(exclude_defaults=True) if isinstance(value, Preprocess) else value


_REASONS = {("unfreeze", 0): "  # as it is, without training", ("split", "0-100"): "  # all examples are test data"}


def ci_text(ci: str, folder: Path, *, needs_onnx: bool) -> str:
    """Return the file of a CI server that runs the benchmarks in a folder.

    Args:
        ci: ``github``, ``gitlab`` or ``jenkins``.
        folder: of the bench files, from the top of the repository.
        needs_onnx: whether pytest-opml is to be installed with what ``.onnx`` files need.
    """
    template = (files(__package__) / "templates" / _CI_TEMPLATES[ci]).read_text("utf-8")
    command = f"{shlex.join(['pytest', str(folder)])} {_CI_OPTIONS}"
    if ci == "jenkins":
        command = command.replace("\\", r"\\")  # a string of Groovy, in which it begins an escape
    elif not re.fullmatch(r"[\w ./'=-]+", command):
        command = json.dumps(command)  # a string of YAML too
    return template.replace("{extras}", "[onnx]" if needs_onnx else "").replace("{command}", command)


def _write(file: _File) -> str:
    file.path.parent.mkdir(parents=True, exist_ok=True)
    file.path.write_text(file.content, "utf-8")
    return f"wrote {file.path}: {file.what}"


def _add_budgets(config: Path, case: Case, budgets: list[FirstBudget], result: Result) -> str:
    """Add budgets to the settings, unless the case has some there; say what was done.

    Raises:
        SettingsError: the file cannot be added to.
    """
    from ..settings import read_pyproject

    gate = read_pyproject(config).get("gate", {})
    if any(entry.get("match") == case.id for entry in gate.get("case", [])):
        return f"left {config} as it is: it has budgets of {case.id}"
    text = budgets_text(case, budgets, result)
    before = config.read_text("utf-8") if config.exists() else ""
    config.write_text(f"{before.rstrip()}\n\n{text}" if before.strip() else text, "utf-8")
    try:
        read_pyproject(config)
    except SettingsError as error:
        config.write_text(before, "utf-8")
        show(text.splitlines())
        raise SettingsError(f"{error}; add the lines above by hand") from error
    return f"wrote {config}: {len(budgets)} budgets that it keeps today, with their reasons"


def budgets_text(case: Case, budgets: list[FirstBudget], result: Result, command: str = "opml init") -> str:
    """Return budgets of a case as TOML, each with its reason; ``command``: which measured it."""
    lines = [
        f"# As `{command}` measured it, on {result.device.cpu} with {result.device.threads} threads.",
        "[[tool.opml.gate.case]]",
        f"match = {json.dumps(case.id)}",
    ]
    lines += [f"{one.metric} = {{ {one.rule} = {one.limit} }}  # {one.reason}" for one in budgets]
    return "\n".join(lines) + "\n"
