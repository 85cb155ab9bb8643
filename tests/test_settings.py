from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_opml.errors import SettingsError
from pytest_opml.metrics import METRICS
from pytest_opml.records.hardware_profiles import PROFILES
from pytest_opml.settings import (
    Settings,
    build_settings,
    find_pyproject,
    has_settings,
    project_folder,
    read_pyproject,
)

ROOT = Path("/project")


def built(file: dict[str, Any] | None = None, **options: Any) -> Settings:
    return build_settings(file or {}, options, ROOT)


def refused(file: dict[str, Any] | None = None, **options: Any) -> str:
    """The one line with which settings are refused."""
    with pytest.raises(SettingsError) as caught:
        built(file, **options)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_the_defaults() -> None:
    settings = built()
    assert settings.gpu == "auto"
    assert settings.store == "sqlite:////project/.opml/history.db"
    assert settings.json_path is settings.data_dir is settings.memory_mb is settings.threads is None
    assert settings.mlflow is None
    assert settings.cache_dir.name == "pytest-opml"
    assert settings.timeout_s == 1800
    assert settings.score.time == {"inference": 1.0}
    assert settings.score.reference_samples == 10_000
    assert settings.gate.applicable("any", "cpu") == ()


def test_every_key_of_the_file() -> None:
    settings = built(
        {
            "gpu": "v100",
            "store": "postgresql://ci@db/opml",
            "json": "out/opml.json",
            "cache_dir": "/var/cache/opml",
            "data_dir": "data",
            "timeout": 60,
            "memory_mb": 4_000,
            "threads": 2,
            "score": {"time": "total", "reference_samples": 1_000},
            "gate": {"accuracy": {"min": 0.9}},
        }
    )
    assert settings.gpu == "v100"
    assert settings.store == "postgresql://ci@db/opml"
    assert settings.json_path == Path("/project/out/opml.json")
    assert settings.cache_dir == Path("/var/cache/opml")
    assert settings.data_dir == Path("/project/data")
    assert (settings.timeout_s, settings.memory_mb, settings.threads) == (60.0, 4_000.0, 2)
    assert settings.score.reference_samples == 1_000
    assert [budget.source for budget in settings.gate.budgets] == ["tool.opml.gate.accuracy.min"]


@pytest.mark.parametrize(
    ("key", "in_file", "option", "field"),
    [
        ("gpu", "v100", "cpu", "gpu"),
        ("store", "none", "postgresql://db/opml", "store"),
        ("timeout", 60.0, 5.0, "timeout_s"),
        ("memory_mb", 100.0, 200.0, "memory_mb"),
        ("threads", 1, 2, "threads"),
    ],
)
def test_an_option_wins_over_the_file(key: str, in_file: object, option: object, field: str) -> None:
    assert getattr(built({key: in_file}, **{key: option}), field) == option
    assert getattr(built({key: in_file}, **{key: None}), field) == getattr(built({key: in_file}), field)


@pytest.mark.parametrize(
    ("key", "field"), [("json", "json_path"), ("cache_dir", "cache_dir"), ("data_dir", "data_dir")]
)
def test_a_path_is_relative_to_the_file_or_to_where_the_option_was_typed(key: str, field: str) -> None:
    assert getattr(built({key: "here/x"}), field) == Path("/project/here/x")
    assert getattr(built({key: "/abs/x"}), field) == Path("/abs/x")
    assert getattr(built({key: "in/file"}, **{key: "here/x"}), field) == Path("here/x")


