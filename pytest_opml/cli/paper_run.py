"""``opml paper run``: repeat the paper's experiments."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import click

from ..errors import UnknownNameError
from ..settings import declared
from .common import with_suite_settings

_OF_PYTEST = f"{__name__}.of_pytest"  # what stands behind "--", in click's context


class _BeforePytest(click.Command):
    """A command whose arguments behind ``--`` are pytest's."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse what stands before ``--``."""
        end = args.index("--") if "--" in args else len(args)
        ctx.meta[_OF_PYTEST] = args[end + 1 :]
        return super().parse_args(ctx, args[:end])


@click.command(
    cls=_BeforePytest,
    short_help="Repeat the paper's experiments.",
    options_metavar="[OPTIONS]",
    epilog="What stands behind -- goes to pytest: opml paper run table5 -- -x -k float16",
)
@click.argument("experiments", metavar="[EXPERIMENT]...", nargs=-1)
@with_suite_settings
@click.pass_context
def run(context: click.Context, /, experiments: tuple[str, ...], **given: Any) -> None:
    """Repeat EXPERIMENTs of the paper on this machine; without any, all of them.

    An EXPERIMENT is table1 to table7, figure3 to figure8, or clients (data of clients that are not alike). It is run by
    pytest, as `pytest --pyargs pytest_opml.paper.suite -m EXPERIMENT` does it; a case that two experiments have in
    common is measured once. `opml paper --run FILE` then sets the figures beside the published ones.

    \b
      opml paper run
      opml paper run table5 figure4 --json run.json
      opml paper run --scale small --data-dir data --json run.json

    The scale smoke takes minutes on two cores and needs no download; small takes hours, and needs CIFAR-10 and the
    networks of `opml paper pretrain`; full needs the ImageNet weights, CIFAR-10 and CIFAR-100, and a GPU (--gpu). What
    is missing is said before anything is measured.

    The settings of the nearest pyproject.toml that are about the machine hold here too (gpu, threads, cache_dir,
    data_dir, scale, ...); its budgets do not. No history is written unless --store names one.

    The exit code is that of pytest: 0 all cases were measured, 1 one failed, 11 a case has no result, 4 the input is
    wrong.
    """
    from ..paper.suite.experiments import EXPERIMENTS

    for name in experiments:
        if name not in EXPERIMENTS:
            raise UnknownNameError("experiment", name, EXPERIMENTS)
    command = [sys.executable, "-m", "pytest", *_arguments(experiments, given), *context.meta[_OF_PYTEST]]
    sys.stdout.flush()
    # in the place of this process, so that signals and the exit code are pytest's without anything in between
    os.execv(command[0], command)  # noqa: S606 - no shell is wanted


def _arguments(experiments: tuple[str, ...], given: dict[str, Any]) -> list[str]:
    """The arguments of pytest.

    Args:
        experiments: those to run; none for all.
        given: the options by their keys in the settings; None or empty where not given.
    """
    suite = Path(__file__).parents[1] / "paper" / "suite"
    # neither pytest's settings nor the conftest.py of the project around have anything to do with the suite
    arguments = [str(suite), f"--config-file={suite / 'pyproject.toml'}", f"--rootdir={Path.cwd()}"]
    if experiments:
        arguments.append(f"-m={' or '.join(experiments)}")
    for key, setting in declared().items():
        value = given.get(key)
        values = value if isinstance(value, tuple) else () if value is None else (value,)
        arguments += [f"{setting.option}={one}" for one in values]
    return arguments
