"""What the paper claims, each as a range for a quantity, and what the records say of it."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from ...records.result import Result
from ..measured import Measured
from ..quantities import Quantity
from ..stand_ins import short_name

ClaimVerdict = Literal["pass", "fail", "inconclusive", "not_measured"]
WORST_FIRST: tuple[ClaimVerdict, ...] = ("fail", "inconclusive", "pass")
ABOVE_ZERO, BELOW_ZERO = math.nextafter(0, 1), math.nextafter(0, -1)
# A difference in accuracy that the paper's two digits would show.
VISIBLE = 0.005
ABOVE_ONE, BELOW_ONE = math.nextafter(1, 2), math.nextafter(1, 0)


class Region(NamedTuple):
    """The values at which a claim holds, both ends among them."""

    low: float = -math.inf
    high: float = math.inf

    @property
    def text(self) -> str:
        """In words: ``above 0``, ``at most 0.02``, ``0.45 to 0.55``."""
        if math.isinf(self.low):
            return _end("below", "at most", self.high, {BELOW_ZERO: 0, BELOW_ONE: 1})
        if math.isinf(self.high):
            return _end("above", "at least", self.low, {ABOVE_ZERO: 0, ABOVE_ONE: 1})
        return f"{self.low:g} to {self.high:g}"


def _end(open_word: str, closed_word: str, end: float, open_ends: dict[float, int]) -> str:
    return f"{open_word} {open_ends[end]}" if end in open_ends else f"{closed_word} {end:g}"


class Observation(NamedTuple):
    """A quantity of some cases, before it is judged.

    Attributes:
        cases: what it was worked out from.
        quantity: with its interval.
        published: the same quantity from the paper's tables; None where these have none.
        doubt: why it decides nothing, whatever its interval; empty for none.
        about: what else than the names of the cases tells it from others of the same claim.
    """

    cases: tuple[Result, ...]
    quantity: Quantity
    published: float | None = None
    doubt: str = ""
    about: str = ""


class Finding(NamedTuple):
    """What was found of a claim on one network, data set and device.

    Attributes:
        subject: network, data set and device in words.
        cases: ids of the cases.
        quantity: with its 95 % interval.
        published: the same quantity from the paper's tables; None where these have none.
        verdict: pass where the interval lies within the claim's range, fail where it lies outside, else inconclusive.
        note: what is to be known of the value or the verdict; empty for nothing.
    """

    subject: str
    cases: tuple[str, ...]
    quantity: Quantity
    published: float | None
    verdict: ClaimVerdict
    note: str


@dataclass(frozen=True, kw_only=True)
class Claim:
    """One claim of the paper's text.

    Attributes:
        id: a short name.
        section: of the paper that has it.
        text: the claim in words.
        quantity: what is worked out, in words.
        region: where the claim holds.
        observe: yields the quantity wherever the results have what it needs.
        format_spec: of a value.
        published: which published figures it rests on.
        needs: what has to be measured.
        experiments: of the suite, that measure it.
        scale: the smallest of the suite that measures it.
        hardware: the GPU, if only that can tell.
        is_of_answers: whether a network with random layers cannot tell, since the claim is about what models answer.
    """

    id: str
    section: str
    text: str
    quantity: str
    region: Region
    observe: Callable[[Measured], Iterable[Observation]] = field(repr=False)
    format_spec: str = ".3g"
    published: str
    needs: str
    experiments: tuple[str, ...] = ()
    scale: Literal["smoke", "small", "full"] = "smoke"
    hardware: str = ""
    is_of_answers: bool = False

    @property
    def command(self) -> str:
        """The command that measures what the claim needs; empty where no experiment of the suite does."""
        if not self.experiments:
            return ""
        scale = "" if self.scale == "smoke" else f" --scale {self.scale}"
        gpu = f" --gpu {self.hardware}" if self.hardware else ""
        return f"opml paper run {' '.join(self.experiments)}{scale}{gpu}"


class CheckedClaim(NamedTuple):
    """A claim, and all that was found of it."""

    claim: Claim
    findings: tuple[Finding, ...]

    @property
    def verdict(self) -> ClaimVerdict:
        """The worst of the findings': it fails where it fails somewhere, and passes where it passes everywhere."""
        verdicts = {finding.verdict for finding in self.findings}
        return next((verdict for verdict in WORST_FIRST if verdict in verdicts), "not_measured")

    def of_verdict(self, verdict: ClaimVerdict) -> tuple[Finding, ...]:
        """Return the findings with a verdict."""
        return tuple(finding for finding in self.findings if finding.verdict == verdict)


def check(claim: Claim, measured: Measured) -> CheckedClaim:
    """Check a claim on every network, data set and device of the results."""
    return CheckedClaim(claim, tuple(_findings(claim, measured)))


def _findings(claim: Claim, measured: Measured) -> Iterator[Finding]:
    for observation in claim.observe(measured.trained if claim.is_of_answers else measured):
        verdict = "inconclusive" if observation.doubt else judge(observation.quantity, claim.region)
        yield Finding(
            ", ".join(filter(None, (subject_of(observation.cases), observation.about))),
            tuple(case.case.id for case in observation.cases),
            observation.quantity,
            observation.published,
            verdict,
            "; ".join(filter(None, (observation.doubt, observation.quantity.note))),
        )


def judge(quantity: Quantity, region: Region) -> Literal["pass", "fail", "inconclusive"]:
    """Return pass where the interval lies within a range, fail where it lies outside, else inconclusive."""
    if region.low <= quantity.low and quantity.high <= region.high:
        return "pass"
    if quantity.high < region.low or quantity.low > region.high:
        return "fail"
    return "inconclusive"


def subject_of(cases: tuple[Result, ...]) -> str:
    """Name what cases have in common: networks, layers, data and device."""
    models = " and ".join(dict.fromkeys(short_name(one.case.model) for one in cases))
    tops = " and ".join(dict.fromkeys(f"top {one.case.unfreeze}" for one in cases))
    data = " and ".join(dict.fromkeys(short_name(one.case.dataset) for one in cases))
    devices = " and ".join(dict.fromkeys(one.device.profile for one in cases))
    return f"{models}, {tops}, {data}, {devices}"
