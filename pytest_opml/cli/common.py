"""What the commands share: one exit code for wrong input, common options, the settings, the run that is meant."""

from __future__ import annotations

import json
import os
import re
import shutil
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from .. import registry
from ..addresses import argument_secrets, without_secrets
from ..errors import OpmlError, SettingsError, StorageError, UnknownNameError, UsageError
from ..printable import printable, printable_json
from ..settings import build_settings, declared, find_pyproject, project_folder, read_pyproject

if TYPE_CHECKING:
    from ..gate.budgets import Gate
    from ..history.base import History
    from ..records.run import RunRecord
    from ..settings import Settings

USAGE = 4
_CONFIG = Path("pyproject.toml")

_ARGUMENTS = f"{__name__}.arguments"  # of the whole command, in click's context
_secrets: ContextVar[tuple[str, ...]] = ContextVar("_secrets", default=())

_Command = TypeVar("_Command", bound=Callable[..., Any])
_UNITS = {"h": "hours", "d": "days", "w": "weeks"}


@contextmanager
def _wrong_input_ends_with(code: int, arguments: Sequence[str]) -> Iterator[None]:
    """Our own errors, and what the system refuses, as one line; click's with its own text, and the same exit code."""
    _secrets.set(argument_secrets(arguments))
    try:
        yield
    except click.UsageError as error:
        if type(error).show is click.UsageError.show:
            click.UsageError(printable(without_secrets(error.format_message(), _secrets.get())), error.ctx).show()
        else:  # the help, where nothing at all was given
            error.show()
        raise click.exceptions.Exit(code) from error
    except OpmlError as error:
        show_error(str(error))
        _drop_output()
        raise click.exceptions.Exit(code) from error
    except BrokenPipeError:
        raise  # click ends without a word where nobody reads on
    except OSError as error:
        # A full disk behind standard output, or a folder that is gone: the files of a command have their own errors.
        where = f"{error.filename}: " if error.filename else ""
        show_error(f"{where}{error.strerror or error}")
        _drop_output()
        raise click.exceptions.Exit(code) from error


def _drop_output() -> None:
    """Drop what standard output does not take: Python would try once more at its end, and complain of it."""
    if sys.stdout is None:
        return
    try:
        sys.stdout.flush()
    except OSError:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)


class Commands(click.Group):
    """Commands in the order in which they were added; whatever is wrong with the input, they end with ``USAGE``."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """The names of the commands, for the help."""
        return list(self.commands)

    def make_context(self, info_name: str | None, args: list[str], *rest: Any, **options: Any) -> click.Context:
        """Parse the options before the command's name."""
        arguments = tuple(args)  # click empties the list
        with _wrong_input_ends_with(USAGE, arguments):
            context = super().make_context(info_name, args, *rest, **options)
        context.meta.setdefault(_ARGUMENTS, arguments)
        return context

    def invoke(self, ctx: click.Context) -> Any:
        """Parse the command's own arguments and run it."""
        with _wrong_input_ends_with(USAGE, ctx.meta[_ARGUMENTS]):
            return super().invoke(ctx)


def as_json(command: _Command) -> _Command:
    """The option ``--json``, as the argument ``json_wanted``."""
    return click.option("--json", "json_wanted", is_flag=True, help="Print the result as JSON.")(command)


def with_config(command: _Command) -> _Command:
    """The option ``--config``."""
    return click.option(
        "--config",
        metavar="PATH",
        type=click.Path(path_type=Path),
        callback=_nearest_config,
        help="The file with [tool.opml]; by default the nearest pyproject.toml that has it, from here upwards.",
    )(command)


def _nearest_config(ctx: click.Context, param: click.Parameter, value: Path | None) -> Path:  # noqa: ARG001 - click's
    """The callback of ``--config``: the file that pytest would take in this folder."""
    here = Path.cwd()
    folder = project_folder(here)
    nearest = find_pyproject(here) or (folder and folder / _CONFIG)
    return value or (nearest if nearest and nearest.parent != here else _CONFIG)


