"""A registry of models of MLflow's, in an SQLite file with the files of its runs beside it."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple


class Logged(NamedTuple):
    """A version of a registered model."""

    version: int
    run_id: str


class Registry:
    """Made through MLflow's own client.

    Args:
        folder: for the database and the files.
    """

    def __init__(self, folder: Path) -> None:
        from mlflow import MlflowClient

        folder.mkdir(parents=True, exist_ok=True)
        self.uri = f"sqlite:///{folder}/mlflow.db"
        self._client: Any = MlflowClient(tracking_uri=self.uri, registry_uri=self.uri)
        self._experiment = self._client.create_experiment("exported", (folder / "files").as_uri())

    def log(self, path: Path, name: str, *aliases: str) -> Logged:
        """Log a file, or a folder with all that is in it, as the next version of a model."""
        run, client = self._client.create_run(self._experiment).info, self._client
        if path.is_dir():
            client.log_artifacts(run.run_id, str(path), "model")
            source = f"{run.artifact_uri}/model"
        else:
            client.log_artifact(run.run_id, str(path), "model")
            source = f"{run.artifact_uri}/model/{path.name}"
        if name not in {model.name for model in client.search_registered_models()}:
            client.create_registered_model(name)
        version = int(client.create_model_version(name, source, run_id=run.run_id).version)
        for alias in aliases:
            client.set_registered_model_alias(name, alias, str(version))
        return Logged(version, run.run_id)