@pytest.mark.parametrize("key", ["json", "cache_dir", "data_dir"])
def test_a_path_may_begin_at_home(key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/me")
    field = {"json": "json_path"}.get(key, key)
    assert getattr(built({key: "~/x"}), field) == getattr(built(**{key: "~/x"}), field) == Path("/home/me/x")


@pytest.mark.parametrize("key", ["json", "cache_dir", "data_dir"])
def test_the_home_of_nobody_is_refused(key: str) -> None:
    assert refused({key: "~no-such-user/x"}).startswith(f"tool.opml.{key}: ")
    assert refused(**{key: "~no-such-user/x"}).startswith(f"--opml-{key.replace('_', '-')}: ")


@pytest.mark.parametrize(
    ("store", "expected"),
    [
        ("none", None),
        ("sqlite:///a/b.db", "sqlite:////project/a/b.db"),
        ("sqlite:////a/b.db", "sqlite:////a/b.db"),
        ("sqlite://", "sqlite://"),
        ("sqlite:///", "sqlite:///"),
        ("sqlite:///:memory:", "sqlite:///:memory:"),
        ("postgresql://ci@db/opml", "postgresql://ci@db/opml"),
    ],
)
def test_a_store_of_a_relative_path_is_rooted(store: str, expected: str | None) -> None:
    assert built({"store": store}).store == expected


@pytest.mark.parametrize(
    ("uri", "expected"),
    [
        ("none", None),
        ("sqlite:///mlflow.db", "sqlite:////project/mlflow.db"),
        ("./mlruns", "/project/mlruns"),
        ("/abs/mlruns", "/abs/mlruns"),
        ("http://ci:secret@tracking:5000", "http://ci:secret@tracking:5000"),
        ("databricks", "databricks"),
        ("databricks://profile", "databricks://profile"),
    ],
)
def test_where_mlflow_logs_to_is_rooted_where_it_is_a_path(uri: str, expected: str | None) -> None:
    assert built({"mlflow": uri}).mlflow == expected


def test_an_option_for_mlflow_is_relative_to_where_it_was_typed_and_wins() -> None:
    assert built({"mlflow": "mlruns"}, mlflow="none").mlflow is None
    assert built({"mlflow": "mlruns"}, mlflow="here").mlflow == str(Path.cwd() / "here")
    assert built(mlflow="sqlite:///here.db").mlflow == f"sqlite:///{Path.cwd()}/here.db"


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("shared", Path("/project/shared")),
        ("/srv/shared", Path("/srv/shared")),
        ("file:///srv/shared", Path("/srv/shared")),
        ("s3://bucket/prefix", "s3://bucket/prefix"),
        ("gs://bucket", "gs://bucket"),
        ("memory://", "memory://"),
    ],
)
def test_a_shared_cache_is_a_folder_or_an_object_store(written: str, expected: Path | str) -> None:
    assert built({"cache_shared": written}).cache_shared == expected


@pytest.mark.parametrize("written", ["s3://", "s3:///", "gs://"])
def test_an_object_store_has_a_bucket(written: str) -> None:
    text = "tool.opml.cache_shared: must name a bucket, such as s3://bucket/prefix, not what is written there"
    assert refused({"cache_shared": written}) == text


def test_the_experiment_of_mlflow_has_a_name() -> None:
    assert built().mlflow_experiment == "pytest-opml"
    assert built({"mlflow_experiment": "releases"}).mlflow_experiment == "releases"
    assert refused({"mlflow_experiment": ""}).startswith("tool.opml.mlflow_experiment: ")


@pytest.mark.parametrize(
    ("time", "weights"),
    [
        ("inference", {"inference": 1.0}),
        ("training", {"training": 1.0}),
        ("total", {"inference": 1.0, "training": 1.0}),
        ({"inference": 0.7, "training": 0.3}, {"inference": 0.7, "training": 0.3}),
        ({"training": 2}, {"training": 1.0}),
        ({"inference": 1, "training": 0}, {"inference": 1.0, "training": 0.0}),
    ],
)
def test_the_time_of_the_score_is_a_name_or_weights(time: object, weights: dict[str, float]) -> None:
    assert built({"score": {"time": time}}).score.time == weights


@pytest.mark.parametrize(
    ("time", "text"),
    [
        ("latency", "tool.opml.score.time: must be one of inference, training, total, or weights such as "),
        ({}, "tool.opml.score.time: the weights must add up to more than zero"),
        ({"inference": 0}, "tool.opml.score.time: the weights must add up to more than zero"),
        ({"inference": float("nan")}, "tool.opml.score.time"),
        ({"inference": float("inf")}, "tool.opml.score.time.inference"),
        ({"inference": 10**400, "training": 0.5}, "tool.opml.score.time"),
        ({"inference": 2, "training": -1}, "tool.opml.score.time.training: "),
        ({"inference": 1, "training": "0.3"}, "tool.opml.score.time.training: "),
        ({"inference": True}, "tool.opml.score.time.inference: "),
        ({"inference": 1, "latency": 1}, "tool.opml.score.time.latency"),
        (3, "tool.opml.score.time: "),
        (["inference"], "tool.opml.score.time: "),
    ],
)
def test_a_time_that_is_none_is_refused(time: object, text: str) -> None:
    assert refused({"score": {"time": time}}).startswith(text)


