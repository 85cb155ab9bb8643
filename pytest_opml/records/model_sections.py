"""``[tool.opml.model.NAME]``: what a project's settings say of its finished models, checked for its form alone."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import ValidationError

from ..errors import CaseDefinitionError, SettingsError
from .case_ids import checked_name
from .case_record import CaseRecord
from .validation import first_of, reason_of

MODEL_KEYS = ("path", "model")
FIELD_KEYS = (
    *("dataset", "size", "unfreeze", "preprocess", "classes", "output", "quality"),
    *("provider", "precision"),
)
_URI = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:/")

# Tells of a kind of name (``model``, ``dataset``) and a text whether it is the path of a file or folder.
IsPath = Callable[[str, str], bool]


class ModelSection(NamedTuple):
    """One section.

    Attributes:
        name: that it gives to a model; None for a section that is headed by the model itself.
        model: as ``Case`` has it; a path is relative to the folder in which the run works.
        fields: what the cases of this model take from here, where they do not say it themselves.
        source: its heading, for messages.
    """

    name: str | None
    model: str
    fields: Mapping[str, Any]
    source: str

    def is_of(self, model: str) -> bool:
        """Tell whether a case's ``model`` is the one that the section is about."""
        return model == self.model or Path(model).resolve() == Path(self.model).resolve()


def parse_sections(tables: Any, where: str, root: Path, is_path: IsPath) -> dict[str, ModelSection]:
    """Parse the table of all sections, as TOML gives it.

    Args:
        tables: the table, by the names of its sections.
        where: its own name, ``tool.opml.model``.
        root: the folder of the project, which relative paths start from.
        is_path: tells paths from other names.

    Raises:
        SettingsError: a key is unknown or has a wrong value; one line names it.
    """
    if not isinstance(tables, Mapping):
        raise SettingsError(f"{where}: must be a table, not {tables!r}")
    return {key: _section(key, table, f"{where}.{_quoted(key)}", root, is_path) for key, table in tables.items()}


def _quoted(key: str) -> str:
    return key if re.fullmatch(r"[A-Za-z0-9_-]+", key) else json.dumps(key)  # a basic string of TOML


def _section(key: str, table: Any, where: str, root: Path, is_path: IsPath) -> ModelSection:
    if not isinstance(table, Mapping):
        raise SettingsError(f"{where}: must be a table, not {table!r}")
    for unknown in (one for one in table if one not in (*MODEL_KEYS, *FIELD_KEYS)):
        allowed = ", ".join((*MODEL_KEYS, *FIELD_KEYS))
        raise SettingsError(f"{where}: unknown key {unknown!r}; known: {allowed}")
    models = [one for one in MODEL_KEYS if one in table]
    if len(models) > 1:
        raise SettingsError(f"{where}: path and model are the same, write one of them")
    texts = {one: table[one] for one in ("dataset", *models) if one in table}
    for one, text in texts.items():
        if not isinstance(text, str) or not text:
            raise SettingsError(f"{where}.{one}: must be a text that is not empty, not {text!r}")
    model = table[models[0]] if models else key
    if models or not (is_path("model", model) or ":" in model):
        _check_name(key, where)
    if models == ["path"] or is_path("model", model):
        model = _from_here("model", model, root, is_path)
    fields = {one: table[one] for one in FIELD_KEYS if one in table}
    if "dataset" in fields and is_path("dataset", fields["dataset"]):
        fields["dataset"] = _from_here("dataset", fields["dataset"], root, is_path)
    return ModelSection(key if models else None, model, _checked(fields, model, where), where)


def _check_name(name: str, where: str) -> None:
    try:
        checked_name(name)
    except ValueError as error:
        raise SettingsError(f"{where}: the name {error}") from None


def _from_here(kind: str, path: str, root: Path, is_path: IsPath) -> str:
    """A path of the settings from the folder in which the run works, written so that it is told for a path."""
    if not _URI.match(path) and not Path(path).is_absolute():
        path = os.path.relpath(root.absolute() / path)
    return path if is_path(kind, path) else f"./{path}"


def is_there(path: str) -> bool:
    """Tell whether a file or folder exists; what has a scheme, such as ``models:/``, is not looked for."""
    return bool(_URI.match(path)) or Path(path).exists()


def _checked(fields: Mapping[str, Any], model: str, where: str) -> Mapping[str, Any]:
    """The fields as a case has them.

    Raises:
        SettingsError: a case cannot have one.
    """
    try:
        case = CaseRecord(**{"dataset": "any", **fields, "model": model})
    except ValidationError as error:
        first = first_of(error)
        place = ".".join((where, *map(str, first["loc"][:1])))
        raise SettingsError(f"{place}: {reason_of(first)}, not {first['input']!r}") from None
    except CaseDefinitionError as error:
        raise SettingsError(f"{where}.{error}") from None
    return {name: getattr(case, name) for name in fields}
