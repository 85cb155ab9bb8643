"""Options and ``[tool.opml]`` as one frozen object; an option wins over the file."""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from .analysis.op_score import REFERENCE_SAMPLES
from .errors import SettingsError, one_line
from .gate.budgets import Gate, parse_gate, with_options
from .metrics import find, placeholder
from .records import hardware_profiles

PROFILES = tuple(hardware_profiles.PROFILES)
DEFAULT_STORE = "sqlite:///.opml/history.db"
DEFAULT_RELEASES = ".opml/releases"

TimeKind = Literal["inference", "training"]
_TIMES: dict[str, dict[TimeKind, float]] = {
    "inference": {"inference": 1.0},
    "training": {"training": 1.0},
    "total": {"inference": 1.0, "training": 1.0},
}


def _time_weights(value: Any) -> Any:
    if isinstance(value, str):
        if value not in _TIMES:
            raise ValueError(
                f"must be one of {', '.join(_TIMES)}, or weights such as {{inference = 0.7, training = 0.3}}"
            )
        return _TIMES[value]
    if not isinstance(value, Mapping):
        return value
    try:
        weights = {key: float(v) if isinstance(v, int) and not isinstance(v, bool) else v for key, v in value.items()}
    except OverflowError:
        raise ValueError("a weight is too large") from None
    if all(isinstance(v, float) for v in weights.values()) and not sum(weights.values()) > 0:
        raise ValueError("the weights must add up to more than zero")
    if not all(isinstance(v, float) and v >= 0 for v in weights.values()):
        return weights  # refused by type or range, with its key
    total = sum(weights.values())
    return {key: v / total for key, v in weights.items()}  # a weighted average


