"""What a run can be told, by ``[tool.opml]`` and by the command line; an option wins over the file.

Each setting is one field of ``Settings``: its type and range, its key in the file, its option with metavar and help.
The plugin and the command ``opml`` make their options from these fields.

pytest loads this module in every run of every project that has the plugin installed, so it imports nothing heavy: the
types are read, and pydantic is imported, when settings are built. No two settings are compared, and methods that
dataclasses would generate for it cost each run their time.
"""
# ruff: noqa: RUF009 - setting() declares a field

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeVar, get_type_hints

from .addresses import read_address
from .errors import SettingsError, one_line
from .storage.input_file import read_input

if TYPE_CHECKING:
    from pydantic import Field, NonNegativeFloat, PositiveFloat, PositiveInt, ValidationError

    from .gate.budgets import Gate
    from .records.model_sections import ModelSection

_Table = TypeVar("_Table")

TimeKind = Literal["inference", "training"]
ScaleName = Literal["smoke", "small", "full"]
_LARGEST_FILE = 2**24  # bytes

Unregistered = Literal["refused", "in the file", "anywhere"]
_TIMES: dict[str, dict[TimeKind, float]] = {
    "inference": {"inference": 1.0},
    "training": {"training": 1.0},
    "total": {"inference": 1.0, "training": 1.0},
}


# --- how a setting is declared


@dataclass(frozen=True, kw_only=True, eq=False)
class Written:
    """A value as it was written.

    Attributes:
        value: what the file or the command line says, or else the default.
        added: what a repeatable option says beside it.
        where: its place, for an error: ``tool.opml.json`` or ``--opml-json``.
        root: the folder that a relative path starts from.
        unregistered: where a budget may name a metric that is not registered here.
    """

    value: Any
    added: tuple[str, ...] = ()
    where: str
    root: Path
    unregistered: Unregistered = "refused"


@dataclass(frozen=True, kw_only=True, eq=False)
class Setting:
    """How one setting is written; its field in ``Settings`` has its type.

    Attributes:
        default: as it would be written in the file; a function where it depends on the machine.
        default_text: the default in words, where it does not speak for itself.
        field: the name of the field.
        key: in ``[tool.opml]``; the name of the field unless given.
        metavar: of its option, which it has only where this is given.
        help: of its option, one line.
        type: reads the option's text; None where it is text.
        is_repeatable: whether the option may be given several times, and adds to the file.
        is_table: whether ``read`` returns the finished value, whose type is not checked again.
        of_project: whether it is about the models and runs of one project, and so means nothing to another one; what is
            not says how this machine is to be used.
        read: makes of what was written what ``Settings`` holds. It raises ValueError with the reason, or SettingsError.
    """

    default: Any
    default_text: str = ""
    field: str = ""
    key: str = ""
    metavar: str | None = None
    help: str = ""
    type: Callable[[str], Any] | None = None
    is_repeatable: bool = False
    is_table: bool = False
    of_project: bool = False
    read: Callable[[Written], Any] | None = None

    @property
    def option(self) -> str:
        """Its option of pytest."""
        return f"--opml-{self.key.replace('_', '-')}"

    @property
    def described(self) -> str:
        """The help of its option, with the default."""
        default = self.default if isinstance(self.default, (str, float)) else self.default_text
        text = default if isinstance(default, str) else f"{default:g}"
        return f"{self.help} (default: {text})" if text else self.help


def setting(default: Any = None, **details: Any) -> Any:
    """Declare a field of ``Settings``; the arguments are the attributes of ``Setting``."""
    return field(metadata={"setting": Setting(default=default, **details)})


def declared(table: type | None = None) -> dict[str, Setting]:
    """Return the settings of a table by their keys, in the order of its fields.

    Args:
        table: a dataclass whose fields were made by ``setting``; by default ``Settings``.
    """
    settings = {}
    for attribute in fields(table or Settings):
        declaration: Setting = attribute.metadata["setting"]
        key = declaration.key or attribute.name
        settings[key] = replace(declaration, field=attribute.name, key=key)
    return settings


# --- what the settings hold, from what was written


def _text(written: Written) -> str:
    if not isinstance(written.value, str):
        raise ValueError("must be a text")  # noqa: TRY004 - all that read raises
    if not written.value:
        raise ValueError("must not be empty")
    return written.value


