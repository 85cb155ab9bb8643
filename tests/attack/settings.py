"""Fuzzed settings: the file with ``[tool.opml]``, options of the command line, markers and the environment.

Right is: exit code 4 and one line that says what is allowed, or settings with which a run begins.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from copy import deepcopy
from datetime import date, datetime, timezone
from pathlib import Path
from random import Random
from types import SimpleNamespace
from typing import Any

import pytest

from pytest_opml.errors import UsageError
from pytest_opml.history.record_files import write_record
from pytest_opml.plugin.markers import marked_case, test_overrides
from pytest_opml.settings import build_settings, declared, read_pyproject
from tests.attack._command import SECONDS, Hang, fresh_folder, refused, tried, within
from tests.attack.tally import ONE_LINE, WENT_ON, WRONG, Outcome, Tally
from tests.support.builders import make_result
from tests.support.history_runs import run_of
from tests.support.mutations import HOSTILE, mutate_bytes, places
from tests.support.onnx_files import write_classifier

TRIES, SAMPLE = 5_000, 100
_EACH_SESSION = 100  # of so many tries, one is a session of pytest in a process of its own

_WHOLE: dict[str, Any] = {
    "gpu": "cpu",
    "json": "run.json",
    "store": "sqlite:///history.db",
    "baseline": "last",
    "mlflow": "none",
    "mlflow_experiment": "models",
    "cache_dir": "cache",
    "data_dir": "data",
    "threads": 2,
    "compare_seconds": 1.5,
    "compare_precision": 0.02,
    "timeout": 60.0,
    "wait": 10.0,
    "memory_mb": 4000.0,
    "release_dir": "releases",
    "benchmark_table": False,
    "score": {"time": {"inference": 0.7, "training": 0.3}, "reference_samples": 10_000},
    "gate": {
        "confidence": 0.99,
        "multiple": "holm",
        "accuracy": {"min": 0.5, "max_drop": 0.05, "optional": True},
        "latency_ms": {"p99": {"max": 50}},
        "inference_s": {"max_increase": "10%"},
        "gpu": {"v100": {"size_mb": {"max": 20}}},
        "case": [{"match": "digits/*", "op_score": {"max": 2.0}}],
        "slice": [{"by": "class", "value": "*", "accuracy": {"min": 0.3}}],
        "waiver": [{"match": "*/int8", "metric": "accuracy", "until": date(2027, 1, 1), "reason": "known"}],
    },
    "model": {
        "cats": {"path": "cats.onnx", "classes": ["a", "b"], "preprocess": {"scale": 0.5, "mean": [1.0, 2.0, 3.0]}}
    },
}
_GATES = (
    *("accuracy.min=0.1", "accuracy[class=cat].min=0.1", "accuracy[.min=0.1", "accuracy].min=0.1", "accuracy[].min=1"),
    *("accuracy[=].min=0.1", "accuracy[class=].min=1", "accuracy[a=b=c].min=0.1", ".min=1", "=", "", ".", "a.b.c.d=1"),
    *("op_score.max", "op_score.max=", "op_score.max=nan", "op_score.max=1e999", "size_mb.max=-1", "size_mb.max=10%"),
    *("inference_s.max_increase=5%", "inference_s.max_increase=-5%", "inference_s.max_increase=%", "confidence=2"),
    *("confidence=", "multiple=holm", "multiple=never", "latency_ms.p99.max=5", "latency_ms.p0.max=5", "latency_ms=1"),
    *(
        "latency_ms.p99=1",
        "accuracy.min=0,1",
        "accuracy.min=\uff11",
        "accuracy.min=1_0",
        "accuracy.min=0x1",
        "\x1b[31m=1",
    ),
    *(
        "accuracy.\nmin=1",
        "a\r::error::x.min=1",
        "case.match=1",
        "gpu.v100.size_mb.max=1",
        "slice.by=1",
        "\u202e.min=1",
    ),
)
_TEXTS = (
    *("", " ", "x", "0", "-1", "1e999", "nan", "inf", "none", "None", "true", "[]", "{}", "../..", "/", "~nobody/x"),
    *("~", "a\nb", "a\x1b[2Jb", "\ud800", "x" * 100_000, "é" * 300, "/dev/null/x", "/proc/version/x", "sqlite://"),
    *("sqlite:///", "sqlite:////no/such/x.db", "postgresql://u:s3cret@localhost:1/x", "mysql://x/y", "://", "a://b"),
    *("postgresql://[::1", "sqlite:///a\0b", "http://x", "databricks", "mlflow:x", "v100", "h100", "release", "last"),
    *("9" * 5_000, "1" + "0" * 400, "१२", "2026-01-01", "models:/x@y", "a%00b", "%s%n", "${HOME}", "$(id)", "`id`"),
)
_VALUES: tuple[Callable[[Random], Any], ...] = (
    lambda random: random.choice(HOSTILE),
    lambda random: random.choice(_TEXTS),
    lambda random: random.choice((0, -1, 1, 2**63, 10**30, 0.0, -0.5, 1e308, float("nan"), float("inf"), True)),
    lambda random: datetime(2026, 1, 2, tzinfo=timezone.utc),
    lambda random: [random.choice(HOSTILE)] * random.choice((0, 1, 3, 200)),
    lambda random: {random.choice(_TEXTS[:40]): random.choice(HOSTILE)},
    lambda random: deepcopy(random.choice(list(_WHOLE.values()))),
)


def attack(tries: int, seed: int) -> list[Tally]:
    """Most tries are within this process; some are whole sessions of pytest."""
    sessions = tries // _EACH_SESSION
    with _project() as folder:
        ways = (_by_command, _by_command, _by_the_plugin, _by_the_plugin, _by_marker)
        numbers = range(seed, seed + tries - sessions)
        outcomes = [ways[number % len(ways)](number, folder) for number in numbers]
        begun = [_by_session(number, folder) for number in range(seed, seed + sessions)]
    return [
        Tally.of("settings", "settings files, options and markers with something else in them", outcomes),
        Tally.of("settings", "sessions of pytest with hostile options and variables", begun),
    ]


@contextmanager
def _project() -> Iterator[Path]:
    with fresh_folder() as name:
        write_record(run_of("full", results=[make_result()]), Path("good.json"))
        write_classifier(Path("cats.onnx"))
        Path("bench_it.py").write_text(_BENCH)
        yield name


# --- the file


def _document(random: Random) -> dict[str, Any]:
    document = deepcopy(_WHOLE)
    for _ in range(random.choice((1, 1, 1, 2, 4))):
        container, key = random.choice(list(places(document)))
        match random.choice(("value", "value", "value", "gone", "named", "wrapped")):
            case "value":
                container[key] = random.choice(_VALUES)(random)
            case "gone":
                del container[key]
            case "named" if isinstance(container, dict):
                container[random.choice(_TEXTS[:40])] = container.pop(key)
            case _:
                container[key] = [container[key]]
    return document


def _toml(value: Any) -> str:
    """A value as TOML has it, or as somebody may write who takes TOML for JSON."""
    match value:
        case bool():
            return str(value).lower()
        case float():
            return repr(value)
        case date():
            return value.isoformat()
        case list() | tuple():
            return f"[{', '.join(map(_toml, value))}]"
        case dict():
            return f"{{{', '.join(f'{json.dumps(str(key))} = {_toml(inner)}' for key, inner in value.items())}}}"
        case int() if abs(value) > 10**300:
            return "1" + "0" * 400
        case _:
            return json.dumps(value)


def _file_text(random: Random, *, is_toml: bool = False) -> bytes:
    document = _document(random)
    lines = [f"{json.dumps(str(key))} = {_toml(value)}" for key, value in document.items()]
    text = "[tool.opml]\n" + "\n".join(lines) + "\n"
    content = text.encode("utf-8", "surrogatepass")
    if is_toml:  # at least nearly: pytest reads it before any plugin, and shows a traceback for bytes that are no UTF-8
        return content.replace(b"\xed\xa0\x80", b"")
    match random.choice(("plain", "plain", "plain", "plain", "bytes", "form")):
        case "bytes":
            return mutate_bytes(content, random.randrange(2**32))
        case "form":
            return random.choice(_FORMS)(content)
        case _:
            return content


_FORMS: tuple[Callable[[bytes], bytes], ...] = (
    lambda content: b"\xef\xbb\xbf" + content,
    lambda content: content.decode("utf-8", "replace").encode("utf-16"),
    lambda content: content.replace(b"\n", b"\r\n"),
    lambda content: content + content,
    lambda content: content.replace(b"[tool.opml]", b"tool.opml = 3 #"),
    lambda content: content.replace(b"[tool.opml]", b"[[tool.opml]]"),
    lambda content: content.replace(b"[tool.opml]", b"tool = [1]"),
    lambda content: content + b"gate2 = " + b"[" * 100_000 + b"]" * 100_000,
    lambda content: content + b"x = " + b"{a=" * 50_000,
    lambda content: content + b"threads2 = " + b"9" * 100_000,
    lambda content: content + b"a." * 1_000 + b"b = 1",
    lambda content: content + b'x = "' + b"y" * 20_000_000 + b'"',
    lambda content: content + b"\0",
)


def _options(random: Random) -> list[str]:
    """Some options, as the command line has them."""
    options = []
    while random.random() < 0.2:
        options += ["--gate", random.choice(_GATES)] if random.random() < 0.7 else ["--store", random.choice(_TEXTS)]
    return options


_COMMANDS = (
    "budgets",
    "budgets digits/*",
    "gate good.json",
    "best good.json",
    "report good.json",
    "history",
    "release list",
)


def _by_command(seed: int, folder: Path) -> Outcome:
    """A command reads the file: runs that are over need fewer of the names in it."""
    random = Random(seed)
    content = _file_text(random)
    (folder / "hostile.toml").write_bytes(content)
    command = random.choice(_COMMANDS).split()
    options = [option for option in _options(random) if "\0" not in option]
    if command[0] in ("history", "release"):
        options = [text for at, text in enumerate(options) if options[at - at % 2] != "--gate"]
    return tried(f"file {seed}", [*command, "--config", "hostile.toml", *options])


# --- what the plugin makes of it


def _by_the_plugin(seed: int, folder: Path) -> Outcome:
    """The settings of a run, as the plugin builds them from the file and the command line."""
    random, name = Random(seed), f"plugin {seed}"
    (folder / "hostile.toml").write_bytes(_file_text(random))
    options: dict[str, Any] = {}
    for key, setting in declared().items():
        if setting.metavar and random.random() < 0.05:
            text = random.choice((*_TEXTS, "1", "0.5", "1e6"))
            try:
                value = setting.type(text) if setting.type else text
            except ValueError:
                continue  # which pytest refuses
            options[key] = [random.choice(_GATES)] if setting.is_repeatable else value
    return _refusal_of(name, lambda: build_settings(read_pyproject(folder / "hostile.toml"), options, folder))


def _refusal_of(name: str, build: Callable[[], object]) -> Outcome:
    try:
        with within(SECONDS):
            build()
    except UsageError as error:
        return refused(name, _shown(error))
    except Hang:
        return Outcome(name, WRONG, f"no end after {SECONDS} s")
    except Exception:  # noqa: BLE001 - which is what is looked for
        return Outcome(name, WRONG, traceback.format_exc()[-3_000:])
    return Outcome(name, WENT_ON)


def _shown(error: UsageError) -> str:
    """As it is written where it ends a run."""
    from pytest_opml.printable import clipped

    return clipped(error)


def _by_marker(seed: int, folder: Path) -> Outcome:
    """The marker of a test."""
    random = Random(seed)
    said: dict[str, Any] = {"gate": deepcopy(_WHOLE["gate"]), "timeout": 5, "case": "digits/small_cnn/top1/baseline"}
    del said["gate"]["waiver"]
    for _ in range(random.choice((1, 1, 2, 4))):
        container, key = random.choice(list(places(said)))
        container[key] = random.choice((random.choice(_VALUES)(random), {1: 2}, {None: {}}, ..., b"x", {"a"}))
    mark = pytest.mark.opml(**said).mark
    test: Any = SimpleNamespace(name="test_it", iter_markers=lambda _name: iter([mark]))
    outcome = _refusal_of(f"marker {seed}", lambda: test_overrides(test))
    return _refusal_of(f"case {seed}", lambda: marked_case(test)) if outcome.kind == WENT_ON else outcome


# --- sessions

_BENCH = """
import pytest
from pytest_opml import Case