def _with_setting(key: str, command: _Command) -> _Command:
    """The option of a setting, which is declared in ``settings``."""
    setting = declared()[key]
    text = f"{setting.help[:1].upper()}{setting.help[1:]}"
    return click.option(
        f"--{key.replace('_', '-')}",
        metavar=setting.metavar,
        type=setting.type,
        multiple=setting.is_repeatable,
        help=f"{text}." if setting.is_repeatable else f"{text}; by default as in the file.",
    )(command)


def with_gate(command: _Command) -> _Command:
    """The options of each command that looks at budgets, ``--config`` and ``--gate``."""
    return with_config(_with_setting("gate", command))


def with_store(command: _Command) -> _Command:
    """The option ``--store``."""
    return _with_setting("store", command)


def with_cache_dir(command: _Command) -> _Command:
    """The option ``--cache-dir``."""
    return _with_setting("cache_dir", command)


def with_data_dir(command: _Command) -> _Command:
    """The option ``--data-dir``."""
    return _with_setting("data_dir", command)


def with_machine(command: _Command) -> _Command:
    """The options that say what trains: ``--gpu`` and ``--threads``."""
    return _with_setting("gpu", _with_setting("threads", command))


def with_run_settings(command: _Command) -> _Command:
    """The options of a command that runs cases: ``--config``, and those that pytest has with ``--opml-`` before them.

    ``--json`` prints, as everywhere; ``--record`` takes the path that ``--opml-json`` takes.
    """
    record = click.option("--record", "json", metavar="PATH", help="Write the record of the run to PATH.")
    return with_config(record(_with_settings(command, without=("json", "scale"))))


def with_suite_settings(command: _Command) -> _Command:
    """The options of a command that starts pytest on the paper's suite: those of pytest, without ``--opml-``.

    The record is of pytest's making, so ``--json`` takes a path as ``--opml-json`` does; ``--record`` is the same.
    """
    record = click.option("--json", "--record", "json", metavar="PATH", help="Write the record of the run to PATH.")
    return record(_with_settings(command, without=("json",)))


def _with_settings(command: _Command, *, without: Sequence[str]) -> _Command:
    """The options of all settings that have one, but of some keys."""
    for key, setting in reversed(declared().items()):
        if setting.metavar and key not in without:
            command = _with_setting(key, command)
    return command


def parse_age(text: str) -> timedelta:
    """How long ago: a whole number with ``h`` for hours, ``d`` for days or ``w`` for weeks behind it.

    Raises:
        UsageError: it is not written like that, or is longer than the calendar.
    """
    written = re.fullmatch(r"([0-9]{1,6})([hdw])", text)
    if written is None:
        raise UsageError(f"{text!r} is no age: write a whole number and h, d or w, such as 12h, 30d or 2w")
    return timedelta(**{_UNITS[written[2]]: int(written[1])})


def age(ctx: click.Context, param: click.Parameter, value: str | None) -> timedelta | None:
    """The callback of an option that takes what ``parse_age`` takes."""
    try:
        return None if value is None else parse_age(value)
    except UsageError as error:
        raise click.BadParameter(str(error), ctx, param) from error


def since(ctx: click.Context, param: click.Parameter, value: str | None) -> datetime | None:
    """The callback of an option that takes a day, or how long ago."""
    if value is None:
        return None
    try:
        day = datetime.fromisoformat(value)
        return day if day.tzinfo else day.replace(tzinfo=timezone.utc)
    except ValueError:
        try:
            return datetime.now(timezone.utc) - parse_age(value)
        except (UsageError, OverflowError):
            text = f"{value!r} is no day such as 2026-01-31, and no age such as 12h, 30d or 2w"
            raise click.BadParameter(text, ctx, param) from None


def check_config(config: Path) -> None:
    """Refuse a ``--config`` that is not there; without a ``pyproject.toml`` the defaults apply.

    Raises:
        SettingsError: the file was named and does not exist.
    """
    if config != _CONFIG and not config.is_file():
        raise SettingsError(f"--config: {config}: no such file")


def settings_of(config: Path, **options: Any) -> Settings:
    """The settings of a file with what the command line adds, for runs that are over.

    Args:
        config: the file with ``[tool.opml]``.
        options: as ``build_settings`` takes them; None where not given.

    Raises:
        SettingsError: the file or an option is at fault.
    """
    check_config(config)
    registry.make_importable(root_of(config))
    return build_settings(read_pyproject(config), options, root_of(config), unregistered="in the file")