def _path(written: Written) -> Path:
    """A path; one in the file is relative to it, one of the command line to where it was typed."""
    text = _text(written)
    try:
        return written.root / Path(text).expanduser()
    except RuntimeError as error:
        raise SettingsError(f"{written.where}: {text!r}: {one_line(error)}") from error


def _url(written: Written) -> str:
    """A URL; the relative path of an SQLite file becomes absolute."""
    url, prefix = _text(written), "sqlite:///"
    path = url.removeprefix(prefix)
    is_relative = url.startswith(prefix) and path and not path.startswith(("/", ":memory:"))
    return f"{prefix}{written.root.absolute() / path}" if is_relative else url


def _store(written: Written) -> str | None:
    return None if written.value == "none" else _url(written)


def _fleet(written: Written) -> str | None:
    return None if written.value == "none" else _text(written)


def _make_on(written: Written) -> str | None:
    from .records.hardware_profiles import PROFILES

    text, allowed = _text(written), ["none", *(profile for profile in PROFILES if profile != "gpu")]
    if text not in allowed:
        raise SettingsError(f"{written.where}: unknown kind of node {text!r}; known: {', '.join(allowed)}")
    return None if text == "none" else text


def _tracking(written: Written) -> str | None:
    """Where MLflow logs to; it takes the path of a folder too, and ``databricks`` alone is none."""
    uri = _text(written)
    if uri == "none":
        return None
    if uri == "databricks" or re.match(r"[A-Za-z][A-Za-z0-9+.-]*:", uri):
        return _url(written)
    try:
        return str(_path(replace(written, root=written.root.absolute())))
    except SettingsError as error:
        raise SettingsError(f"{written.where}: {read_address(uri).shown}: {one_line(error.__cause__)}") from None


def _place(written: Written) -> Path | str:
    """A folder, or an object store by its URL."""
    text = _text(written)
    scheme, sign, rest = text.partition("://")
    if not sign or not re.fullmatch(r"[A-Za-z][A-Za-z0-9+.-]*", scheme):
        return _path(written)
    if not rest.strip("/") and scheme != "memory":
        raise ValueError("must name a bucket, such as s3://bucket/prefix")
    return Path(rest) if scheme == "file" else text


def _profiles(written: Written) -> Any:
    """One device or several, as a list or with commas between them."""
    from .records.hardware_profiles import PROFILES

    value, names_known = written.value, ("auto", *PROFILES)
    names = [name.strip() for name in value.split(",")] if isinstance(value, str) else value
    if not isinstance(names, (list, tuple)) or not names or not all(isinstance(name, str) for name in names):
        raise ValueError("must be the name of a device, or a list of them")
    if unknown := [name for name in names if name not in names_known]:
        raise SettingsError(f"{written.where}: unknown profile {unknown[0]!r}; known: {', '.join(names_known)}")
    if len(names) > 1 and "auto" in names:
        raise ValueError("auto is one device: leave it alone, or name each")
    if len(set(names)) < len(names):
        raise ValueError("names a device twice")
    return tuple(names)


def _gate(written: Written) -> Gate:
    from .gate.budgets import parse_gate, with_options
    from .metrics import find, placeholder
    from .records.hardware_profiles import PROFILES

    in_file = find if written.unregistered == "refused" else placeholder
    given = placeholder if written.unregistered == "anywhere" else find
    return with_options(
        parse_gate(written.value, written.where, tuple(PROFILES), find=in_file), written.added, find=given
    )


def _models(written: Written) -> Mapping[str, ModelSection]:
    if written.value == {}:
        return {}
    from .case import check_sections, parse_sections

    sections = parse_sections(written.value, written.where, written.root)
    if written.unregistered == "refused":  # a run that is over needs none of the files
        check_sections(sections)
    return sections


def _searches(written: Written) -> Mapping[str, Any]:
    """The spaces by their names; what is in one is read where it is searched."""
    if not isinstance(written.value, Mapping):
        raise SettingsError(f"{written.where}: must be a table of spaces, not {written.value!r}")
    return written.value


