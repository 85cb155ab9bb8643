"""Make the pages of ``docs/reference/`` from the code, so that they can leave nothing out.

Run as a program: ``python docs/make_reference.py``; with ``--check`` it changes nothing and says which page is stale.
What the code does not say in words stands in the tables at the top, each of which is checked to be complete.
"""

from __future__ import annotations

import argparse
import ast
import importlib
import re
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

import click
import pytest

from pytest_opml import cli, metrics, registry, settings
from pytest_opml.gate import budgets, run_cost, waivers
from pytest_opml.plugin import hooks, hookspecs, markers
from pytest_opml.records import model_sections
from pytest_opml.records.case_record import CaseRecord
from pytest_opml.records.hardware_profiles import PROFILES
from pytest_opml.reports.terminal import names
from pytest_opml.runner import outcome, search_space

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "docs" / "reference"
PACKAGE = ROOT / "pytest_opml"
_NOTE = "<!-- made by `python docs/make_reference.py`: change the code, not this page -->"

# Settings without an option whose own words, in the code, are for who reads it.
_SETTINGS = {
    "mlflow_experiment": "the experiment of MLflow that runs are logged to",
    "compare_precision": "half-width of the interval of the ratio to the reference, as a share of the ratio, at which "
    "timing the two side by side ends early",
    "release_dir": "where the artifacts of promoted runs are kept",
    "benchmark_table": "whether pytest-benchmark's table of the cases is shown, also where no option of it asks for it",
    "price": "what an hour of a machine with each kind of device costs, in one currency: `v100 = 2.48`",
    "score": "what the OpScore is made of",
    "model": "what is to be known of finished models",
    "search": "spaces of chains that `opml search` may try",
    "slurm": 'options of sbatch by the kinds of nodes: `v100 = "--partition=gpu --gres=gpu:v100:1"`',
}
_RULES = {
    "min": "the value must not be lower",
    "max": "the value must not be higher",
    "max_drop": "the value must not be lower than that of the reference by more than this; a number, or a percentage",
    "max_increase": "the value must not be higher than that of the reference by more than this; likewise",
    "max_regression": "the value must not be worse than that of the baseline by more than this; likewise",
}
_SEARCH = {
    "chains": "chains of techniques, as they are",
    "stages": "lists of steps: a chain has at most one step of each list, in this order",
    "without": "patterns of chains that are left out",
    "longest": "steps of a chain at most",
    "rungs": "shares of the examples to begin with, each above 0 and below 1",
}
_WAIVER = {
    "match": "pattern of case ids",
    "metric": "the metric, with its slice where it has one: `accuracy[class=cat]`",
    "until": "the last day on which the waiver holds: a date",
    "reason": "a text of your own",
}
_MARKER = {
    "case": "the case that the test's fixtures are about: a `Case`, its id, or a name of `[tool.opml.model]`",
    "gate": 'budgets of this test, as in the file: `{"size_mb": {"max": 5}}`',
    "timeout": "seconds that its case may take",
    "search": '`{"seconds": 1800, "space": "mine"}`, or `chains` or `stages` in the place of `space`: the best '
    "chain of techniques is searched, and measured",
}
_EXIT_CODES = {
    outcome.PASSED: "every budget passes",
    outcome.FAILED: "a budget fails, or a test failed",
    int(pytest.ExitCode.INTERRUPTED): "the run was interrupted, or a file could not be collected",
    int(pytest.ExitCode.INTERNAL_ERROR): "pytest itself or a plugin failed",
    outcome.USAGE: "the input is wrong: a name, a setting, a file, or a device that is not there",
    outcome.NOTHING_MEASURED: "nothing was measured",
    outcome.NOT_JUDGED: "nothing failed, but something could not be judged",
}
_EXTRAS = {
    "fleet": "a shared cache in an object store, such as S3",
    "mlflow": "logging to an MLflow tracking store, and models by their addresses in it",
    "onnx": "`.onnx` files, `onnx`, `onnx-int8`, and models of PyTorch (which itself is not among them)",
    "openvino": "models of OpenVINO, `openvino`, `openvino-int8` and `bfloat16` by it",
    "postgres": "a history in PostgreSQL",
    "slurm": "runs on a cluster of Slurm's",
}
_KINDS = {
    "dataset": "a function that takes the data folder and returns a `RawData` or a `tf.data.Dataset`",
    "model": "a function that builds a network",
    "technique": "a subclass of `Technique`",
    "metric": "a function that returns a `Metric`",
    "quality": "a function of the model's rows and the labels that returns a figure in [0, 1] for each example",
}
_COMPUTES = "how TensorFlow and its libraries compute: a part of what the cache goes by, and of the record"
_BAZEL = "where Bazel keeps the files of a test, to which links of a model's folder may lead"
# What each variable of the environment is for, by patterns, of which the first counts; None for one that is only set
# for processes of our own, or taken out of their way.
_VARIABLES: dict[str, str | None] = {
    "OPML_CACHE_KEY": "the key that the entries of a shared cache are signed by, 16 characters or more",
    "OPML_COMMENT_TOKEN": "the token of `opml comment`, before any other",
    "GITHUB_TOKEN": "the token of `opml comment` on GitHub",
    "GH_TOKEN": "the same, where there is no `GITHUB_TOKEN`",
    "GITLAB_TOKEN": "the token of `opml comment` on GitLab",
    "SLURM_CONF": "the configuration of the cluster, for Slurm's own programs",
    "SBATCH_*": "the user's options of sbatch, which hold for the jobs of a run, too",
    "SLURMD_NODENAME": None,  # is set by Slurm in a job
    "SLURM_*": None,
    "RAY_ADDRESS": "the cluster of `--opml-fleet=auto`, as `ray job submit` sets it; else that of this machine",
    "RAY_AUTH_MODE": "`token`: a token is sent to the cluster of `--opml-fleet`, as Ray reads it",
    "PY_COLORS": "`1` or `0`: colours or none, before the two below",
    "NO_COLOR": "no colours",
    "FORCE_COLOR": "colours, also where the output is no terminal",
    "CUDA_VISIBLE_DEVICES": "the GPUs that there are, in their order",
    "TF_NUM_INTRAOP_THREADS": "the threads of a TensorFlow that your own tests start before ours; "
    "a worker has those of `--opml-threads`",
    "KERAS_HOME": "the folder of Keras with downloaded weights and data, by default `~/.keras`",
    "ORT_DISABLE_TELEMETRY": "`0` lets ONNX Runtime measure its own use, which is else switched off",
    "MLFLOW_TRACKING_URI": "where models of MLflow are looked up, if no `mlflow` is set",
    "MLFLOW_REGISTRY_URI": "the registry of its models, if it is another place",
    "MLFLOW_TRACKING_*": "what MLflow logs in by; no message repeats it",
    "*_PROXY": "the proxy of downloads; no message repeats its password",
    "AWS_ENDPOINT_URL*": "the server of `s3://`, if it is not Amazon's",
    "AWS_*": "what `s3://` logs in by, as all that s3fs and botocore read; no message repeats it",
    "PYTEST_ADDOPTS": "options of pytest, of which those of pytest-benchmark are looked at",
    "TF_CPP_MIN_LOG_LEVEL": "what TensorFlow prints; 3, the least, unless set",
    "TF_FORCE_GPU_ALLOW_GROWTH": None,
    "*_NUM_THREADS": None,
    "TF_NUM_INTEROP_THREADS": None,
    "TF_USE_LEGACY_KERAS": None,
    "KERAS_*": None,
    "MLFLOW_*": None,
    "GIT_COMMIT": "the commit, branch, pull request and address of a job of Jenkins",
    "GIT_*": None,
    "TF_*": _COMPUTES,
    "XLA_FLAGS": _COMPUTES,
    "NVIDIA_TF32_OVERRIDE": _COMPUTES,
    "ONEDNN_DEFAULT_FPMATH_MODE": _COMPUTES,
    "RUNFILES_DIR": _BAZEL,
    "TEST_SRCDIR": _BAZEL,
    "GITLAB_CI": "whether the run is a job of GitLab, whose variables are below",
    "GITHUB_*": "the commit, branch, pull request and address of a job of GitHub Actions",
    "CI_*": "the commit, branch, merge request and address of a job of GitLab",
    "CHANGE_*": "the pull request of a job of Jenkins",
    "BRANCH_*": "the branch of a job of Jenkins",
    "BUILD_*": "the name and the address of a job of Jenkins",
    "SERVER_URL": None,  # parts of GITHUB_SERVER_URL and GITHUB_RUN_ID
    "RUN_ID": None,
}