@pytest.mark.parametrize("case", [Case(dataset="digits", model="small_cnn", weights="none", size=16)])
def test_it(case, opml):
    opml.run(case)
"""
_VARIABLES = (
    *("GITHUB_EVENT_PATH", "GITHUB_REF", "GITHUB_SHA", "GITHUB_SERVER_URL", "CI_COMMIT_TIMESTAMP", "CI_PROJECT_DIR"),
    *("XDG_CACHE_HOME", "XDG_RUNTIME_DIR", "KERAS_HOME", "COLUMNS", "MLFLOW_TRACKING_URI", "TF_NUM_INTRAOP_THREADS"),
    *("KERAS_BACKEND", "KERAS_FLOATX", "NO_COLOR", "TERM", "LANG", "GIT_DIR", "HOME", "CUDA_VISIBLE_DEVICES"),
)


def _by_session(seed: int, folder: Path) -> Outcome:
    """A session that names a case which no machine has, or only lists what it would run."""
    random = Random(seed)
    (folder / "pyproject.toml").write_bytes(
        _file_text(random, is_toml=True) if random.random() < 0.5 else b"[tool.opml]\n"
    )
    environment = dict(os.environ) | {"GITHUB_ACTIONS": "true", "PYTEST_ADDOPTS": "-p no:cacheprovider"}
    for name in random.sample(_VARIABLES, 3):
        environment[name] = random.choice([text for text in _TEXTS if "\0" not in text and "\ud800" not in text])
    chosen = random.sample([setting for setting in declared().values() if setting.metavar], 2)
    texts = [text for text in (*_TEXTS, *_GATES) if "\0" not in text and "\ud800" not in text]
    options = [f"{setting.option}={random.choice(texts)}" for setting in chosen]
    command = [sys.executable, "-m", "pytest", "-q", "bench_it.py", "--deselect", "bench_it.py::test_it", *options]
    name = f"session {seed}: {' '.join(options)[:300]}"
    try:
        done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, timeout=120, check=False)
    except subprocess.TimeoutExpired:
        return Outcome(name, WRONG, "no end after 120 s")
    except OSError:
        return Outcome(name, ONE_LINE, "too long for the system")
    text = (done.stdout + done.stderr).decode("utf-8", "replace")
    if done.returncode not in (0, 1, 4, 5, 11) or "Traceback" in text or "INTERNALERROR" in text:
        return Outcome(name, WRONG, f"exit code {done.returncode}: {text[-3_000:]}")
    return Outcome(name, ONE_LINE if done.returncode == 4 else WENT_ON, text[-300:])