@pytest.mark.parametrize(
    ("file", "text"),
    [
        (
            {"gpus": "v100"},
            "tool.opml: unknown key 'gpus'; known: baseline, benchmark_table, cache_dir, cache_shared, "
            "compare_precision, compare_seconds, data_dir, ",
        ),
        ({"json_path": "x"}, "tool.opml: unknown key 'json_path'; known: "),
        ({"a.b": 1}, "tool.opml: unknown key 'a.b'; known: "),
        ({"my.score": 1}, "tool.opml: unknown key 'my.score'; known: baseline, benchmark_table, cache_dir, "),
        ({"score": {"times": 1}}, "tool.opml.score: unknown key 'times'; known: reference_samples, time"),
        ({"gpu": 3}, "tool.opml.gpu: "),
        ({"store": ["x"]}, "tool.opml.store: "),
        ({"store": None}, "tool.opml.store: "),
        ({"json": 3}, "tool.opml.json: "),
        ({"cache_dir": 3}, "tool.opml.cache_dir: "),
        ({"data_dir": {}}, "tool.opml.data_dir: "),
        ({"timeout": "60"}, "tool.opml.timeout: "),
        ({"timeout": 0}, "tool.opml.timeout: "),
        ({"timeout": -1}, "tool.opml.timeout: "),
        ({"timeout": True}, "tool.opml.timeout: "),
        ({"timeout": float("nan")}, "tool.opml.timeout: "),
        ({"timeout": float("inf")}, "tool.opml.timeout: "),
        ({"timeout": 10**400}, "tool.opml.timeout: "),
        ({"memory_mb": 0}, "tool.opml.memory_mb: "),
        ({"threads": 0}, "tool.opml.threads: "),
        ({"threads": 1.0}, "tool.opml.threads: "),
        ({"score": 3}, "tool.opml.score: "),
        ({"score": {"reference_samples": 0}}, "tool.opml.score.reference_samples: "),
        ({"gate": 3}, "tool.opml.gate: must be a table, not 3"),
        ({"gate": {"acuracy": {"min": 1}}}, "tool.opml.gate: unknown metric 'acuracy'; known: quality, "),
        ({"price": 2}, "tool.opml.price: must be a table such as { v100 = 2.48 }, not 2"),
        ({"price": {"v1000": 2}}, "tool.opml.price: unknown profile 'v1000'; known: cpu, p100, "),
        ({"price": {"auto": 2}}, "tool.opml.price: unknown profile 'auto'; known: cpu, p100, "),
        ({"price": {"v100": 0}}, "tool.opml.price.v100: must be the price of an hour, a number above 0 and up to "),
        ({"price": {"v100": "2"}}, "tool.opml.price.v100: must be the price of an hour, a number above 0 and up to "),
        ({"gate": {"max_cost": 0}}, "tool.opml.gate.max_cost: must be a number above 0 and up to 1,000,000,000, not 0"),
        ({"gate": {"gpu": {"v1000": {}}}}, "tool.opml.gate.gpu: unknown profile 'v1000'; known: cpu, p100, "),
    ],
)
def test_a_mistake_in_the_file_is_refused_with_its_key(file: dict[str, Any], text: str) -> None:
    assert refused(file).startswith(text)


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"gpu": "v1000"}, "--opml-gpu: unknown profile 'v1000'; known: auto, cpu, p100, "),
        ({"timeout": -1.0}, "--opml-timeout: "),
        ({"memory_mb": 0.0}, "--opml-memory-mb: "),
        ({"threads": "two"}, "--opml-threads: "),
    ],
)
def test_a_mistake_in_an_option_is_refused_with_its_name(options: dict[str, Any], text: str) -> None:
    assert refused({"gpu": "cpu"}, **options).startswith(text)


def test_a_mistake_that_the_option_replaces_does_not_matter() -> None:
    assert built({"gpu": "v1000"}, gpu="v100").gpu == "v100"


