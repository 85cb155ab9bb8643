from __future__ import annotations

from pathlib import Path

import pytest

from pytest_opml.case import Case
from pytest_opml.errors import CaseDefinitionError, SettingsError
from pytest_opml.integrations.mlflow_models import FetchedModel
from pytest_opml.records.result import ModelSource
from pytest_opml.runner import model_addresses
from pytest_opml.runner.model_addresses import ModelAddresses, named
from pytest_opml.settings import Settings, build_settings
from tests.support.builders import make_result, make_side_by_side

ADDRESS = "models:/prod@champion"


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    return build_settings({"cache_dir": str(tmp_path / "cache")}, {}, tmp_path)


@pytest.fixture
def fetches(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str]]:
    """What was downloaded, from where; each time with the content that stands in the address."""
    fetched = []

    def fetch(address: str, uri: str, folder: Path, _registry_uri: str | None) -> FetchedModel:
        fetched.append((address, uri))
        path = folder / ("linear.onnx" if "champion" in address else "mine.keras")
        path.write_text(address, "utf-8")
        return FetchedModel(ModelSource(address=address, name="prod", version=len(fetched)), path)

    monkeypatch.setattr(model_addresses, "fetch_model", fetch)
    return fetched


def test_an_address_is_fetched_once_for_a_run_and_lies_in_the_cache(
    settings: Settings, fetches: list[tuple[str, str]]
) -> None:
    addresses = ModelAddresses(settings, [ADDRESS])
    case = Case(dataset="digits", model=ADDRESS)
    local = addresses.localised(case)
    assert addresses.localised(case) == local
    assert fetches == [(ADDRESS, "http://127.0.0.1:9")]
    path = Path(local.model)
    assert path.read_text("utf-8") == ADDRESS
    assert settings.cache_dir / "entries" in path.parents
    assert ModelAddresses(settings, [ADDRESS]).localised(case) == local  # by its content


def test_a_model_of_a_registry_is_measured_as_it_is_where_nothing_else_is_said() -> None:
    assert Case(dataset="digits", model=ADDRESS).id == f"digits/{{{ADDRESS}}}/top0/baseline"
    assert Case.parse(f"digits/{{{ADDRESS}}}/top1/int8").unfreeze == 1


@pytest.mark.usefixtures("fetches")
def test_what_cannot_be_done_with_a_finished_file_shows_when_it_is_fetched(settings: Settings) -> None:
    addresses = ModelAddresses(settings)
    with pytest.raises(CaseDefinitionError, match="unfreeze = 1: models:/prod@champion cannot be trained"):
        addresses.localised(Case(dataset="digits", model=ADDRESS, unfreeze=1))
    with pytest.raises(CaseDefinitionError, match="technique int8: needs a Keras model"):
        addresses.localised(Case(dataset="digits", model=ADDRESS, technique="int8"))
    keras = addresses.localised(Case(dataset="digits", model="models:/prod/2", technique="int8", unfreeze=1))
    assert keras.model.endswith("model.keras")


def test_without_a_store_it_is_asked_for(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI")
    with pytest.raises(SettingsError, match="models:/prod@champion: no MLflow store is named: set MLFLOW_TRACKING_URI"):
        ModelAddresses(settings, [ADDRESS])


@pytest.mark.usefixtures("fetches")
def test_a_result_is_that_of_the_address_and_says_which_version_it_was(settings: Settings) -> None:
    addresses = ModelAddresses(settings)
    case = Case(dataset="digits", model="models:/prod/2", technique="int8")
    local = addresses.localised(case)
    measured = make_result(case=local, vs_reference=make_side_by_side(), vs_baseline=make_side_by_side())
    result = addresses.with_source(named(measured, case))
    assert result.case == case
    assert result.artifact.source
    assert result.artifact.source.version == 1
    assert result.vs_reference
    assert result.vs_reference.reference == case.reference.id
    assert result.vs_baseline
    assert result.vs_baseline.reference == case.id
    plain = make_result()
    assert addresses.with_source(named(plain, Case(dataset="digits", model="small_cnn"))) is plain