class _Table(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class ScoreSettings(_Table):
    """``[tool.opml.score]``: which time the score takes, and the test set that it is scaled to."""

    time: Annotated[
        dict[TimeKind, Annotated[float, Field(ge=0, allow_inf_nan=False)]], BeforeValidator(_time_weights)
    ] = _TIMES["inference"]
    reference_samples: int = Field(default=REFERENCE_SAMPLES, ge=1)


class _File(_Table):
    """The plain keys of ``[tool.opml]``; the gate has a parser of its own."""

    gpu: str = "auto"
    store: str = DEFAULT_STORE
    json_path: str | None = Field(default=None, alias="json", min_length=1)
    mlflow: str | None = Field(default=None, min_length=1)
    mlflow_experiment: str = Field(default="pytest-opml", min_length=1, max_length=500)
    cache_dir: str | None = Field(default=None, min_length=1)
    data_dir: str | None = Field(default=None, min_length=1)
    timeout: float = Field(default=1800.0, gt=0, allow_inf_nan=False)
    memory_mb: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    threads: int | None = Field(default=None, ge=1, le=4096)
    compare_seconds: float = Field(default=3.0, ge=0, allow_inf_nan=False)
    compare_precision: float = Field(default=0.02, ge=0, lt=1)
    baseline: str | None = Field(default=None, min_length=1)
    release_dir: str = Field(default=DEFAULT_RELEASES, min_length=1)
    score: ScoreSettings = ScoreSettings()


Unregistered = Literal["refused", "in the file", "anywhere"]


class Settings(NamedTuple):
    """Everything that a run can be told.

    Attributes:
        gpu: ``auto`` or one of ``PROFILES``; ``gpu`` for any GPU.
        store: SQLAlchemy URL of the history, None for no history.
        timeout_s: seconds that one case may take.
        memory_mb: resident memory that one case may take, 10^6 bytes; None for no limit of our own.
        threads: that a runtime may use; None for one per core.
        compare_s: seconds for which a case is timed beside its reference, in each scenario; 0 for not at all.
        compare_precision: half-width of the ratio's interval, as a share of the ratio, that ends this early.
        baseline: what each case is compared with; None for its last result, where a budget asks for one.
        release_dir: keeps the artifacts of released runs.
        mlflow: URI of the MLflow tracking store that the run is logged to, None for none.
        mlflow_experiment: its experiment.
    """

    gpu: str
    store: str | None
    json_path: Path | None
    cache_dir: Path
    data_dir: Path | None
    timeout_s: float
    memory_mb: float | None
    threads: int | None
    compare_s: float
    compare_precision: float
    baseline: str | None
    release_dir: Path
    score: ScoreSettings
    gate: Gate
    mlflow: str | None
    mlflow_experiment: str


def read_pyproject(path: Path) -> dict[str, Any]:
    """The ``[tool.opml]`` table of a ``pyproject.toml``; empty where there is none.

    Raises:
        SettingsError: the file is not valid TOML or cannot be read.
    """
    if sys.version_info >= (3, 11):
        import tomllib
    else:
        import tomli as tomllib

    try:
        document = tomllib.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise SettingsError(f"{path}: {error}") from error
    table = document.get("tool", {}).get("opml", {}) if isinstance(document.get("tool", {}), dict) else {}
    if not isinstance(table, dict):
        raise SettingsError(f"{path}: tool.opml must be a table, not {table!r}")
    return table


def _described(error: ValidationError, options: Mapping[str, str]) -> str:
    first = error.errors()[0]
    key = ".".join(str(part) for part in first["loc"])
    if first["type"] == "extra_forbidden":
        table, name = ".".join(("tool.opml", *map(str, first["loc"][:-1]))), str(first["loc"][-1])
        fields = ScoreSettings.model_fields if table.endswith("score") else _File.model_fields
        known = sorted(field.alias or own for own, field in fields.items())
        extra = [] if table.endswith("score") else ["gate"]
        return f"{table}: unknown key {name!r}; known: {', '.join(sorted([*known, *extra]))}"
    reason = str((first.get("ctx") or {}).get("error", first["msg"]))
    return f"{options.get(key, f'tool.opml.{key}')}: {reason[:1].lower()}{reason[1:]}, not {first['input']!r}"


def build_settings(
    file: Mapping[str, Any], options: Mapping[str, Any], root: Path, *, unregistered: Unregistered = "refused"
) -> Settings:
    """Merge what the file and the command line say.

    Args:
        file: the ``[tool.opml]`` table.
        options: keys as in the file; None means not given.
        root: what relative paths in the file are relative to.
        unregistered: where a budget may name a metric that is not registered here, as of a run that is over.

    Raises:
        SettingsError: an unknown key or a wrong value; the text names the key or the option.
    """
    table = dict(file)
    given = {key: value for key, value in options.items() if value is not None}
    gate = parse_gate(
        table.pop("gate", {}), "tool.opml.gate", PROFILES, find=find if unregistered == "refused" else placeholder
    )
    gate = with_options(gate, given.pop("gate", ()), find=placeholder if unregistered == "anywhere" else find)
    named = {key: f"--opml-{key.replace('_', '-')}" for key in given}
    # Only paths of the file are relative to it; those of the command line are relative to where it was typed.
    for key in ("json", "cache_dir", "data_dir"):
        if key not in given and isinstance(table.get(key), str) and table[key]:
            table[key] = str(root / _expanded(table[key], f"tool.opml.{key}"))
    try:
        plain = _File.model_validate(table | given)
    except ValidationError as error:
        raise SettingsError(_described(error, named)) from None
    if plain.gpu not in ("auto", *PROFILES):
        where = named.get("gpu", "tool.opml.gpu")
        raise SettingsError(f"{where}: unknown profile {plain.gpu!r}; known: {', '.join(('auto', *PROFILES))}")
    return Settings(
        gpu=plain.gpu,
        store=None if plain.store == "none" else _rooted(plain.store, Path.cwd() if "store" in given else root),
        json_path=_expanded(plain.json_path, "--opml-json") if plain.json_path else None,
        cache_dir=_expanded(plain.cache_dir, "--opml-cache-dir") if plain.cache_dir else _user_cache(),
        data_dir=_expanded(plain.data_dir, "--opml-data-dir") if plain.data_dir else None,
        timeout_s=plain.timeout,
        memory_mb=plain.memory_mb,
        threads=plain.threads,
        compare_s=plain.compare_seconds,
        compare_precision=plain.compare_precision,
        baseline=plain.baseline,
        release_dir=root / _expanded(plain.release_dir, "tool.opml.release_dir"),
        score=plain.score,
        gate=gate,
        mlflow=None if plain.mlflow in (None, "none") else _tracking(plain.mlflow, root, option="mlflow" in given),
        mlflow_experiment=plain.mlflow_experiment,
    )


def _expanded(path: str, where: str) -> Path:
    try:
        return Path(path).expanduser()
    except RuntimeError as error:
        raise SettingsError(f"{where}: {path!r}: {one_line(error)}") from error


def _rooted(url: str, root: Path) -> str:
    prefix = "sqlite:///"
    path = url.removeprefix(prefix)
    relative = url.startswith(prefix) and path and not path.startswith(("/", ":memory:"))
    return f"{prefix}{root / path}" if relative else url


def _tracking(uri: str, root: Path, *, option: bool) -> str:
    """Where MLflow logs to; it takes the path of a folder too, and ``databricks`` alone is none."""
    root = Path.cwd() if option else root
    if uri == "databricks" or re.match(r"[A-Za-z][A-Za-z0-9+.-]*:", uri):
        return _rooted(uri, root)
    return str(root / _expanded(uri, "--opml-mlflow" if option else "tool.opml.mlflow"))


def _user_cache() -> Path:
    from platformdirs import user_cache_path

    return user_cache_path("pytest-opml")
