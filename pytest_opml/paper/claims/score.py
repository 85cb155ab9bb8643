"""The paper's claims about OpScore and rankings."""

from __future__ import annotations

from collections.abc import Iterator

from ...analysis.ranking import groups
from ...records.result import Result
from ..figures import B0, CIFAR10, CIFAR100, CLUSTER, FLOAT16
from ..measured import Measured
from ..published import published_table
from ..quantities import Quantity, difference, negative, rank_correlation, sum_of
from ..stand_ins import dataset_of
from .accuracy import has_learned
from .claim import ABOVE_ZERO, BELOW_ZERO, Claim, Observation, Region
from .selection import paper_name, published_difference, rivals_of

_PAPERS_TECHNIQUES = ("baseline", FLOAT16, CLUSTER)
_FEWEST = 5  # of a rank correlation


def _best_quantised(measured: Measured) -> Iterator[Observation]:
    """Float16 against the better of float32 and 8192 clusters, of one network."""
    for result in measured.of_technique(FLOAT16):
        rivals = [measured.beside(result, technique=technique) for technique in ("baseline", CLUSTER)]
        present = [rival for rival in rivals if rival]
        if not present:
            continue
        best = min(present, key=lambda rival: rival.op_score.value)
        if quantity := difference("op_score", result, best):
            published = published_difference("op_score", result, best)
            yield Observation((result, best), quantity, published, about=f"against {best.case.technique}")


def _range(measured: Measured) -> Iterator[Observation]:
    for group in groups(_real(measured.results)):
        scores = sorted((result.op_score for result in group), key=lambda score: score.value)
        low, high = min(score.low for score in scores), max(score.high for score in scores)
        note = f"{len(group)} cases, {scores[0].value:.2f} to {scores[-1].value:.2f}"
        yield Observation(group, Quantity(scores[-1].value, low, high, note))


def _real(results: tuple[Result, ...]) -> list[Result]:
    return [result for result in results if result.case.model != "random"]


def _harder(measured: Measured) -> Iterator[Observation]:
    for result, easier in _on_both(measured):
        quantity, published = sum_of(*_scores(result, easier)), published_difference("op_score", result, easier)
        yield Observation((result, easier), quantity, published, about=result.case.technique)


def _scores(result: Result, easier: Result) -> tuple[Quantity, Quantity]:
    own, its = (Quantity(one.op_score.value, one.op_score.low, one.op_score.high) for one in (result, easier))
    return own, negative(its)


def _on_both(measured: Measured) -> Iterator[tuple[Result, Result]]:
    """Yield the results on CIFAR-100 with those on CIFAR-10, or on what stands for both, in images of one size.

    Larger images take more time, and so have a higher score, whatever is on them.
    """
    for result in _real(measured.results):
        dataset = dataset_of(result.case.dataset)
        is_one = dataset is not None and dataset.name == CIFAR100 and result.case.technique in _PAPERS_TECHNIQUES
        easier = measured.on_dataset(result, CIFAR10) if is_one else None
        if easier and easier.case.size == result.case.size:
            yield result, easier


def _same_order(measured: Measured) -> Iterator[Observation]:
    machines: dict[str, list[tuple[Result, Result]]] = {}
    for pair in _on_both(measured):
        machines.setdefault(pair[0].device.machine, []).append(pair)
    for pairs in machines.values():
        own, its = zip(*pairs, strict=True)
        quantity = rank_correlation(*([one.op_score.value for one in side] for side in (own, its)))
        if quantity:
            members = tuple(one for pair in pairs for one in pair)
            yield Observation(members, quantity, _published_order(), about=f"{len(pairs)} models")


def _published_order() -> float | None:
    """Return the rank correlation of tables 5 and 6, with each score worked out from its columns."""
    scores = [{row.model: row.recomputed for row in published_table(number)[1:-1]} for number in (5, 6)]
    quantity = rank_correlation(*([table[model] for model in sorted(scores[0])] for table in scores))
    return quantity.value if quantity else None