def pages() -> dict[str, str]:
    """Return the text of each page by the name of its file."""
    made = {
        "settings.md": [
            *(
                "# Settings",
                *_settings(),
                *_gate_keys(),
                *_score_keys(),
                *_model_keys(),
                *_search_keys(),
                *_slurm_keys(),
            ),
        ],
        "pytest.md": ["# pytest", *_markers(), *_fixtures(), *_hooks(), *_exit_codes(), *_variables()],
        "commands.md": ["# The command `opml`", *_commands()],
        "names.md": [
            *("# Names", *_declared_names(), *_techniques(), *_qualities(), *_metrics(), *_profiles(), *_extras()),
        ],
    }
    return {name: "\n".join([blocks[0], "", _NOTE, "", *blocks[1:]]).rstrip() + "\n" for name, blocks in made.items()}


def stale_pages(texts: Mapping[str, str]) -> list[str]:
    """Return the names of the files that have another text than this, or are not there."""
    files = {name: FOLDER / name for name in texts}
    return [name for name, file in files.items() if not file.is_file() or file.read_text("utf-8") != texts[name]]


# --- settings


def _settings() -> Iterator[str]:
    yield "Each is a key of `[tool.opml]` in `pyproject.toml`. Most are an option of pytest too, which wins over the"
    yield "file; the commands of `opml` that run cases have the same options without `--opml-`."
    yield ""
    declared = settings.declared()
    types = settings._types(settings.Settings)
    meanings = _attributes(settings.Settings)
    _complete(_SETTINGS, set(_SETTINGS) & set(declared), "settings without an option")
    yield from _table(
        ("key", "option", "value", "default", "meaning"),
        (
            (
                f"`{key}`",
                f"`{setting.option}={setting.metavar}`{', repeatable' if setting.is_repeatable else ''}"
                if setting.metavar
                else "",
                "a table, below" if setting.is_table else _type_text(types[setting.field]),
                _default_text(setting),
                _escaped(setting.help) or _SETTINGS.get(key) or _plain(meanings[setting.field]),
            )
            for key, setting in declared.items()
        ),
    )