def _prices(written: Written) -> Mapping[str, float]:
    """What a machine with a kind of device costs per hour."""
    from .gate.run_cost import is_price
    from .records.hardware_profiles import PROFILES
    from .records.node_use import LARGEST_PRICE

    if not isinstance(written.value, Mapping):
        raise SettingsError(f"{written.where}: must be a table such as {{ v100 = 2.48 }}, not {written.value!r}")
    for profile, price in written.value.items():
        if profile not in PROFILES:
            raise SettingsError(f"{written.where}: unknown profile {profile!r}; known: {', '.join(PROFILES)}")
        if not is_price(price):
            allowed = f"a number above 0 and up to {LARGEST_PRICE:,.0f}"
            raise SettingsError(f"{written.where}.{profile}: must be the price of an hour, {allowed}, not {price!r}")
    return {profile: float(price) for profile, price in written.value.items()}


# What a run says to sbatch itself.
OWN_SBATCH_OPTIONS = (
    *("array", "chdir", "job-name", "open-mode", "output", "error", "nodes", "ntasks", "ntasks-per-node", "parsable"),
    *("requeue", "no-requeue", "signal", "test-only", "wait", "wrap"),
)


def _slurm(written: Written) -> Mapping[str, Mapping[str, str]]:
    """The options of sbatch by the kinds of nodes: each by its name without the dashes, with an empty text for none."""
    from .records.hardware_profiles import PROFILES

    if not isinstance(written.value, Mapping):
        raise SettingsError(f"{written.where}: must be a table of options of sbatch, not {written.value!r}")
    options: dict[str, dict[str, str]] = {}
    for kind, text in written.value.items():
        where = f"{written.where}.{kind}"
        if kind not in PROFILES:
            raise SettingsError(f"{where}: unknown profile {kind!r}; known: {', '.join(PROFILES)}")
        if not isinstance(text, str):
            raise SettingsError(f"{where}: must be a text of options of sbatch, not {text!r}")
        options[kind] = dict(_sbatch_option(word, where) for word in _shell_words(text, where))
    return options


def _shell_words(text: str, where: str) -> list[str]:
    import shlex

    try:
        return shlex.split(text)
    except ValueError as error:
        raise SettingsError(f"{where}: {text!r}: {one_line(error)}") from None


def _sbatch_option(word: str, where: str) -> tuple[str, str]:
    name, _, value = word.removeprefix("--").partition("=")
    if not word.startswith("--") or not re.fullmatch(r"[a-z][a-z0-9-]*", name):
        raise SettingsError(f"{where}: {word!r}: must be an option in its long form, such as --partition=gpu")
    if name in OWN_SBATCH_OPTIONS:
        raise SettingsError(f"{where}: --{name} is set by the run itself; leave it out")
    return name, value


def _score(written: Written) -> ScoreSettings:
    return _build(ScoreSettings, written.value, {}, written.root, written.where)


def _time_weights(written: Written) -> Any:
    """The weights of a weighted average; what is wrong with a single one is left to the check of its type."""
    value = written.value
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
        return weights
    total = sum(weights.values())
    return {key: v / total for key, v in weights.items()}


def _patterns(written: Written) -> tuple[str, ...]:
    """Patterns of the file and of the command line."""
    value = written.value
    if not isinstance(value, (list, tuple)) or not all(isinstance(pattern, str) for pattern in value):
        raise ValueError("must be a list of patterns")
    if not all((*value, *written.added)):
        raise ValueError("a pattern must not be empty")
    return (*value, *written.added)


def user_cache() -> Path:
    """Return where the cache of this machine's user is, unless the settings say otherwise."""
    from platformdirs import user_cache_path

    return user_cache_path("pytest-opml")


def _reference_samples() -> int:
    from .analysis.op_score import REFERENCE_SAMPLES

    return REFERENCE_SAMPLES


# --- the settings


@dataclass(frozen=True, kw_only=True, eq=False)
class ScoreSettings:
    """``[tool.opml.score]``.

    Attributes:
        time: weights of the times that the score takes, by kind.
        reference_samples: the size of the test set that a time is scaled to.
    """

    time: dict[TimeKind, NonNegativeFloat] = setting("inference", read=_time_weights)
    reference_samples: PositiveInt = setting(_reference_samples)


