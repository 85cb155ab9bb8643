"""What the experiments share: their markers, the cases of the chosen scale, and what has to lie on this machine."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest

from pytest_opml import Case
from pytest_opml.datasets.locations import find_copy
from pytest_opml.errors import OpmlError
from pytest_opml.models.missing_weights import missing_lines, missing_weights, unreachable
from pytest_opml.paper.suite.experiments import EXPERIMENTS
from pytest_opml.paper.suite.scales import SCALES
from pytest_opml.plugin.exit_code import refusal
from pytest_opml.plugin.options import settings_of
from pytest_opml.settings import Settings, declared

# Where Keras fetches these from; find_copy knows what else may lie in the folder of data.
_CIFAR = {"cifar10": "CIFAR-10", "cifar100": "CIFAR-100"}
_CIFAR_URL = "https://www.cs.toronto.edu/~kriz/cifar.html"


def pytest_configure(config: pytest.Config) -> None:
    """Declare a marker for each experiment."""
    for name, title in EXPERIMENTS.items():
        config.addinivalue_line("markers", f"{name}: {title}")


def pytest_collectstart(collector: pytest.Collector) -> None:
    """Refuse wrong settings at once, and not in each file."""
    if isinstance(collector, pytest.Module):
        _settings(collector.config)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Make a test of each case that the experiment has at the chosen scale."""
    if "case" not in metafunc.fixturenames:
        return
    settings = _settings(metafunc.config)
    scale = SCALES[settings.scale]
    is_default = settings.timeout_s == declared()["timeout"].default
    marks = [pytest.mark.opml(timeout=scale.timeout_s)] if is_default else []
    cases: list[Case] = metafunc.module.cases(scale)
    metafunc.parametrize("case", [pytest.param(case, id=str(case), marks=marks) for case in cases])


@pytest.hookimpl(tryfirst=True)
def pytest_collection_finish(session: pytest.Session) -> None:
    """Refuse the run before it costs anything, where weights or data of its cases cannot be had."""
    config = session.config
    if config.option.collectonly or session.testsfailed:
        return
    cases = [case for item in session.items if isinstance(case := _case_of(item), Case)]
    settings = _settings(config)
    lines = [*_missing_data(cases, settings), *_missing_weights(cases, settings)]
    if lines:
        others = " or ".join(f"--opml-scale={name}" for name in SCALES if name != settings.scale)
        head = f"the scale {settings.scale} needs what is not on this machine ({others} needs other things):"
        raise refusal(head, *lines)


def _settings(config: pytest.Config) -> Settings:
    try:
        return settings_of(config)
    except OpmlError as error:
        raise refusal(str(error)) from None


def _case_of(item: pytest.Item) -> object:
    call: Any = getattr(item, "callspec", None)
    return call.params.get("case") if call else None


def _missing_data(cases: Iterable[Case], settings: Settings) -> list[str]:
    """Which data sets are neither here nor to be fetched."""
    names = sorted({case.dataset for case in cases} & set(_CIFAR))
    copies = {name: find_copy(name, settings.data_dir) for name in names}
    missing = [name for name in names if copies[name].path is None]
    if not missing or not (why := unreachable(_CIFAR_URL)):
        return []
    lines = [f"data sets, which cannot be fetched ({why}); put them into the folder that --opml-data-dir names:"]
    return lines + [f"  {copies[name].wanted}, the folder of {_CIFAR[name]} ({_CIFAR_URL})" for name in missing]


def _missing_weights(cases: Iterable[Case], settings: Settings) -> list[str]:
    """Which weights are neither here nor to be fetched."""
    missing = missing_weights(cases, settings.cache_dir)
    imagenet = [one for one in missing if one.weights == "imagenet"]
    if imagenet and not unreachable(imagenet[0].url):
        missing = [one for one in missing if one.weights != "imagenet"]
    return missing_lines(missing, "which the scale small measures (--scale small)")
