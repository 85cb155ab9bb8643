"""The whole of the paper beside what was measured: its tables, its claims, and where it contradicts itself."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from ..records.run import RunRecord
from .claims import CLAIMS, CheckedClaim, check
from .comparison import ComparedTable, compare
from .errata import Erratum, errata
from .figures import TITLES
from .measured import Measured


class Assessment(NamedTuple):
    """What the paper says beside what was measured.

    Attributes:
        measured: the results, none where nothing was measured.
        tables: of the paper, those that were asked for.
        claims: of its text; none where they were not asked for.
        errata: where it contradicts itself; none where they were not asked for.
    """

    measured: Measured
    tables: tuple[ComparedTable, ...]
    claims: tuple[CheckedClaim, ...]
    errata: tuple[Erratum, ...]


def assess(runs: Sequence[RunRecord], tables: Sequence[int] = (), *, has_claims: bool = False) -> Assessment:
    """Set the paper beside what runs measured.

    Args:
        runs: any number.
        tables: numbers of those that are asked for.
        has_claims: whether the claims are asked for. Without these and without tables, everything is.
    """
    measured = Measured(runs)
    is_whole = not tables and not has_claims
    numbers = TITLES if is_whole else dict.fromkeys(sorted(tables))
    return Assessment(
        measured,
        tuple(compare(number, measured) for number in numbers),
        tuple(check(claim, measured) for claim in CLAIMS) if is_whole or has_claims else (),
        errata() if is_whole else (),
    )