@pytest.mark.parametrize("gpu", ["auto", *PROFILES])
def test_every_profile_may_be_asked_for(gpu: str) -> None:
    assert built({"gpu": gpu}).gpu == built(gpu=gpu).gpu == gpu


@pytest.mark.parametrize("given", ["v100,cpu", "v100, cpu", ["v100", "cpu"]])
def test_several_devices_may_be_asked_for(given: str | list[str]) -> None:
    assert built({"gpu": given}).gpus == ("v100", "cpu")
    assert built({"gpu": given}).on("cpu").gpus == ("cpu",)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("v100,abacus", "unknown profile 'abacus'"),
        ("v100,", "unknown profile ''"),
        ("auto,cpu", "auto is one device"),
        (["cpu", "cpu"], "names a device twice"),
        ([], "must be the name of a device, or a list of them"),
        ([1], "must be the name of a device, or a list of them"),
    ],
)
def test_what_is_no_list_of_devices_is_refused(given: object, said: str) -> None:
    assert said in refused({"gpu": given})


def test_a_fleet_of_the_file_can_be_left_out() -> None:
    assert built({"fleet": "auto"}).fleet == "auto"
    assert built({"fleet": "auto"}, fleet="none").fleet is None
    assert built({}).fleet is None


def test_an_unknown_profile_lists_the_known_ones() -> None:
    assert refused({"gpu": "V100"}) == f"tool.opml.gpu: unknown profile 'V100'; known: auto, {', '.join(PROFILES)}"


def test_settings_are_frozen() -> None:
    with pytest.raises(AttributeError):
        built().gpu = "cpu"  # type: ignore[misc]
    with pytest.raises(AttributeError, match="cannot assign"):
        built().score.reference_samples = 1  # type: ignore[misc]


def test_the_files_table_is_left_as_it_was() -> None:
    file = {"gpu": "cpu", "json": "x", "gate": {"gpu": {}, "case": [{"match": "*"}]}}
    built(file)
    assert file == {"gpu": "cpu", "json": "x", "gate": {"gpu": {}, "case": [{"match": "*"}]}}


PLAIN_KEYS = ["gpu", "store", "json", "cache_dir", "data_dir", "timeout", "memory_mb", "threads", "trust"]
NESTED_KEYS = ["score", "time", "reference_samples", "inference", "training", "gate", "case", "match", "min", "max"]
KEYS = st.sampled_from([*PLAIN_KEYS, *NESTED_KEYS, *METRICS]) | st.text(max_size=3)
LEAVES = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.just(10**400)
    | st.floats()
    | st.text(max_size=5)
    | st.sampled_from(["none", "total", "5%", "~", "~x", "sqlite:///", "auto", "cpu"])
)
JSON = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4), max_leaves=12
)


@given(st.dictionaries(KEYS, JSON, max_size=4))
def test_any_table_gives_settings_or_is_refused(file: dict[str, Any]) -> None:
    try:
        settings = built(file)
    except SettingsError:
        return
    assert settings.timeout_s > 0
    assert settings.gpu in ("auto", *PROFILES)


@given(st.sampled_from(PLAIN_KEYS), JSON)
def test_any_value_of_a_key_is_accepted_or_refused_with_it(key: str, value: Any) -> None:
    try:
        built({key: value})
    except SettingsError as error:
        assert str(error).startswith(f"tool.opml.{key}: ")  # noqa: PT017 - a value may be right


# The file


def pyproject(folder: Path, text: str) -> Path:
    path = folder / "pyproject.toml"
    path.write_text(text, "utf-8")
    return path


def test_the_table_is_read_from_the_file(tmp_path: Path) -> None:
    path = pyproject(tmp_path, '[tool.opml]\ngpu = "v100"\n[tool.opml.gate]\nlatency_ms.p99 = { max = 5.0 }\n')
    table = read_pyproject(path)
    assert table == {"gpu": "v100", "gate": {"latency_ms": {"p99": {"max": 5.0}}}}
    assert build_settings(table, {}, tmp_path).gate.budgets[0].metric.name == "latency_ms.p99"


