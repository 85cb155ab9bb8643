"""``opml check``: check what is written in [tool.opml]."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from ..errors import MissingDependencyError, SettingsError, StorageError
from .common import as_json, show, show_error, show_json, show_note

if TYPE_CHECKING:
    from ..settings import Settings

_NAME = Path("pyproject.toml")


class _Checked(NamedTuple):
    """What there is to say of one file.

    Attributes:
        has_table: whether it has ``[tool.opml]``.
        faults: one line each: what is wrong, where, and what is allowed.
        unregistered: metrics of budgets that nothing installed registers.
    """

    file: Path
    has_table: bool
    faults: tuple[str, ...]
    unregistered: tuple[str, ...] = ()


@click.command(short_help="Check what is written in [tool.opml].")
@click.argument("paths", metavar="[FILE]...", nargs=-1, type=click.Path(path_type=Path))
@as_json
def check(paths: tuple[Path, ...], json_wanted: bool) -> None:
    """Check what is written in [tool.opml], with one line for each fault. No model and no data are looked at.

    FILE is a pyproject.toml; by default the nearest one that has [tool.opml], from here upwards. A budget may be on a
    metric that only a bench file or a conftest.py registers: such names are listed and are no faults.

    \b
      opml check
      opml check services/*/pyproject.toml

    The exit code is 0, or 4 where something is wrong.
    """
    from ..settings import find_pyproject

    nearest = find_pyproject(Path.cwd()) or _NAME
    checked = [_check(path) for path in paths or (_NAME if nearest == _NAME.absolute() else nearest,)]
    if json_wanted:
        show_json([one._asdict() | {"file": str(one.file)} for one in checked])
    else:
        for one in checked:
            _show(one)
    sys.exit(4 if any(one.faults for one in checked) else 0)


def _show(checked: _Checked) -> None:
    from ..errors import listed

    for fault in checked.faults:
        show_error(fault)
    if checked.unregistered:
        who = "nothing installed registers them, so a bench file or a conftest.py has to"
        show_note(f"note: {checked.file}: budgets or waivers on {listed(checked.unregistered)}: {who}")
    if not checked.faults:
        said = "[tool.opml] is valid" if checked.has_table else "has no [tool.opml]: the defaults apply"
        show([f"{checked.file}: {said}"])


def _check(path: Path) -> _Checked:
    from ..settings import has_settings, read_pyproject

    if not path.is_file():
        why = "is no file" if path.exists() else "no such file"
        return _Checked(path, False, (f"{path}: {why}",))
    try:
        table = read_pyproject(path)
    except SettingsError as error:  # which begins with the name of the file
        return _Checked(path, True, (str(error),))
    faults = dict.fromkeys(
        f"{path}: {fault.replace(*piece.renamed)}" for piece in _pieces(table) for fault in _faults(piece.table, path)
    )
    if not faults:  # what is wrong with the parts together
        faults = dict.fromkeys(f"{path}: {fault}" for fault in _faults(table, path))
    names = () if faults else _settings(table, path).gate.unregistered
    return _Checked(path, has_settings(path), tuple(faults), names)


def _faults(table: Mapping[str, Any], path: Path) -> Iterator[str]:
    """What a run refuses, but for the names that a project may register; one line at most."""
    from ..runner.search_space import check_form

    try:
        settings = _settings(table, path)
        for name, space in settings.searches.items():
            check_form(space, f"tool.opml.search.{name}")
        if "store" in table and settings.store:
            _check_store(settings.store)
    except (SettingsError, StorageError) as error:
        yield str(error)


def _check_store(url: str) -> None:
    """Check that the URL of a history is one, without opening it.

    Raises:
        StorageError: it is none.
    """
    from ..addresses import read_address
    from ..history.engine import connect

    with suppress(MissingDependencyError):  # of this machine, which need not be the one that runs it
        connect(url, f"tool.opml.store: {read_address(url).shown}")


def _settings(table: Mapping[str, Any], path: Path) -> Settings:
    from ..settings import build_settings

    return build_settings(table, {}, path.absolute().parent, unregistered="in the file")


# The parser ends at the first fault. So that all are said, it is given each part that can stand by itself.


class _Piece(NamedTuple):
    """A table of settings with a part of a file's.

    Attributes:
        renamed: the name of the part in messages on the piece, and the one that it has in the file.
    """

    table: dict[str, Any]
    renamed: tuple[str, str] = ("", "")


# Arrays of tables that do not build on one another, below [tool.opml.gate].
_ARRAYS = ("waiver", "slice")


def _pieces(table: Mapping[str, Any]) -> Iterator[_Piece]:
    """Yield a table of settings in parts."""
    for key, value in table.items():
        if key == "gate" and isinstance(value, Mapping):
            for name in _ARRAYS:
                entries = value.get(name)
                for number, entry in enumerate(entries if isinstance(entries, list) else (), start=1):
                    yield _Piece({key: {name: [entry]}}, (f"{name}[1]", f"{name}[{number}]"))
            for piece in _gate_pieces(value):
                yield _Piece({key: piece})
        elif key in ("price", "score", "slurm", "model", "search") and isinstance(value, Mapping):
            for name, entry in value.items():
                yield _Piece({key: {name: entry}})
        else:
            yield _Piece({key: value})


def _gate_pieces(gate: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    for key, value in gate.items():
        if key == "gpu" and isinstance(value, Mapping):
            for profile, budgets in value.items():
                for piece in _budget_pieces(budgets):
                    yield {key: {profile: piece}}
        elif key == "case" and isinstance(value, list):
            for number, entry in enumerate(value):
                # Entries without a budget before it give it the number that it has in the file.
                before = [{"match": "*"}] * number
                for piece in _case_pieces(entry):
                    yield {key: [*before, piece]}
        elif not (key in _ARRAYS and isinstance(value, list)):
            yield from ({key: piece} for piece in _rule_pieces(value))


def _case_pieces(entry: Any) -> Iterator[Any]:
    """Yield an entry for some cases, with one of its budgets each."""
    if not isinstance(entry, Mapping):
        yield entry
        return
    head = {key: entry[key] for key in ("match", "optional") if key in entry}
    yield head
    if isinstance(head.get("match"), str):
        budgets = {key: value for key, value in entry.items() if key not in head}
        yield from ({**head, **piece} for piece in _budget_pieces(budgets))


def _budget_pieces(budgets: Any) -> Iterator[Any]:
    if not isinstance(budgets, Mapping):
        yield budgets
        return
    for metric, rules in budgets.items():
        yield from ({metric: piece} for piece in _rule_pieces(rules))


def _rule_pieces(rules: Any) -> Iterator[Any]:
    """Yield the limits on a metric, or on the parts of one such as ``latency_ms``, one at a time."""
    if not isinstance(rules, Mapping) or len(rules) < 2:
        yield rules
        return
    optional = {key: rules[key] for key in ("optional",) if key in rules}
    for key, value in rules.items():
        if key == "optional":
            continue
        for piece in _rule_pieces(value):
            yield {**optional, key: piece}