def _default_text(setting: settings.Setting) -> str:
    if setting.default_text:
        return setting.default_text
    value = setting.default() if callable(setting.default) else setting.default
    if value in (None, {}, ()):
        return ""
    return f"`{_toml(value)}`"


def _toml(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return f'"{value}"' if isinstance(value, str) else f"{value:g}"


def _type_text(kind: Any) -> str:
    """A type in words."""
    if (origin := get_origin(kind)) in (Union, UnionType):
        return " or ".join(_type_text(one) for one in get_args(kind) if one is not type(None))
    if origin is Literal:
        return " or ".join(f'`"{value}"`' for value in get_args(kind))
    if hasattr(kind, "__metadata__"):
        return _bounded(_type_text(get_args(kind)[0]), kind.__metadata__)
    words = {str: "text", int: "whole number", float: "number", bool: "`true` or `false`", Path: "path"}
    if kind in words:
        return words[kind]
    return "list of texts" if origin is tuple else "table"


def _bounded(words: str, limits: Iterable[Any]) -> str:
    signs = {"ge": "from", "gt": "above", "le": "to", "lt": "below"}
    parts = [part for limit in limits for part in getattr(limit, "metadata", [limit])]
    for part in parts:
        for name, sign in signs.items():
            if hasattr(part, name):
                words += f" {sign} {getattr(part, name):,}"
    return words


def _gate_keys() -> Iterator[str]:
    yield from ("", "## `[tool.opml.gate]`", "")
    yield "Budgets, one for each metric: `METRIC = { RULE = LIMIT, ... }`. The metrics are on [another"
    yield "page](names.md#metrics); what each rule means, and how a verdict is made, is told in"
    yield "[Budgets and verdicts](../gate.md)."
    yield ""
    _complete(_RULES, budgets.RULES, "rules")
    rules = {f"`{rule}`": _RULES[rule] for rule in budgets.RULES}
    yield from _table(("rule", "meaning"), [*rules.items(), ("`optional`", "`true`: the budget may be not judged")])
    yield from ("", "What it has beside budgets:", "")
    meanings = _attributes(budgets.GateTerms)
    types = get_type_hints(budgets.GateTerms)
    yield from _table(
        ("key", "value", "default", "meaning"),
        (
            *(
                (f"`{name}`", _type_text(types[name]), f"`{_toml(default)}`", _plain(meanings[name]))
                for name, default in budgets.GateTerms._field_defaults.items()
            ),
            (
                f"`{run_cost.KEY}`",
                "number above 0",
                "",
                "what the whole run may cost, by the prices of `[tool.opml.price]`",
            ),
        ),
    )
    yield ""
    yield from _table(
        ("table", "meaning"),
        [
            ("`[tool.opml.gate.gpu.PROFILE]`", "budgets on one kind of [hardware](names.md#hardware)"),
            ("`[[tool.opml.gate.case]]`", "budgets of the cases whose id matches the pattern `match`"),
            (
                "`[[tool.opml.gate.slice]]`",
                "budgets on some of the test examples: `by` is `class` or a column of the data, `value` one of its "
                'values, or `"*"` for each',
            ),
            ("`[[tool.opml.gate.waiver]]`", "a known failure that passes until a day"),
        ],
    )
    _complete(_WAIVER, waivers._KEYS, "keys of a waiver")
    yield from ("", "A waiver needs all of its keys:", "")
    yield from _table(("key", "meaning"), ((f"`{key}`", _WAIVER[key]) for key in waivers._KEYS))


def _score_keys() -> Iterator[str]:
    yield from ("", "## `[tool.opml.score]`", "")
    meanings = _attributes(settings.ScoreSettings)
    choices = ", ".join(f'`"{name}"`' for name in settings._TIMES)
    values = {"time": f"{choices}, or weights such as `{{ inference = 0.7, training = 0.3 }}`"}
    types = settings._types(settings.ScoreSettings)
    yield from _table(
        ("key", "value", "default", "meaning"),
        (
            (
                f"`{key}`",
                values.get(key) or _type_text(types[setting.field]),
                _default_text(setting),
                _plain(meanings[key]),
            )
            for key, setting in settings.declared(settings.ScoreSettings).items()
        ),
    )


def _model_keys() -> Iterator[str]:
    yield from ("", "## `[tool.opml.model.NAME]`", "")
    yield "What is to be known of a finished model; [Cases](../cases.md#models-in-the-settings) has an example."
    yield ""
    meanings = _attributes(CaseRecord)
    own = {"path": "the model's file or folder", "model": "the same, for all that a case's `model` may be"}
    _complete(own, model_sections.MODEL_KEYS, "keys of a model")
    rows = {**own, **{key: _plain(meanings[key]) for key in model_sections.FIELD_KEYS}}
    yield from _table(("key", "meaning"), ((f"`{key}`", text) for key, text in rows.items()))


def _search_keys() -> Iterator[str]:
    yield from ("", "## `[tool.opml.search.NAME]`", "")
    yield "A space of chains for [`opml search`](../search.md): a list of chains, or a table with these keys."
    yield ""
    _complete(_SEARCH, search_space._Table._fields, "keys of a search")
    yield from _table(("key", "meaning"), ((f"`{key}`", _SEARCH[key]) for key in search_space._Table._fields))


def _slurm_keys() -> Iterator[str]:
    yield from ("", "## `[tool.opml.slurm]`", "")
    yield "Options of `sbatch` for each kind of node, as one text; [Slurm](../fleet.md#slurm) has an example."
    own = ", ".join(f"`--{name}`" for name in settings.OWN_SBATCH_OPTIONS)
    yield "A key is the name of a device; the options have their long form. Refused are those that the run sets itself:"
    yield f"{own}."


# --- pytest


def _markers() -> Iterator[str]:
    yield "The options of pytest are on [the page of the settings](settings.md)."
    yield from ("", "## The marker `opml`", "")
    yield "`@pytest.mark.opml(...)` on a test, a class or a module; the closest one counts. Each test that uses a"
    yield "fixture of pytest-opml has the marker, so `-m opml` selects them."
    yield ""
    _complete(_MARKER, markers._MARKER_KEYS, "arguments of the marker")
    yield from _table(("argument", "meaning"), ((f"`{key}`", _MARKER[key]) for key in markers._MARKER_KEYS))


def _fixtures() -> Iterator[str]:
    yield from ("", "## Fixtures", "")
    rows = ((f"`{name}`", _plain(_docstring(getattr(hooks, name)))) for name in sorted(hooks.__all__))
    yield from _table(("fixture", "meaning"), rows)


def _hooks() -> Iterator[str]:
    yield from ("", "## Hooks", "")
    yield "For a `conftest.py` or another plugin."
    yield ""
    functions = [value for name, value in vars(hookspecs).items() if name.startswith("pytest_opml_")]
    yield from _table(("hook", "meaning"), ((_call(function), _plain(_docstring(function))) for function in functions))


def _call(function: Any) -> str:
    code = function.__code__
    return f"`{function.__name__}({', '.join(code.co_varnames[: code.co_argcount])})`"


def _exit_codes() -> Iterator[str]:
    yield from ("", "## Exit codes", "")
    yield "Of `pytest`, and of the commands of `opml` that judge. The last line of the output says which one it is,"
    yield "and why; [all causes](../gate.md#nothing-passes-silently)."
    yield ""
    ours = {value for name, value in vars(outcome).items() if name.isupper() and value in range(256)}
    ended_early = {int(pytest.ExitCode.INTERRUPTED), int(pytest.ExitCode.INTERNAL_ERROR)}
    _complete(_EXIT_CODES, ours | ended_early, "exit codes")
    yield from _table(("exit code", "meaning"), ((str(code), text) for code, text in sorted(_EXIT_CODES.items())))


def _variables() -> Iterator[str]:
    yield from ("", "## Variables of the environment", "")
    yield "What is read of the environment. Settings are not: they stand in the file and on the command line."
    yield ""
    described: dict[str, list[str]] = {}
    for name in _variable_names():
        pattern = next((pattern for pattern in _VARIABLES if fnmatchcase(name, pattern)), None)
        if pattern is None:
            raise SystemExit(f"docs/make_reference.py: say in _VARIABLES what {name} is for")
        if text := _VARIABLES[pattern]:
            described.setdefault(text, []).append(f"`{name}`")
    order = [text for text in _VARIABLES.values() if text in described]
    rows = ((", ".join(described[text]), text) for text in dict.fromkeys(order))
    yield from _table(("variable", "meaning"), rows)


def _variable_names() -> list[str]:
    """The names of variables in the modules that look at the environment."""
    pattern = re.compile(r"[A-Z][A-Z0-9]*(_[A-Z0-9]+)+")
    found = {"GITLAB_CI"}
    for path in sorted(PACKAGE.rglob("*.py")):
        text = path.read_text("utf-8")
        if "environ" in text:
            constants = (node.value for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Constant))
            found |= {value for value in constants if isinstance(value, str) and pattern.fullmatch(value)}
    return sorted(found)


