"""The paper's claims about times of inference, training and preparation."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial

from ...metrics import INFERENCE
from ...records.result import Result
from ..figures import (
    B0,
    CIFAR10,
    CIFAR100,
    CLUSTER,
    FLOAT16,
    TRANSFER,
    figures_of,
)
from ..measured import Measured, is_untrained_transfer, place_of, training_examples
from ..quantities import Quantity, figure, inference_ratio, is_busy, once_ratio, slope
from ..stand_ins import dataset_of
from .claim import ABOVE_ONE, ABOVE_ZERO, BELOW_ONE, Claim, Observation, Region
from .selection import clusters_of, paper_name, published_ratio, ranked_figure, relatives, rivals_of

Pair = tuple[Result, Result]
_HALVES, _OTHER_SPLITS = "50-50", ("70-30", "90-10")
# Images by epochs. Below it, the start of TensorFlow and the tracing of graphs take a large part of a training.
_FEWEST_PASSES = 10_000
_TOO_SHORT = f"trained on fewer than {_FEWEST_PASSES:,} images in all, so that its start counts for much of the time"
_EPOCHS = 10  # of training and of testing, in table 4


def computes_float16(result: Result) -> bool:
    """Tell whether the hardware computes in float16 faster than in float32, as it was measured or else as is known."""
    measured = [share for name, share in result.artifact.arithmetic.items() if name.endswith(" float16")]
    return min(measured) < 1 if measured else result.device.float16_in_hardware


def total_s(result: Result) -> float:
    """Return the seconds of 10 epochs of training and 10 of inference over ``reference_samples`` examples."""
    return _EPOCHS * (result.training_s / result.case.epochs + result.inference_s.value)


def _ranked_ratio(result: Result, reference: Result) -> float | None:
    own, its = ranked_figure(INFERENCE, result), ranked_figure(INFERENCE, reference)
    return own / its if own and its else None


def _beside_reference(result: Result, reference: Result) -> Observation:
    return Observation((result, reference), inference_ratio(result, reference), _ranked_ratio(result, reference))


def _float16(measured: Measured, *, in_hardware: bool | None = None) -> Iterator[Observation]:
    for result in measured.of_technique(FLOAT16):
        reference = measured.reference_of(result)
        if reference and in_hardware in (None, computes_float16(result)):
            yield _beside_reference(result, reference)


def _float16_total(profile: str, measured: Measured) -> Iterator[Observation]:
    """The mean of all pairs of a network, which differ in layers, data and seed."""
    pairs = []
    for result in measured.of_technique(FLOAT16):
        reference = measured.reference_of(result)
        if reference and result.device.profile == profile:
            pairs.append((result, reference))
    for group in _grouped(pairs, ("model", "size", "weights")):
        yield _mean_ratio(group, total_s)


def _grouped(pairs: Iterable[Pair], fields: Sequence[str]) -> Iterator[list[Pair]]:
    """Yield the pairs of results whose first ones are alike in some fields of their cases and in their machine."""
    groups: dict[tuple[object, ...], list[Pair]] = {}
    for pair in pairs:
        first = pair[0]
        key = (*(getattr(first.case, field) for field in fields), first.device.machine)
        groups.setdefault(key, []).append(pair)
    yield from groups.values()


def _mean_ratio(group: Sequence[Pair], seconds_of: Callable[[Result], float]) -> Observation:
    members = tuple(one for pair in group for one in pair)
    seconds = [(seconds_of(first), seconds_of(second)) for first, second in group]
    quantity = once_ratio(seconds, is_busy=is_busy(members, "training"))
    return Observation(members, quantity, doubt=doubt_of_training(members))


def doubt_of_training(results: Iterable[Result]) -> str:
    """Say why the times of these trainings decide nothing; empty where they do, or where it is not known."""
    passes = [(training_examples(result) or math.inf) * result.case.epochs for result in results]
    return _TOO_SHORT if min(passes) < _FEWEST_PASSES else ""


def _clustered(measured: Measured) -> Iterator[Observation]:
    for result in measured.results:
        reference = measured.reference_of(result)
        if clusters_of(result.case) and reference:
            yield _beside_reference(result, reference)._replace(about=result.case.technique)


def _transfers(measured: Measured) -> Iterator[Observation]:
    for result in measured.results:
        case = result.case
        clustered = measured.beside(result, technique=CLUSTER)
        if case.technique.startswith(f"{TRANSFER}:") and not is_untrained_transfer(case) and clustered:
            yield Observation((result, clustered), inference_ratio(result, clustered))


def _preparation_share(measured: Measured) -> Iterator[Observation]:
    for result in measured.of_technique(CLUSTER):
        if result.training_s > 0 and result.preparation_s > 0:
            busy = is_busy((result,), "preparation") or is_busy((result,), "training")
            quantity = once_ratio([(result.preparation_s, result.training_s)], is_busy=busy)
            yield Observation((result,), quantity)


def _preparation_slope(measured: Measured) -> Iterator[Observation]:
    for series in relatives(measured, lambda case: clusters_of(case) is not None, "technique"):
        points = [
            (math.log2(clusters_of(result.case) or 1), math.log2(result.preparation_s))
            for result in series
            if result.preparation_s > 0
        ]
        if quantity := slope(points):
            yield Observation(series, quantity, _published_slope(paper_name(series[0])))


def _published_slope(network: str) -> float | None:
    points = [
        (math.log2(int(f.place.technique.removeprefix("cluster-"))), math.log2(f.value))
        for f in figures_of(7)
        if f.quantity == "clustering_s" and f.place.network == network
    ]
    quantity = slope(points)
    return quantity.value if quantity else None


def _resnet_training(measured: Measured) -> Iterator[Observation]:
    """The mean of all pairs on one data set and machine, which differ in layers, split and seed."""
    pairs = []
    for result in measured.references:
        shallow = measured.beside(result, model="resnet50") if result.case.model == "resnet101" else None
        if shallow and shallow.training_s > 0 and result.training_s > 0:
            pairs.append((result, shallow))
    for group in _grouped(pairs, ("dataset", "size", "weights", "batch", "epochs")):
        yield _mean_ratio(group, lambda result: result.training_s)


def _resnet_inference(measured: Measured) -> Iterator[Observation]:
    for result in measured.references:
        shallow = measured.beside(result, model="resnet50") if result.case.model == "resnet101" else None
        if shallow:
            yield _beside_reference(result, shallow)


def _same_total(measured: Measured) -> Iterator[Observation]:
    """The mean over networks and layers of each other split against the one of two halves."""
    pairs = []
    for result in measured.references:
        halves = measured.beside(result, split=_HALVES) if result.case.split in _OTHER_SPLITS else None
        if halves and halves.training_s > 0 and result.training_s > 0:
            pairs.append((result, halves))
    for group in _grouped(pairs, ("dataset", "size", "weights", "batch", "epochs")):
        yield _mean_ratio(group, epoch_and_test_s)._replace(about=f"{len(group)} pairs of splits")


def epoch_and_test_s(result: Result) -> float:
    """Return the seconds of one epoch and one test by the number of examples in both parts, of a split in percent."""
    test = result.inference_s.value * result.test_samples / result.reference_samples
    return (result.training_s / result.case.epochs + test) * (result.case.test_share or 1) / result.test_samples


def _more_data(measured: Measured) -> Iterator[Observation]:
    for result in measured.references:
        fewer = measured.beside(result, split=_HALVES) if result.case.split == "90-10" else None
        if fewer and fewer.training_s > 0 and result.training_s > 0:
            pair = [(result.training_s, fewer.training_s)]
            quantity = once_ratio(pair, is_busy=is_busy((result, fewer), "training"))
            yield Observation((result, fewer), quantity, _published_growth(result), doubt_of_training((result, fewer)))


def _published_growth(result: Result) -> float | None:
    place = place_of(result)
    if place is None:
        return None
    place = place._replace(dataset=CIFAR100, unfreeze=10)
    return published_ratio(3, "train_s", place, place._replace(split=_HALVES))


def _testing(measured: Measured) -> Iterator[Observation]:
    """Seconds of inference by those of training, for one example and epoch, where training ran the whole network."""
    for result in measured.references:
        examples = training_examples(result)
        if examples and result.training.training_mode == "full_forward" and result.training_s > 0:
            training = result.training_s / result.case.epochs / examples
            test = result.inference_s.value / result.reference_samples
            quantity = once_ratio([(test, training)], is_busy=is_busy((result,), "training"))
            yield Observation((result,), quantity, doubt=doubt_of_training((result,)))


def _newer_gpu(measured: Measured) -> Iterator[Observation]:
    for result in measured.references:
        older = measured.on_profile(result, "p100") if result.device.profile == "v100" else None
        if older:
            yield Observation((result, older), inference_ratio(result, older))


def _under_one_ms(model: str, measured: Measured) -> Iterator[Observation]:
    for result in measured.references:
        quantity = figure(INFERENCE, result)
        if result.case.model == model and result.device.profile == "p100" and quantity:
            to_ms = 1000 / result.reference_samples
            yield Observation((result,), Quantity(quantity.value * to_ms, quantity.low * to_ms, quantity.high * to_ms))


def _on_both_data(measured: Measured) -> Iterator[Observation]:
    for result in measured.results:
        dataset = dataset_of(result.case.dataset)
        easier = measured.on_dataset(result, CIFAR10) if dataset and dataset.name == CIFAR100 else None
        if easier and easier.case.size == result.case.size:
            published = [ranked_figure(INFERENCE, one) for one in (result, easier)]
            ratio = published[0] / published[1] if published[0] and published[1] else None
            yield Observation((result, easier), inference_ratio(result, easier), ratio, about=result.case.technique)


def _fastest(measured: Measured) -> Iterator[Observation]:
    for result in measured.references:
        rivals = rivals_of(measured, result) if paper_name(result) == B0 else []
        if rivals:
            rival = min(rivals, key=lambda one: one.inference_s.value)
            yield _beside_reference(result, rival)


def _slowest(measured: Measured) -> Iterator[Observation]:
    for result in measured.references:
        rivals = rivals_of(measured, result) if result.case.model == "vgg19" else []
        if rivals:
            rival = max(rivals, key=lambda one: one.inference_s.value)
            yield _beside_reference(result, rival)


def _none(measured: Measured) -> Iterator[Observation]:
    """What no record tells."""
    del measured
    return iter(())


CLAIMS = (
    Claim(
        id="float16-faster-in-hardware",
        section="2.2, 4.4",
        text="Where the hardware computes in float16, inference in it is faster.",
        quantity="time of inference by that of float32",
        region=Region(0, BELOW_ONE),
        observe=partial(_float16, in_hardware=True),
        published="Table 4, V100: training and testing in 0.66 to 0.79 of the time",
        needs="a network in float32 and float16 on hardware with float16 arithmetic",
        experiments=("table4",),
        scale="full",
        hardware="v100",
    ),
    Claim(
        id="float16-slower-without-hardware",
        section="2.2, 4.4",
        text="Where the hardware does not compute in float16, inference in it is slower.",
        quantity="time of inference by that of float32",
        region=Region(low=ABOVE_ONE),
        observe=partial(_float16, in_hardware=False),
        published="Tables 5 and 6: 1.00 to 1.28; table 4, P100: training and testing in 1.24 to 1.35 of the time",
        needs="a network in float32 and float16 on hardware without float16 arithmetic",
        experiments=("table4", "table5"),
    ),
    Claim(
        id="float16-slower-for-each",
        section="4.5",
        text="Quantisation to float16 makes inference longer for each model.",
        quantity="time of inference by that of float32",
        region=Region(low=ABOVE_ONE),
        observe=_float16,
        published="Tables 5 and 6: 1.00 to 1.28",
        needs="a network in float32 and in float16",
        experiments=("table5", "table6"),
    ),
    Claim(
        id="float16-25-percent-faster",
        section="4.4",
        text="On a V100 float16 takes about 25 % off training and testing (checked: 20 to 35 %, as in table 4).",
        quantity="time of 10 epochs of training and 10 of testing by that of float32",
        region=Region(0.65, 0.8),
        observe=partial(_float16_total, "v100"),
        published="Table 4: 0.66 to 0.79",
        needs="a network in float32 and float16 on a V100",
        experiments=("table4",),
        scale="full",
        hardware="v100",
    ),
    Claim(
        id="float16-30-percent-slower",
        section="4.4",
        text="On a P100 float16 can take 30 % more for training and testing (checked: 20 to 40 %).",
        quantity="time of 10 epochs of training and 10 of testing by that of float32",
        region=Region(1.2, 1.4),
        observe=partial(_float16_total, "p100"),
        published="Table 4: 1.24 to 1.35",
        needs="a network in float32 and float16 on a P100",
        experiments=("table4",),
        scale="full",
        hardware="p100",
    ),
    Claim(
        id="clusters-leave-time-alone",
        section="2.3, 4.4",
        text="Clustering does not change the time of inference (checked: within 5 %).",
        quantity="time of inference by that without clusters",
        region=Region(0.95, 1.05),
        observe=_clustered,
        format_spec=".3f",
        published="Tables 5 and 6: 1.00 to 1.01; table 4: 0.95 to 1.02",
        needs="a network with and without clusters",
        experiments=("table4", "table5", "table7"),
    ),
    Claim(
        id="clusters-cost-preparation",
        section="4.4, 4.5",
        text="Clustering costs time of preparation (checked: with 8192 clusters at least a twentieth of the training).",
        quantity="time of preparation by that of training",
        region=Region(low=0.05),
        observe=_preparation_share,
        published="Table 7: 2,894 s for ResNet50, beside about 400 s of training in table 5",
        needs="a network with 8192 clusters",
        experiments=("table7",),
    ),
    Claim(
        id="preparation-grows-with-clusters",
        section="4.5, 6",
        text="The more clusters, the longer the preparation.",
        quantity="doublings of the time for each doubling of the clusters",
        region=Region(low=ABOVE_ZERO),
        observe=_preparation_slope,
        published="Table 7: 0.72 for ResNet50, 0.75 for ResNet101",
        needs="a network with three numbers of clusters or more",
        experiments=("table7",),
    ),
    Claim(
        id="transfer-as-fast-as-clusters",
        section="4.4",
        text="A layer transfer takes about as long as clustering (checked: inference within 5 %).",
        quantity="time of inference by that with 8192 clusters",
        region=Region(0.95, 1.05),
        observe=_transfers,
        format_spec=".3f",
        published="Table 4: 0.97 to 1.01 of ResNet101 with clusters",
        needs="a layer transfer and 8192 clusters of the same network",
        experiments=("figure4", "table4"),
    ),
    Claim(
        id="resnet101-trains-longer",
        section="4.1",
        text="ResNet101 takes 1.6 to 1.8 times as long to train as ResNet50.",
        quantity="time of training by that of ResNet50",
        region=Region(1.55, 1.85),
        observe=_resnet_training,
        published="Table 3: 1.59 to 1.64; table 4: 1.60 to 1.78",
        needs="ResNet50 and ResNet101 on one machine, otherwise alike",
        experiments=("table3",),
    ),
    Claim(
        id="resnet101-tests-longer",
        section="4.2",
        text="ResNet101 takes 1.6 to 1.8 times as long for inference as ResNet50.",
        quantity="time of inference by that of ResNet50",
        region=Region(1.55, 1.85),
        observe=_resnet_inference,
        published="Table 3: 1.46 to 2.54; tables 5 and 6: 1.67",
        needs="ResNet50 and ResNet101 on one machine, otherwise alike",
        experiments=("table3",),
    ),
    Claim(
        id="split-keeps-total-time",
        section="4.2",
        text="However the data are split, training and testing together take as long (checked: within 15 %).",
        quantity="time of one epoch and one test by that of two halves",
        region=Region(0.85, 1.15),
        observe=_same_total,
        published="Table 3: 0.95 to 1.03, and 1.16 for ResNet101 at 70-30 on the V100",
        needs="a network at two splits or more, one of them 50-50",
        experiments=("table3",),
    ),
    Claim(
        id="more-data-train-longer",
        section="4.2",
        text="Training takes longer the more of the data it gets (checked: 90 % against 50 %).",
        quantity="time of training by that with half of the data",
        region=Region(low=ABOVE_ONE),
        observe=_more_data,
        published="Table 3: 1.79 to 1.80",
        needs="one network at the splits 50-50 and 90-10",
        experiments=("table3",),
    ),
    Claim(
        id="testing-faster-than-training",
        section="1",
        text="Testing a model is faster than training it.",
        quantity="time of inference by that of one epoch of training, for each image",
        region=Region(0, BELOW_ONE),
        observe=_testing,
        published="Table 3 at 50-50: 0.95 to 1.04",
        needs="a network of which the whole is run in training (not only what follows the frozen layers)",
        experiments=("table3",),
    ),
    Claim(
        id="v100-45-percent-faster",
        section="4.2",
        text="A V100 takes about 45 % off the times of a P100 (checked: 40 to 50 %).",
        quantity="time of inference on a V100 by that on a P100",
        region=Region(0.5, 0.6),
        observe=_newer_gpu,
        published="Table 3: 0.54 to 0.56, and two test times of 0.63 and 0.84",
        needs="a network on both GPUs",
        experiments=("table3",),
        scale="full",
        hardware="v100",
    ),
    Claim(
        id="resnet50-within-1-ms",
        section="4.2",
        text="On a P100 ResNet50 takes less than 1 ms for an image.",
        quantity="ms of inference for an image",
        region=Region(0, 1),
        observe=partial(_under_one_ms, "resnet50"),
        published="Table 3: 0.93 ms in testing, 0.89 ms in training",
        needs="ResNet50 on a P100",
        experiments=("table3",),
        scale="full",
        hardware="p100",
    ),
    Claim(
        id="resnet101-above-1-ms",
        section="4.2",
        text="On a P100 ResNet101 takes more than 1 ms for an image.",
        quantity="ms of inference for an image",
        region=Region(low=ABOVE_ONE),
        observe=partial(_under_one_ms, "resnet101"),
        published="Table 3: 1.35 ms in testing, 1.42 ms in training",
        needs="ResNet101 on a P100",
        experiments=("table3",),
        scale="full",
        hardware="p100",
    ),
    Claim(
        id="optimiser-leaves-time-alone",
        section="4.2",
        text="Training with Adam takes as long as with SGD.",
        quantity="time of training with SGD by that with Adam",
        region=Region(0.95, 1.05),
        observe=_none,
        published="named without figures",
        needs="a training with SGD, which neither recipe has: both are of Adam's kind",
    ),
    Claim(
        id="same-time-on-both-data",
        section="4.5",
        text="Times of inference are alike on CIFAR-10 and CIFAR-100 (checked: within a tenth).",
        quantity="time of inference on CIFAR-100 by that on CIFAR-10",
        region=Region(0.9, 1.1),
        observe=_on_both_data,
        published="Tables 5 and 6: 0.96 to 1.01",
        needs="a network on both data sets, with images of the same size",
        experiments=("table5", "table6"),
        scale="full",
    ),
    Claim(
        id="efficientnet-fastest",
        section="4.5",
        text="EfficientNet-B0 has the shortest time of inference of all networks.",
        quantity="time of inference by that of the fastest other network",
        region=Region(0, BELOW_ONE),
        observe=_fastest,
        published="Tables 5 and 6: 0.74 to 0.75 of ResNet50's",
        needs="EfficientNet-B0 and the other networks on one test set",
        experiments=("table5", "table6"),
    ),
    Claim(
        id="vgg19-slowest",
        section="4.5",
        text="VGG19 has the longest time of inference of all networks.",
        quantity="time of inference by that of the slowest other network",
        region=Region(low=ABOVE_ONE),
        observe=_slowest,
        published="Tables 5 and 6: 1.26 of VGG16's",
        needs="VGG19 and the other networks on one test set",
        experiments=("table5", "table6"),
    ),
)