@dataclass(frozen=True, kw_only=True, eq=False)
class Settings:
    """Everything that a run can be told.

    Attributes:
        gpus: the devices to run on, one after the other: ``auto`` alone, or names of hardware profiles; ``gpu`` for any
            GPU.
        fleet: whose machines run the cases: ``slurm``, or a cluster of Ray's by its address, ``auto`` for this
            machine's; None for none.
        slurm: options of sbatch by the kinds of nodes, where they do not follow from what ``sinfo`` says.
        make_on: the kind of node that makes artifacts for all kinds of a fleet; None where each makes its own.
        json_path: the record of the run is written here; None for nowhere.
        store: SQLAlchemy URL of the history, None for no history.
        baseline: what each case is compared with; None for its last result, where a budget asks for one.
        mlflow: URI of the MLflow tracking store that the run is logged to, None for none.
        mlflow_experiment: its experiment.
        cache_dir: holds trained models and artifacts.
        cache_shared: holds those that users or jobs share, signed: a folder, or the URL of an object store.
        data_dir: holds data sets that no package ships; None for none.
        gate: the budgets and the terms that they are judged by.
        threads: that each runtime and training use; None for one per core.
        compare_s: seconds for which a case is timed beside its reference, in each scenario; 0 for not at all.
        compare_precision: half-width of the ratio's interval, as a share of the ratio, that ends this early.
        latency_s: seconds that single examples are timed for, at the most, where no budget on a latency needs more.
        timeout_s: seconds that one case may take.
        wait_s: seconds that a case may wait for its device while another run measures on it, or for a node of its kind.
        memory_mb: resident memory that one case may take, 10^6 bytes; None for a share of what there is.
        trust: patterns of the models that may do more than compute: see ``runner/trusted_models.py``.
        release_dir: keeps the artifacts of released runs.
        benchmark_table: whether pytest-benchmark's table of our cases is shown where no option of it asks for it.
        prices: what a machine costs per hour, by its kind of device; in one currency.
        score: what the OpScore is made of.
        models: what is said of finished models, by the headings of the sections.
        searches: the spaces of chains that a search may try, by name, as they were written.
        scale: how much of the paper its suite repeats (``pytest_opml.paper.suite``).
    """

    gpus: tuple[str, ...] = setting(
        "auto",
        key="gpu",
        metavar="PROFILE",
        help="device to run on: auto, cpu, gpu for any GPU, or the kind that must be there: v100, t4, a100, h100, ...; "
        "several with commas between them: v100,a100,cpu",
        read=_profiles,
    )
    fleet: str | None = setting(
        metavar="ADDRESS",
        help="run the cases on the machines of a cluster, on each kind of --opml-gpu: slurm, or a cluster of Ray's: "
        "auto for the one that this machine is a part of, or HOST:PORT; or none",
        read=_fleet,
    )
    make_on: str | None = setting(
        metavar="KIND",
        help="with --opml-fleet: make models on nodes of this kind, once for all kinds of --opml-gpu, which take them "
        "from --opml-cache-shared; or none",
        default_text="each kind makes its own",
        read=_make_on,
    )
    slurm: Mapping[str, Mapping[str, str]] = setting(dict, is_table=True, read=_slurm)
    json_path: Path | None = setting(
        key="json", metavar="PATH", help="write the record of the run to PATH", of_project=True, read=_path
    )
    store: str | None = setting(
        "sqlite:///.opml/history.db",
        metavar="URL",
        help="SQLAlchemy URL of the history, or none",
        of_project=True,
        read=_store,
    )
    baseline: Annotated[str, Field(min_length=1)] | None = setting(
        metavar="WHAT",
        of_project=True,
        help="what to compare each case with: last, best, release, a branch, a commit, a run or the file of a record",
    )
    mlflow: str | None = setting(
        metavar="URI",
        help="log the run to the MLflow tracking store at URI, such as sqlite:///mlflow.db; or none",
        of_project=True,
        read=_tracking,
    )
    mlflow_experiment: Annotated[str, Field(min_length=1, max_length=500)] = setting("pytest-opml", of_project=True)
    cache_dir: Path = setting(
        lambda: str(user_cache()),
        metavar="DIR",
        default_text="the user's cache folder",
        help="where trained models and artifacts are kept",
        read=_path,
    )
    cache_shared: Path | str | None = setting(
        metavar="WHERE",
        help="cache that users or jobs share, a folder or an object store such as s3://bucket/prefix: its entries are "
        "signed by the key in OPML_CACHE_KEY",
        read=_place,
    )
    data_dir: Path | None = setting(
        metavar="DIR", help="where data sets lie that are not shipped with a package", read=_path
    )
    gate: Gate = setting(
        dict,
        metavar="METRIC.RULE=VALUE",
        help="a budget beside those of the file (op_score.max=1.5, max_cost=20) or a term of the gate "
        "(confidence=0.99); repeatable",
        is_repeatable=True,
        is_table=True,
        of_project=True,
        read=_gate,
    )
    threads: Annotated[int, Field(ge=1, le=4096)] | None = setting(
        metavar="N", type=int, default_text="all cores", help="threads that each runtime and training use"
    )
    compare_s: NonNegativeFloat = setting(
        3.0,
        key="compare_seconds",
        metavar="S",
        type=float,
        help="seconds to time a case beside its reference, in each scenario; 0: not at all",
    )
    compare_precision: Annotated[float, Field(ge=0, lt=1)] = setting(0.02)
    latency_s: PositiveFloat = setting(30.0, key="latency_seconds")
    timeout_s: PositiveFloat = setting(
        1800.0, key="timeout", metavar="S", type=float, help="seconds that one case may take"
    )
    wait_s: NonNegativeFloat = setting(
        1800.0,
        key="wait",
        metavar="S",
        type=float,
        help="seconds that a case may wait for a device on which another run measures, or for a node of its kind",
    )
    memory_mb: PositiveFloat | None = setting(
        metavar="MB",
        type=float,
        default_text="80 % of the machine's or container's",
        help="resident memory that one case may take, 10^6 bytes",
    )
    trust: tuple[str, ...] = setting(
        (),
        metavar="PATTERN",
        help="models, by path or name, that may read and write files or have custom operations; repeatable",
        is_repeatable=True,
        of_project=True,
        read=_patterns,
    )
    release_dir: Path = setting(".opml/releases", of_project=True, read=_path)
    benchmark_table: bool = setting(False)
    prices: Mapping[str, float] = setting(dict, key="price", is_table=True, read=_prices)
    score: ScoreSettings = setting(dict, is_table=True, of_project=True, read=_score)
    models: Mapping[str, ModelSection] = setting(dict, key="model", is_table=True, of_project=True, read=_models)
    searches: Mapping[str, Any] = setting(dict, key="search", is_table=True, of_project=True, read=_searches)
    scale: ScaleName = setting(
        "smoke", metavar="SCALE", help="of the paper's suite: smoke takes minutes, small hours, full the paper's GPU"
    )

    @property
    def gpu(self) -> str:
        """The device to run on, of those to run on the first."""
        return self.gpus[0]

    @property
    def has_default_cache(self) -> bool:
        """Whether the cache is where this machine's user has it by default."""
        return self.cache_dir == user_cache()

    def require_one_gpu(self, what: str) -> None:
        """Refuse several devices.

        Args:
            what: is done on one of them only.

        Raises:
            SettingsError: there are several.
        """
        if len(self.gpus) > 1:
            raise SettingsError(f"gpu: {', '.join(self.gpus)}: {what} runs on one device; name it with --gpu")

    def on(self, gpu: str) -> Settings:
        """Return the same settings for one of the devices."""
        return replace(self, gpus=(gpu,))