# --- the command


def _commands() -> Iterator[str]:
    yield "`opml COMMAND --help` says the same. A wrong input ends each command with exit code 4 and one line."
    shared = set(_run_options())
    yield from ("", "## Options of a run", "")
    yield "The commands that run cases have all of these:"
    yield ""
    run_options = [one for one in _options(cli.main.commands["measure"]) if one.opts[0] in shared]
    yield from _option_table(run_options)
    for path, command in _leaves(cli.main):
        yield from _command(path, command, shared)


def _run_options() -> Iterator[str]:
    yield from ("--config", "--record")
    yield from (
        f"--{key.replace('_', '-')}" for key, one in settings.declared().items() if one.metavar and key != "json"
    )


def _leaves(group: click.Group, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            if command.invoke_without_command:
                yield (*path, name), command
            yield from _leaves(command, (*path, name))
        else:
            yield (*path, name), command


def _options(command: click.Command) -> list[click.Option]:
    return [one for one in command.params if isinstance(one, click.Option)]


def _command(path: tuple[str, ...], command: click.Command, shared: set[str]) -> Iterator[str]:
    yield from ("", f"## `opml {' '.join(path)}`", "")
    arguments = [one for one in command.params if isinstance(one, click.Argument)]
    usage = ["opml", *path, "[OPTIONS]", *map(_argument_text, arguments)]
    yield f"Usage: `{' '.join(usage)}`"
    yield ""
    yield from _help_text(command.help or "")
    options = _options(command)
    if shared <= {option.opts[0] for option in options}:
        yield from ("It also has the [options of a run](#options-of-a-run).", "")
        options = [option for option in options if option.opts[0] not in shared]
    yield from _option_table(options)


def _argument_text(argument: click.Argument) -> str:
    name = argument.human_readable_name.strip("[].") + ("..." if argument.nargs == -1 else "")
    return name if argument.required else f"[{name}]"


def _help_text(text: str) -> Iterator[str]:
    """The paragraphs of a help, and its examples as a block of code."""
    import textwrap

    for paragraph in re.split(r"\n\s*\n", textwrap.dedent(text.strip("\n")).strip()):
        first, *rest = paragraph.splitlines()
        if first.strip() == "\b":
            yield from ("```", *textwrap.dedent("\n".join(rest)).splitlines(), "```", "")
        else:
            yield from (" ".join(line.strip() for line in [first, *rest]).replace("<", "&lt;").replace("*", "\\*"), "")


def _option_table(options: Sequence[click.Option]) -> Iterator[str]:
    rows = [(_option_name(option), _escaped(option.help or "")) for option in options]
    if rows:
        yield from _table(("option", "meaning"), rows)


def _option_name(option: click.Option) -> str:
    if option.is_flag:
        value = ""
    elif isinstance(option.type, click.Choice):
        value = f" {'|'.join(map(str, option.type.choices))}"
    else:
        value = f" {option.metavar or option.type.name.upper()}"
    written = ", ".join([*option.opts, *option.secondary_opts])
    return f"`{written}{value}`{', required' if option.required else ''}"


# --- names


def _project() -> dict[str, Any]:
    table: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    return table


def _built_in(kind: str) -> dict[str, str]:
    """The entry points of a kind, by name; those of other packages that are installed here are not ours to list."""
    table: dict[str, str] = _project()["entry-points"].get(f"pytest_opml.{kind}", {})
    return table


def _factory(address: str) -> Any:
    module, _, attribute = address.partition(":")
    return getattr(importlib.import_module(module), attribute)


def _declared_names() -> Iterator[str]:
    yield "What comes with the package. `opml list` also has what other installed packages add."
    yield from ("", "## What can be registered", "")
    yield "[Your own](../extending.md) by `pytest_opml.register(KIND, NAME)`, by the hook `pytest_opml_register`, or as"
    yield "an entry point of a package."
    yield ""
    _complete(_KINDS, registry.KINDS, "kinds of names")
    rows = ((f"`{kind}`", f"`pytest_opml.{kind}`", _KINDS[kind]) for kind in registry.KINDS)
    yield from _table(("kind", "group of entry points", "what it names"), rows)
    for kind, heading, page in (("model", "Models", "models.md"), ("dataset", "Data sets", "data.md")):
        yield from ("", f"## {heading}", "")
        yield f"What each is: [{heading}](../{page})."
        yield ""
        yield ", ".join(f"`{name}`" for name in _built_in(kind))


def _techniques() -> Iterator[str]:
    yield from ("", "## Techniques", "")
    yield "What each does and gains: [Techniques](../techniques.md). Options follow the name: `prune-0.5,epochs=4`."
    yield ""
    table = names.technique_table({name: _factory(address) for name, address in _built_in("technique").items()})
    yield from _table(
        ("technique", "what it does", "options"),
        (
            (
                f"`{row['usage']}`",
                _plain(row["summary"]),
                "; ".join(f"`{one['option']}` {_plain(one['meaning'])}".rstrip() for one in row["options"]),
            )
            for row in table
        ),
    )


def _qualities() -> Iterator[str]:
    yield from ("", "## Qualities", "")
    yield "What may count as the quality of a model's answers: [Quality](../measuring.md#quality)."
    yield ""
    table = names.quality_table({name: _factory(address) for name, address in _built_in("quality").items()})
    yield from _table(("quality", "what it is"), ((f"`{row['name']}`", _plain(row["summary"])) for row in table))


def _metrics() -> Iterator[str]:
    yield from ("", "## Metrics", "")
    yield "What a budget may be on. *Percent*: whether a budget relative to another case may be a percentage."
    yield "*Compared*: with which other results `max_regression` and the reports compare it."
    yield ""
    yield from _table(
        ("metric", "unit", "better", "percent", "compared"),
        (
            (
                f"`{name}`",
                metric.unit,
                metric.better,
                "yes" if metric.percent else "no",
                names._comparable(metric),
            )
            for name, metric in metrics.METRICS.items()
        ),
    )


def _profiles() -> Iterator[str]:
    yield from ("", "## Hardware", "")
    yield "What `--opml-gpu` and `[tool.opml.gate.gpu.PROFILE]` may name; `opml list gpus` has the vendor's figures."
    yield ""
    yield ", ".join(f"`{name}`" for name in PROFILES)


def _extras() -> Iterator[str]:
    yield from ("", "## Extra packages", "")
    yield "`pip install 'pytest-opml[onnx]'` adds what these need."
    yield ""
    extras = _project()["optional-dependencies"]
    _complete(_EXTRAS, extras, "extras")
    yield from _table(
        ("extra", "for", "packages"),
        ((f"`{name}`", _EXTRAS[name], ", ".join(f"`{one}`" for one in needed)) for name, needed in extras.items()),
    )


# --- texts


def _complete(described: Mapping[Any, str], declared: Iterable[Any], what: str) -> None:
    """Check that a table here describes what the code declares, no more and no less."""
    if different := set(described) ^ set(declared):
        raise SystemExit(f"docs/make_reference.py: its {what} are not those of the code: {sorted(map(str, different))}")


def _docstring(thing: Any) -> str:
    function = getattr(thing, "__wrapped__", None) or getattr(thing, "_get_wrapped_function", lambda: thing)()
    return " ".join((function.__doc__ or "").split())


def _attributes(thing: type) -> dict[str, str]:
    """The section ``Attributes`` of a docstring, by name."""
    section = (thing.__doc__ or "").partition("Attributes:")[2]
    described: dict[str, str] = {}
    name = ""
    for line in section.splitlines():
        if match := re.fullmatch(r" {8}(\w+): (.*)", line):
            name = match[1]
            described[name] = match[2]
        elif name and line.startswith(" " * 12):
            described[name] += f" {line.strip()}"
        elif line.strip():
            name = ""
    return described


def _plain(text: str) -> str:
    """A text of a docstring as Markdown, without what is Python in it."""
    return _escaped(re.sub(r"\bNone\b", "not set", re.sub(r"``+(.+?)``+", r"`\1`", text)))


def _escaped(text: str) -> str:
    """A text for a cell of a table: what Markdown would take for markup, outside of code, is written out."""
    parts = re.split(r"(`[^`]*`)", " ".join(text.split()))
    return "".join(
        part if part.startswith("`") else part.replace("<", "&lt;").replace("*", "\\*").replace("|", "\\|")
        for part in parts
    )


def _table(headers: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    yield f"| {' | '.join(headers)} |"
    yield f"|{'---|' * len(headers)}"
    for row in rows:
        cells = (re.sub(r"(?<!\\)\|", r"\\|", cell) for cell in row)
        yield f"| {' | '.join(cells)} |".replace("|  |", "| |")


def main() -> None:
    """Run as a program."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="write nothing; exit code 1 where a page is stale")
    arguments = parser.parse_args()
    made = pages()
    stale = stale_pages(made)
    if arguments.check:
        sys.exit(f"stale: {', '.join(stale)}; python docs/make_reference.py writes them" if stale else 0)
    FOLDER.mkdir(exist_ok=True)
    for name in stale:
        (FOLDER / name).write_text(made[name], "utf-8")
    print(f"{FOLDER.relative_to(ROOT)}: {', '.join(stale) or 'nothing'} written anew")


if __name__ == "__main__":
    main()