def _costs_more(measured: Measured) -> Iterator[Observation]:
    """How far accuracy and time rise together, over the networks of one test set."""
    for group in groups(_real(tuple(measured.references))):
        models = {paper_name(result): result for result in group}
        chosen = [result for result in models.values() if result.accuracy]
        if len(chosen) >= _FEWEST:
            accuracies = [result.accuracy.value for result in chosen if result.accuracy]
            quantity = rank_correlation(accuracies, [result.inference_s.value for result in chosen])
            doubt = "" if all(map(has_learned, chosen)) else "some of the networks are no better than guessing"
            if quantity:
                yield Observation(tuple(chosen), quantity, doubt=doubt, about=f"{len(chosen)} networks")


def _best_of_networks(measured: Measured) -> Iterator[Observation]:
    for result in measured.of_technique(FLOAT16):
        rivals = rivals_of(measured, result) if paper_name(result) == B0 else []
        if rivals:
            best = min(rivals, key=lambda rival: rival.op_score.value)
            published = published_difference("op_score", result, best)
            yield Observation((result, best), sum_of(*_scores(result, best)), published)


CLAIMS = (
    Claim(
        id="float16-best-score",
        section="abstract, 4.5",
        text="Of one network, float16 has the best OpScore beside float32 and 8192 clusters.",
        quantity="OpScore minus that of the better of the two",
        region=Region(high=BELOW_ZERO),
        observe=_best_quantised,
        format_spec="+.3f",
        published="Tables 5 and 6: so for all networks but the VGGs with Top-3",
        needs="a network in float32, in float16 and with 8192 clusters",
        experiments=("table5", "table6"),
    ),
    Claim(
        id="scores-within-0-and-5",
        section="1, 4.5",
        text="OpScore lies between 0 and 5 for nearly all practical cases.",
        quantity="the highest OpScore; the interval is from the lowest end to the highest of all cases",
        region=Region(0, 5),
        observe=_range,
        format_spec=".2f",
        published="Table 5: 0.67 to 2.63; table 6: 1.15 to 3.10",
        needs="any results",
        experiments=("table5", "table6"),
    ),
    Claim(
        id="scores-higher-on-cifar100",
        section="4.5",
        text="OpScores are higher on CIFAR-100 than on CIFAR-10.",
        quantity="OpScore on CIFAR-100 minus that on CIFAR-10",
        region=Region(low=ABOVE_ZERO),
        observe=_harder,
        format_spec="+.3f",
        published="Tables 5 and 6: +0.08 to +0.60, all rows but the wrong score of table 6",
        needs="a network on both data sets, with images of the same size",
        experiments=("table5", "table6"),
        scale="full",
    ),
    Claim(
        id="order-alike-on-both-data",
        section="4.5",
        text="The order of the models hardly changes between CIFAR-10 and CIFAR-100 (checked: rank correlation 0.8).",
        quantity="rank correlation of the OpScores",
        region=Region(0.8, 1),
        observe=_same_order,
        format_spec=".2f",
        published="Tables 5 and 6: 0.92, with each score worked out from its own columns",
        needs="five models or more on both data sets, with images of the same size",
        experiments=("table5", "table6"),
        scale="full",
    ),
    Claim(
        id="efficientnet-float16-best",
        section="4.5",
        text="EfficientNet-B0 in float16 has the best OpScore of all networks.",
        quantity="OpScore minus that of the best other network in float16",
        region=Region(high=BELOW_ZERO),
        observe=_best_of_networks,
        format_spec="+.3f",
        published="Table 5: -1.04 to ResNet50; table 6: -0.99",
        needs="EfficientNet-B0 and another network in float16 on one test set",
        experiments=("table5", "table6"),
        scale="small",
    ),
    Claim(
        id="accuracy-costs-time",
        section="1",
        text="Networks that are more accurate take more time.",
        quantity="rank correlation of accuracy and time of inference",
        region=Region(low=ABOVE_ZERO),
        observe=_costs_more,
        format_spec=".2f",
        published="named without figures",
        needs="five networks on one test set",
        experiments=("table5", "table6"),
        scale="small",
    ),
)
