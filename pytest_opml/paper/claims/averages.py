"""The paper's claims about recall and precision: alike where the classes and clients are, apart where they are not."""

from __future__ import annotations

from collections.abc import Iterator

from ...analysis.examples import answer_sheet
from ...records.result import Result
from ...stats.precision_gap import precision_gap
from ..figures import Place, find_figure
from ..measured import Measured, place_of
from ..quantities import Quantity, absolute, difference, negative, of_estimate, sum_of
from .accuracy import has_learned, observed
from .claim import VISIBLE, Claim, Observation, Region

_SKEWS = ("label_skew", "quantity_skew")  # of all data, those of the test among them
_LEARNED_NOTHING = "the model is no better than guessing"


def _gap(result: Result) -> Quantity | None:
    """Return the mean precision minus the mean recall, from the answers that the record holds."""
    predictions = answer_sheet(result).predictions
    return None if predictions is None else of_estimate(precision_gap(predictions, result.classes))


def _is_alike(result: Result) -> bool:
    case = result.case
    return case.label_skew is None and case.quantity_skew is None and case.clients is None and case.model != "random"


def _alike(measured: Measured) -> Iterator[Observation]:
    for result in measured.references:
        if _is_alike(result) and (gap := _gap(result)):
            doubt = "" if has_learned(result) else _LEARNED_NOTHING
            yield Observation((result,), gap, _published_gap(result), doubt)


def _published_gap(result: Result) -> float | None:
    place = place_of(result)
    if place is None:
        return None
    of_table_2 = Place(place.network, place.dataset, unfreeze=place.unfreeze)
    precision, recall = (find_figure(2, quantity, of_table_2) for quantity in ("precision", "recall"))
    return precision.value - recall.value if precision and recall else None


def _clients(measured: Measured) -> Iterator[tuple[Result, Result, str]]:
    """Yield each client whose data are not like the others', with all clients' data together."""
    for result in measured.references:
        case = result.case
        skews = {"client_label_skew": case.client_label_skew, "client_quantity_skew": case.client_quantity_skew}
        given = [f"{name} {value:g}" for name, value in skews.items() if value is not None]
        of_all = [f"{name} {value:g}" for name in _SKEWS if (value := getattr(case, name)) is not None]
        whole = _together(measured, result) if case.client is not None and given else None
        if whole:
            yield result, whole, ", ".join((f"client {case.client} of {case.clients}", *given, *of_all))


def _together(measured: Measured, result: Result) -> Result | None:
    """Return the result of all clients' data together, however they were divided, or of the data undivided."""
    undivided = {"client": None, "client_label_skew": None, "client_quantity_skew": None}
    ways = ({"client": None}, undivided, undivided | {"clients": None})
    return next((whole for way in ways if (whole := measured.beside(result, **way))), None)


def _parted(measured: Measured) -> Iterator[Observation]:
    for result, whole, about in _clients(measured):
        own, its = _gap(result), _gap(whole)
        if own and its:
            doubt = "" if has_learned(whole) else _LEARNED_NOTHING
            further = sum_of(absolute(own), negative(absolute(its)))
            yield Observation((result, whole), further, doubt=doubt, about=about)


def _lower(measured: Measured) -> Iterator[Observation]:
    for result, whole, about in _clients(measured):
        yield from observed(result, whole, about=about)


def _lower_recall(measured: Measured) -> Iterator[Observation]:
    for result, whole, about in _clients(measured):
        if quantity := difference("recall", result, whole):
            yield Observation(
                (result, whole), quantity, doubt="" if has_learned(whole) else _LEARNED_NOTHING, about=about
            )


CLAIMS = (
    Claim(
        id="recall-and-precision-alike",
        section="4.1",
        text="With classes of the same size recall and precision, and so F1, are alike (checked: within 0.05).",
        quantity="mean precision minus mean recall",
        region=Region(-0.05, 0.05),
        observe=_alike,
        format_spec="+.4f",
        published="Table 2: 0.00 on CIFAR-10, 0.04 on CIFAR-100",
        needs="any classifier on balanced data",
        experiments=("table2",),
    ),
    Claim(
        id="clients-part-precision-from-recall",
        section="3.2, 4.1, 6",
        text="Where the data of clients are not alike, recall and precision part: a client's model is further apart in "
        "them than that of all clients' data.",
        quantity="distance of mean precision from mean recall, less that of all clients' data",
        region=Region(low=VISIBLE),
        observe=_parted,
        format_spec="+.4f",
        published="named as future work",
        needs="one client's data at a skew, and all clients' together",
        experiments=("clients",),
    ),
    Claim(
        id="clients-lose-recall",
        section="4.1",
        text="Skewed data of clients lower the recall.",
        quantity="mean recall minus that of all clients' data",
        region=Region(high=-VISIBLE),
        observe=_lower_recall,
        format_spec="+.4f",
        published="named as future work",
        needs="one client's data at a skew, and all clients' together",
        experiments=("clients",),
    ),
    Claim(
        id="clients-lose-accuracy",
        section="3.2, 6",
        text="A model of one client's skewed data is less accurate than that of all clients' data.",
        quantity="accuracy minus that of all clients' data",
        region=Region(high=-VISIBLE),
        observe=_lower,
        format_spec="+.4f",
        published="named as future work",
        needs="one client's data at a skew, and all clients' together",
        experiments=("clients",),
    ),
)
