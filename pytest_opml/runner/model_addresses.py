"""Models that cases name by an address of MLflow's: fetched into the cache, once for a run."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable
from pathlib import Path

from .. import registry
from ..case import Case
from ..errors import CaseDefinitionError, SettingsError
from ..integrations.mlflow_models import FetchedModel, fetch_model
from ..records.case_record import CaseRecord
from ..records.result import Result
from ..settings import Settings
from ..storage.cache import Cache
from ..storage.digests import copy_path, digest_path
from ..storage.shared_cache import open_shared
from ..storage.work_folder import work_folder

# The kind of the cache's entries that hold them.
FETCHED = "fetched"


class ModelAddresses:
    """Gives the files of addresses, each of which stands for the same file throughout a run.

    An alias may move while the run goes on, and the files of a run may be logged anew, so that they lie in the cache
    under the digest of their content and are downloaded once in every run.

    Args:
        settings: of the run, which name the store.
        addresses: to fetch at once, before anything else costs.

    Raises:
        UsageError: on construction, what ``resolve`` raises.
    """

    def __init__(self, settings: Settings, addresses: Iterable[str] = ()) -> None:
        self._settings = settings
        self._models: dict[str, FetchedModel] = {}
        for address in addresses:
            self.resolve(address)

    def resolve(self, address: str) -> FetchedModel:
        """Return the model of an address, whose file this process then holds.

        Raises:
            SettingsError: no store is named, or the text is no address.
            StorageError: the store cannot be reached, or has no such model.
            ModelFileError: it is none that can be measured.
            MissingDependencyError: MLflow is not installed.
        """
        if address not in self._models:
            self._models[address] = self._fetched(address)
        return self._models[address]

    def _fetched(self, address: str) -> FetchedModel:
        uri = self._settings.mlflow or os.environ.get("MLFLOW_TRACKING_URI")
        if not uri:
            raise SettingsError(
                f"{address}: no MLflow store is named: set MLFLOW_TRACKING_URI, or mlflow in [tool.opml]"
            )
        cache = Cache(self._settings.cache_dir, open_shared(self._settings.cache_shared))
        with tempfile.TemporaryDirectory(prefix="opml-mlflow-", dir=work_folder()) as folder:
            fetched = fetch_model(address, uri, Path(folder), os.environ.get("MLFLOW_REGISTRY_URI"))
            name = f"model{fetched.path.suffix if fetched.path.is_file() else ''}"

            def fill(entry: Path) -> None:
                copy_path(fetched.path, entry / name)

            return fetched._replace(path=cache.entry(FETCHED, digest_path(fetched.path)[:32], fill) / name)

    def localised(self, case: Case) -> Case:
        """Return a case as it is built: with the file in the place of the address.

        Raises:
            UsageError: what ``resolve`` raises, or the case cannot be with a file of this kind.
        """
        if not registry.is_address(case.model):
            return case
        local = case.model_copy(update={"model": str(self.resolve(case.model).path)})
        try:
            local.check_finished()
        except ValueError as error:
            raise CaseDefinitionError(f"case: {str(error).replace(local.model, case.model)}") from None
        return local

    def with_source(self, result: Result) -> Result:
        """Return the result of a case with what MLflow says of its model, where the case names one by an address."""
        if not registry.is_address(result.case.model):
            return result
        source = self.resolve(result.case.model).source
        return result.model_copy(update={"artifact": result.artifact.model_copy(update={"source": source})})


def named(result: Result, case: Case) -> Result:
    """Return what was measured of a localised case as that of the case itself."""
    if not registry.is_address(case.model):
        return result
    beside = {
        name: pair.model_copy(update={"reference": case_id})
        for name, case_id in (("vs_reference", case.reference.id), ("vs_baseline", case.id))
        if (pair := getattr(result, name))
    }
    return result.model_copy(update={"case": CaseRecord.model_validate(case), **beside})