# --- reading them


def find_pyproject(*folders: Path) -> Path | None:
    """Return the nearest ``pyproject.toml`` with ``[tool.opml]``, in a folder or above it; None where there is none.

    One that cannot be read counts as one that has it: reading it says why.

    Args:
        folders: absolute; the first one that leads to a file decides.
    """
    for folder in folders:
        for place in (folder, *folder.parents):
            path = place / "pyproject.toml"
            if path.is_file() and has_settings(path):
                return path
    return None


def has_settings(path: Path) -> bool:
    """Return whether a ``pyproject.toml`` has ``[tool.opml]``, or cannot be read."""
    try:
        return "opml" in _tools(path)
    except SettingsError:
        return True


def project_folder(folder: Path) -> Path | None:
    """Return the nearest folder with a ``pyproject.toml``, whatever it says; None where there is none."""
    return next((place for place in (folder, *folder.parents) if (place / "pyproject.toml").is_file()), None)


def read_pyproject(path: Path) -> dict[str, Any]:
    """Return the ``[tool.opml]`` table of a ``pyproject.toml``; empty where there is none.

    Raises:
        SettingsError: the file is not valid TOML or cannot be read.
    """
    table = _tools(path).get("opml", {})
    if not isinstance(table, dict):
        raise SettingsError(f"{path}: tool.opml must be a table, not {table!r}")
    return table


