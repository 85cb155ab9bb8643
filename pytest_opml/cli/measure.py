"""``opml measure``: measure and judge models without a bench file."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..errors import CaseDefinitionError
from .common import (
    as_json,
    root_of,
    settings_of,
    show,
    show_error,
    show_json_text,
    show_note,
    told_before_it_began,
    width,
    with_run_settings,
)

if TYPE_CHECKING:
    from ..case import Case
    from ..settings import Settings

_TEXTS = {
    "split": "Own, or training and test in percent: 70-30; by default all are test examples where none is trained on.",
    "output": "The output that is measured, of a model with several.",
    "quality": "What counts as the quality of the answers; by default that of the task.",
    "provider": "ONNX Runtime's execution provider for an .onnx file: cpu, cuda, tensorrt, openvino, ...",
    "precision": "In what OpenVINO computes a model of its own: f32, f16, bf16 or auto.",
    "weights": "For networks by name: imagenet, none, opml, or the path of a checkpoint.",
    "recipe": "Of training: standard, or paper.",
    "augment": "What is done to training images: auto, or flip+crop+randaugment+mixup.",
}
_NUMBERS = {
    "batch": "Examples in a call.",
    "devices": "GPUs of the node that the model is trained on.",
    "subset": "So many examples in all, as many of each class.",
    "seed": "Of the split, of a new head and of the order of training.",
    "epochs": "Of training.",
    "head_epochs": "Of the new head alone, before these.",
    "patience": "Epochs without a gain, after which training stops.",
}
_SHARES = {
    "learning_rate": "Of training, at its highest.",
    "layer_decay": "The first layer's learning rate over the head's.",
    "weight_decay": "Of kernels, in each step.",
    "warm_up": "The share of the steps in which the rate rises.",
    "label_smoothing": "The share of a label that all classes have.",
}


_READ = {
    "data": ("DATA", "A .npz file, a folder of images, module:function, or the name of a set."),
    "name": ("NAME", "What the model is called in tables, budgets and the history."),
    "unfreeze": ("N", "Layers to train, or all; by default 0 for a file: it is as it is."),
    "size": ("N", "Height and width of images, or both: 96x128; by default the model's own."),
    "preprocess": ("KEY=VALUE,...", "What is done to pixels: scale=1/255,layout=nchw."),
    "classes": ("NAME,...", "What the model's outputs stand for, in their order."),
}


def _option(name: str) -> str:
    return f"--{name.replace('_', '-')}"


def case_options(command: Any) -> Any:
    """The options that are fields of the cases, which ``case_fields`` reads."""
    for name, text in reversed(_SHARES.items()):
        command = click.option(_option(name), type=float, metavar="X", help=text)(command)
    for name, text in reversed(_NUMBERS.items()):
        command = click.option(_option(name), type=int, metavar="N", help=text)(command)
    for name, text in reversed(_TEXTS.items()):
        command = click.option(f"--{name}", metavar="TEXT", help=text)(command)
    for name, (metavar, text) in reversed(_READ.items()):
        command = click.option(f"--{name}", metavar=metavar, help=text)(command)
    return command


@click.command(short_help="Measure and judge models without a bench file.")
@click.argument("models", nargs=-1, required=True)
@click.option("--technique", "techniques", metavar="CHAIN", multiple=True, help="By default baseline; repeatable.")
@case_options
@click.option("--junit", metavar="PATH", type=click.Path(path_type=Path), help="Write the cases to PATH as JUnit XML.")
@with_run_settings
@as_json
def measure(models: tuple[str, ...], config: Path, junit: Path | None, json_wanted: bool, **given: Any) -> None:
    """Measure MODELS on data, and judge them by the budgets of the nearest pyproject.toml and of --gate.

    A model is a file (.onnx, .tflite, .keras), a folder (a SavedModel, or a model of OpenVINO), a pattern of these, an
    address of MLflow's, or a name that [tool.opml.model] gives to one. It is a run like one of pytest: it has a record,
    it is in the history, and it is compared with the last one. All examples are measured where the data are not divided
    into parts.

    \b
      opml measure models/prod.onnx --data data/pets --gate accuracy.min=0.9
      opml measure 'models/*.tflite' --data pets.npz --gate latency_ms.p99.max=5
      opml measure prod.keras --data pets --technique int8 --gate size_mb.max=9

    The exit code is that of pytest: 0 all budgets pass, 1 one fails, 5 nothing was measured, 11 something could not be
    judged, 4 the input is wrong. The last line says which and why.
    """
    from ..reports.terminal.run import exit_line, problem_lines, run_lines
    from ..runner.direct_run import exit_of, run_cases
    from ..runner.trusted_models import idle_patterns

    techniques, fields = given.pop("techniques"), case_fields(given)
    settings = settings_of(config, **given)
    if junit:
        from ..storage.whole_files import check_writable

        check_writable(junit)
    cases = _cases(models, techniques, fields, settings)
    with told_before_it_began():
        outcome = run_cases(cases, settings, root_of(config), width=width, on_wrong=show_error, on_note=show_note)
    if junit:
        from ..reports.junit import write_junit

        write_junit(outcome.record, junit)
    code, reason = exit_of(outcome)
    if json_wanted:
        show_json_text(outcome.record.model_dump_json(indent=2))
    else:
        lines = run_lines(outcome.record, settings.gate, width(), outcome.fresh) if outcome.has_content else []
        show(
            [*lines, *idle_patterns(outcome.record, given["trust"] or ())],
            problem_lines(outcome.problems),
            [*outcome.notes],
            [exit_line(code, reason)],
        )
    sys.exit(code)


def case_fields(given: dict[str, Any]) -> dict[str, Any]:
    """The fields of a case among the options, taken out of these; those alone that are given.

    Raises:
        CaseDefinitionError: one is not written as it must be.
    """
    from ..runner.named_models import read_preprocess

    fields = {name: given.pop(name) for name in (*_TEXTS, *_NUMBERS, *_SHARES, "name")}
    fields["dataset"] = given.pop("data")
    size, unfreeze = given.pop("size"), given.pop("unfreeze")
    fields["size"] = int(size) if size and size.isdecimal() else size
    fields["unfreeze"] = int(unfreeze) if unfreeze and unfreeze.isdecimal() else unfreeze
    preprocess, classes = given.pop("preprocess"), given.pop("classes")
    fields["preprocess"] = preprocess and read_preprocess(preprocess)
    fields["classes"] = classes and [name.strip() for name in classes.split(",")]
    return {name: value for name, value in fields.items() if value is not None}


def _cases(
    texts: Sequence[str], techniques: Sequence[str], fields: dict[str, Any], settings: Settings
) -> list[tuple[Case, str]]:
    """The cases, each with the command that measures it alone."""
    from .. import registry
    from ..runner.named_models import model_names, named_case

    registry.use_sections(lambda: settings.models)
    names = model_names(texts)
    if "name" in fields and len(names) > 1:
        raise CaseDefinitionError(f"--name: one model has a name, and these are {len(names)}")
    cases = []
    for name in names:
        for technique in techniques or ("baseline",):
            case = named_case(name, technique, fields)
            cases.append((case, measure_command(case)))
    return cases


def measure_command(case: Case) -> str:
    """The command that measures a case again; what its model's section says is said once more."""
    options = {"data": case.dataset, "unfreeze": str(case.unfreeze)}
    for name in ("name", "size", *_TEXTS, *_NUMBERS, *_SHARES):
        if getattr(case, name) != type(case).model_fields[name].default:
            options[name.replace("_", "-")] = str(getattr(case, name))
    if case.unfreeze == 0 and case.technique == "baseline":
        options["split"] = case.split  # which of a model that is only measured depends on its data
    if case.technique != "baseline":
        options["technique"] = case.technique
    if isinstance(case.classes, tuple):
        options["classes"] = ",".join(case.classes)
    if case.preprocess:
        values = case.preprocess.model_dump(exclude_defaults=True).items()
        options["preprocess"] = ",".join(f"{name}={_listed(value)}" for name, value in values)
    return shlex.join(["opml", "measure", case.model, *(f"--{name}={value}" for name, value in options.items())])


def _listed(value: Any) -> str:
    return ",".join(map(repr, value)) if isinstance(value, tuple) else str(value)
