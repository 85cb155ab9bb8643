"""The claims of the paper's text, each a check over records; see ``claim.Claim``."""

from __future__ import annotations

from dataclasses import replace

from . import accuracy, averages, score, size, time, training
from .claim import CheckedClaim, Claim, ClaimVerdict, Finding, check

CLAIMS: tuple[Claim, ...] = (
    *size.CLAIMS,
    *(replace(claim, is_of_answers=True) for topic in (accuracy, averages, training) for claim in topic.CLAIMS),
    *time.CLAIMS,
    *(replace(claim, is_of_answers=True) for claim in score.CLAIMS),
)

__all__ = ["CLAIMS", "CheckedClaim", "Claim", "ClaimVerdict", "Finding", "check"]