def _tools(path: Path) -> dict[str, Any]:
    """The table ``[tool]`` of a ``pyproject.toml``; empty where there is none."""
    if sys.version_info >= (3, 11):
        import tomllib
    else:
        import tomli as tomllib

    try:
        document = tomllib.loads(read_input(path, _LARGEST_FILE).decode())
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise SettingsError(f"{path}: cannot be read: {error.strerror}") from error
    except RecursionError:
        raise SettingsError(f"{path}: is nested too deep") from None
    except ValueError as error:
        raise SettingsError(f"{path}: {error}") from error
    tools = document.get("tool", {})
    return tools if isinstance(tools, dict) else {}


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
    return _build(Settings, file, options, root, "tool.opml", unregistered)


def _build(
    table: type[_Table],
    file: Any,
    options: Mapping[str, Any],
    root: Path,
    where: str,
    unregistered: Unregistered = "refused",
) -> _Table:
    """One table of settings.

    Args:
        table: a dataclass whose fields were made by ``setting``.
        file: the table as it is in the file.
        options: what the command line says, by key.
        root: what relative paths in the file are relative to.
        where: the name of the table in the file.
        unregistered: as ``build_settings`` has it.

    Raises:
        SettingsError: an unknown key or a wrong value.
    """
    if not isinstance(file, Mapping):
        raise SettingsError(f"{where}: must be a table, not {file!r}")
    settings = declared(table)
    if unknown := [key for key in file if key not in settings]:
        raise SettingsError(f"{where}: unknown key {unknown[0]!r}; known: {', '.join(sorted(settings))}")
    types = _types(table)
    values = {}
    for key, one in settings.items():
        written = replace(_written(one, file, options.get(key), root, where), unregistered=unregistered)
        values[one.field] = _value(one, types[one.field], written)
    return table(**values)


def read_gpus(file: Mapping[str, Any], option: str | None, name: str = "--opml-gpu") -> tuple[str, ...]:
    """Return the devices of a run, where its other settings are not wanted yet.

    Args:
        file: the ``[tool.opml]`` table.
        option: what the command line says; None for nothing.
        name: of the option.

    Raises:
        SettingsError: one of them is none.
    """
    setting = declared()["gpu"]
    written = _written(setting, file, option, Path(), "tool.opml")
    written = written if option is None else replace(written, where=name)
    gpus: tuple[str, ...] = _value(setting, tuple[str, ...], written)
    return gpus


def _types(table: type) -> dict[str, Any]:
    """The types of a table's fields by their names; what they name that is heavy is imported here only."""
    import pydantic

    from .gate.budgets import Gate
    from .records.model_sections import ModelSection

    names = {**vars(pydantic), "Gate": Gate, "ModelSection": ModelSection}
    return get_type_hints(table, localns=names, include_extras=True)


def _written(one: Setting, file: Mapping[str, Any], option: Any, root: Path, where: str) -> Written:
    default = one.default() if callable(one.default) else one.default
    in_file = Written(value=file.get(one.key, default), where=f"{where}.{one.key}", root=root)
    if one.is_repeatable:
        return replace(in_file, added=tuple(option or ()))
    return in_file if option is None else Written(value=option, where=one.option, root=Path())


def _value(one: Setting, kind: Any, written: Written) -> Any:
    """What a setting comes to, read and of the right type.

    Raises:
        SettingsError: what was written is refused; the text names its place and shows it.
    """
    from pydantic import ConfigDict, TypeAdapter, ValidationError

    is_default = one.default is None and written.value is None
    try:
        value = written.value if one.read is None or is_default else one.read(written)
        if one.is_table:
            return value
        return TypeAdapter(kind, config=ConfigDict(strict=True, allow_inf_nan=False)).validate_python(value)
    except ValidationError as error:
        raise SettingsError(_refusal(error, written.where)) from None
    except ValueError as error:
        shown = repr(written.value) if one.read not in (_store, _tracking, _place) else "what is written there"
        raise SettingsError(f"{written.where}: {error}, not {shown}") from None


def _refusal(error: ValidationError, where: str) -> str:
    from .records.validation import first_of, place_of, reason_of

    first = first_of(error)
    return f"{place_of(first, where)}: {reason_of(first)}, not {first['input']!r}"