def root_of(config: Path) -> Path:
    """The folder of the project."""
    return config.absolute().parent


def history_of(settings: Settings, *, create: bool = False) -> History:
    """The history, to be read; with ``create`` it is made where it is missing.

    Raises:
        StorageError: there is none, or it cannot be opened.
    """
    from ..history.store import open_store

    if settings.store is None:
        raise StorageError("no history (store = none): give the record of a run, as --opml-json writes it")
    return open_store(settings.store, create=create)


def resolve_run(text: str | None, settings: Settings, root: Path) -> RunRecord:
    """A stored run: that of a file, or of the history; the one that was added last where nothing is named.

    Args:
        text: what ``history.naming.run_of`` takes.
        settings: of the project.
        root: its folder.

    Raises:
        StorageError: there is none, or it cannot be read.
    """
    from ..history.selectors import is_file, run_of

    if text is not None and is_file(text):
        return run_of(text, None, root)
    with history_of(settings) as history:
        return run_of("last" if text is None else text, history, root)


def judge_again(record: RunRecord, gate: Gate) -> RunRecord:
    """A run with the verdicts of these budgets in the place of its own."""
    from ..gate.run_verdicts import judge_run

    return record.model_copy(update={"checks": judge_run(record, gate)})


def show(*blocks: list[str]) -> None:
    """Print blocks of lines, a blank line between two; in colours where standard output gets them."""
    from ..reports.terminal.styles import is_coloured, painted

    has_colours = is_coloured(sys.stdout)
    for number, block in enumerate(filter(None, blocks)):
        lines = [*([""] if number else []), *(painted(line, is_coloured=has_colours) for line in block)]
        click.echo("\n".join(lines), color=has_colours)


def show_document(text: str) -> None:
    """Print a text of many lines, which ends one."""
    click.echo(printable(text, lines=True), nl=False)


def show_error(text: str) -> None:
    """Print what is wrong, in one line of the error output that repeats no password of the command."""
    from ..reports.terminal.styles import Style, with_head

    show_note(*with_head([f"error: {without_secrets(text, _secrets.get())}"], "error:", Style.BAD))


def show_note(text: str) -> None:
    """Print what is to be known besides, in one line of the error output."""
    from ..reports.terminal.styles import is_coloured, painted

    has_colours = is_coloured(sys.stderr)
    click.echo(painted(text, is_coloured=has_colours), err=True, color=has_colours)


def show_json(value: Any) -> None:
    """Print plain data for other programs."""
    show_json_text(json.dumps(value, indent=2))


def show_json_text(document: str) -> None:
    """Print a document of JSON."""
    click.echo(printable_json(document), nl=not document.endswith("\n"))


@contextmanager
def told_before_it_began() -> Iterator[None]:
    """End the command, with its last line, where a signal ends a run that had not begun."""
    from ..reports.terminal.run import exit_line
    from ..runner.signals import INTERRUPTED

    try:
        yield
    except KeyboardInterrupt as error:
        show([exit_line(INTERRUPTED, f"the run was {str(error) or 'interrupted'} before it began")])
        sys.exit(INTERRUPTED)


def width() -> int:
    """Columns of the terminal."""
    return shutil.get_terminal_size().columns


RUN_ARGUMENT = click.argument("run", required=False)


def match_cases(history: History, pattern: str) -> tuple[str, ...]:
    """The case of the history that is called so, or those that a pattern matches.

    Raises:
        SettingsError: none does; the nearest names are listed.
    """
    from ..records.case_ids import matches

    case_ids = history.case_ids()
    if pattern in case_ids:  # the name of a benchmark may have brackets, which mean something else in a pattern
        return (pattern,)
    matching = tuple(name for name in case_ids if matches(name, pattern))
    if not matching:
        raise UnknownNameError("case of the history", pattern, case_ids)
    return matching


def run_title(run: RunRecord) -> str:
    """A run in the text of a line: the beginning of its id, its start in UTC, its commit."""
    commit = f", commit {run.commit.commit[:10]}" if run.commit else ""
    return f"run {run.run_id[:12]} of {run.started:%Y-%m-%d %H:%M}{commit}"
