"""``opml paper pretrain``: train the paper's networks where their published weights cannot be had."""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..errors import UnknownNameError
from .common import (
    USAGE,
    as_json,
    settings_of,
    show_error,
    show_json,
    show_note,
    told_before_it_began,
    width,
    with_cache_dir,
    with_config,
    with_data_dir,
    with_machine,
)

if TYPE_CHECKING:
    from ..records.pretrained import PretrainedWeights
    from ..runner.pretrainer import Pretrainer, PretrainingPlan
    from ..settings import Settings

_PROBLEM, _INTERRUPTED = 1, 2
# Milliseconds a training image of 32 pixels on 2 cores, for the time left; of a network that is not named, the mean.
_COSTS_MS = {"resnet50": 5, "resnet101": 10, "vgg16": 14, "vgg19": 16, "efficientnetb0": 2}
_MEAN_COST_MS = 9


@click.command(short_help="Train the paper's networks, for weights='opml'.")
@click.argument("networks", metavar="[MODEL]...", nargs=-1)
@click.option("--dataset", metavar="DATA", help="To train on; by default cifar10 if it is here, else pairs of digits.")
@click.option("--images", type=click.IntRange(min=2), metavar="N", help="So many in all, as many of each class.")
@click.option("--epochs", type=click.IntRange(1, 10_000), metavar="N", help="Passes over the images.")
@click.option("--size", type=click.IntRange(32, 512), metavar="N", default=32, show_default=True,
              help="Height and width of the images in pixels.")  # fmt: skip
@click.option("--seed", type=click.IntRange(0, 2**31 - 1), default=0, show_default=True, metavar="N",
              help="Of the initial weights and the order of training.")  # fmt: skip
@click.option("--force", is_flag=True, help="Train networks anew whose weights are here.")
@with_data_dir
@with_cache_dir
@with_machine
@with_config
@as_json
def pretrain(networks: tuple[str, ...], config: Path, json_wanted: bool, force: bool, **given: Any) -> None:
    """Train networks from scratch, and store their weights for cases with weights="opml".

    For machines on which the ImageNet weights of MODELs cannot be had; by default the five networks of the paper. They
    are trained on small images and for a short time, so that times, sizes and ratios can be checked and techniques have
    something to lose; their accuracy says nothing of ImageNet weights. Where CIFAR-10 is not on this machine, the data
    are pairs of scikit-learn's digits, none of which a case of digits is tested on by default.

    The weights lie in the folder paper-weights of the cache. A network whose weights are there is passed over.

    \b
      opml paper pretrain
      opml paper pretrain resnet50 resnet101 --data-dir data

    The exit code is 0 where all weights are there, 1 where one could not be trained or has not learned, 2 where it was
    interrupted, 4 for a wrong input.
    """
    from ..models.pretrained import NETWORKS, PAPER_NETWORKS
    from ..runner.pretrainer import open_pretrainer

    networks = tuple(dict.fromkeys(networks)) or PAPER_NETWORKS
    for network in networks:
        if network not in NETWORKS:
            raise UnknownNameError("network", network, NETWORKS)
    options = {name: given.pop(name) for name in ("cache_dir", "data_dir", "gpu", "threads")}
    settings = settings_of(config, **options)
    plan = _plan(settings, **given)
    with told_before_it_began():
        pretrainer = open_pretrainer(settings, [plan.case(network) for network in networks])
    code, stored = _train(networks, plan, pretrainer, is_anew=force)
    if json_wanted:
        show_json([weights.model_dump(mode="json") for weights in stored])
    sys.exit(code)


def _plan(
    settings: Settings, dataset: str | None, images: int | None, epochs: int | None, size: int, seed: int
) -> PretrainingPlan:
    """How networks are trained: by default so that the five of the paper take less than half an hour on two cores."""
    from ..datasets.locations import find_copy
    from ..runner.pretrainer import DIGIT_PAIRS, PretrainingPlan

    name = dataset or ("cifar10" if find_copy("cifar10", settings.data_dir).path else DIGIT_PAIRS)
    defaults = {"images": images, "epochs": epochs}
    if images is None and epochs is None:
        defaults = {"images": 12_000, "epochs": 3}
    given = {key: value for key, value in defaults.items() if value is not None}
    return PretrainingPlan(dataset=name, size=size, seed=seed, **given)


def _train(
    networks: tuple[str, ...], plan: PretrainingPlan, pretrainer: Pretrainer, *, is_anew: bool
) -> tuple[int, list[PretrainedWeights]]:
    """Train one network after the other, and say what came of each; the exit code, and the weights that are there."""
    from ..models.pretrained import described, weights_file
    from ..reports.terminal.progress_line import ProgressLine
    from ..reports.terminal.time_left import Durations
    from ..runner.launchers.base import WorkerFailed
    from ..runner.signals import EndSignals

    terminal = sys.stderr if sys.stderr.isatty() else None
    earlier = {name: Durations(built=_COSTS_MS.get(name, _MEAN_COST_MS) / 1e3) for name in networks}
    line = ProgressLine(terminal, width, networks, log=sys.stderr, is_logged=terminal is None, earlier=earlier)
    stored: list[PretrainedWeights] = []
    code = 0
    with EndSignals(ends_process=True):
        for network in networks:
            try:
                weights, is_new = pretrainer.run(plan.case(network), partial(line.show, network), is_anew=is_anew)
            except KeyboardInterrupt:
                line.clear()
                show_note(f"{network}: interrupted; nothing of it was stored")
                return _INTERRUPTED, stored
            except WorkerFailed as error:
                line.finished()
                code = max(code, USAGE if error.kind == "usage" else _PROBLEM)
                show_error(f"{network}: {error}" if network not in str(error) else str(error))
                continue
            line.finished()
            stored.append(weights)
            state = "stored in" if is_new else "was there:"
            show_note(f"{described(weights)}; {state} {weights_file(network, pretrainer.paths.cache_dir)}")
    return code, stored