@pytest.mark.parametrize("text", ["", "[tool]\n", "[tool.other]\nx = 1\n", "[project]\nname = 'x'\n", "[tool.opml]\n"])
def test_without_a_table_nothing_is_set(text: str, tmp_path: Path) -> None:
    assert read_pyproject(pyproject(tmp_path, text)) == {}


def test_without_a_file_nothing_is_set(tmp_path: Path) -> None:
    assert read_pyproject(tmp_path / "pyproject.toml") == {}


@pytest.mark.parametrize("text", ["[tool.opml", "gpu = ", "[tool.opml]\ngpu = 1\ngpu = 2\n", "[tool.opml]\nx = \x00\n"])
def test_malformed_toml_is_refused_with_the_file(text: str, tmp_path: Path) -> None:
    path = pyproject(tmp_path, text)
    with pytest.raises(SettingsError) as caught:
        read_pyproject(path)
    assert str(caught.value).startswith(f"{path}: ")


def test_a_file_in_another_encoding_is_refused_with_its_name(tmp_path: Path) -> None:
    path = tmp_path / "pyproject.toml"
    path.write_bytes("[tool.opml]\ngpu = 'ä'\n".encode("latin-1"))
    with pytest.raises(SettingsError, match=r"pyproject\.toml: .*utf-8"):
        read_pyproject(path)


def test_a_folder_is_refused_with_its_name(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="directory"):
        read_pyproject(tmp_path)


def test_the_nearest_file_with_the_table_is_looked_for_upwards(tmp_path: Path) -> None:
    inner = tmp_path / "a" / "b"
    inner.mkdir(parents=True)
    assert find_pyproject(inner) is None
    assert project_folder(inner) is None
    top = pyproject(tmp_path, "[tool.opml]\n")
    assert find_pyproject(inner) == top
    pyproject(inner, "[project]\nname = 'x'\n")
    (tmp_path / "a" / "pyproject.toml").mkdir()
    assert find_pyproject(inner) == top
    assert project_folder(inner) == inner
    assert find_pyproject(tmp_path.parent, inner) == top


@pytest.mark.parametrize("text", ["[tool.opml", "tool.opml = 3\n", "[tool.opml]\n", "x = '\x00'\n"])
def test_a_nearer_file_that_is_empty_or_cannot_be_read_is_not_passed_over(text: str, tmp_path: Path) -> None:
    pyproject(tmp_path, "[tool.opml]\n")
    (tmp_path / "inner").mkdir()
    path = pyproject(tmp_path / "inner", text)
    assert find_pyproject(tmp_path / "inner") == path
    assert has_settings(path)


@pytest.mark.parametrize("value", ["3", "'x'", "[1]", "true"])
def test_a_tool_opml_that_is_no_table_is_refused(value: str, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"tool\.opml must be a table, not "):
        read_pyproject(pyproject(tmp_path, f"[tool]\nopml = {value}\n"))


def test_weights_of_the_time_are_those_of_an_average() -> None:
    assert built({"score": {"time": {"inference": 3, "training": 1}}}).score.time == {
        "inference": 0.75,
        "training": 0.25,
    }
    assert built({"score": {"time": "total"}}).score.time == {"inference": 1.0, "training": 1.0}


@pytest.mark.parametrize(
    ("file", "options", "found"),
    [
        ({}, {}, (3.0, 0.02)),
        ({"compare_seconds": 60.0, "compare_precision": 0.0}, {}, (60.0, 0.0)),
        ({"compare_seconds": 60.0}, {"compare_seconds": 0.0}, (0.0, 0.02)),
    ],
)
def test_how_long_to_compare(file: dict[str, Any], options: dict[str, Any], found: tuple[float, float]) -> None:
    settings = build_settings(file, options, Path("/project"))
    assert (settings.compare_s, settings.compare_precision) == found


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"compare_seconds": -1.0}, "--opml-compare-seconds: must be at least 0, not -1.0"),
        ({"compare_seconds": math.nan}, "--opml-compare-seconds: must be "),
        ({"threads": 0}, "--opml-threads: must be at least 1, not 0"),
    ],
)
def test_what_cannot_be_compared_or_used_is_refused(options: dict[str, Any], text: str) -> None:
    with pytest.raises(SettingsError) as caught:
        build_settings({}, options, Path("/project"))
    assert str(caught.value).startswith(text)
