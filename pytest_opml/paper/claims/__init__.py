"""The claims of the paper's text, each a check over records; see ``claim.Claim``."""

from __future__ import annotations

from . import accuracy, averages, score, size, time, training
from .claim import CheckedClaim, Claim, ClaimVerdict, Finding, check

CLAIMS: tuple[Claim, ...] = (
    *size.CLAIMS,
    *accuracy.CLAIMS,
    *averages.CLAIMS,
    *training.CLAIMS,
    *time.CLAIMS,
    *score.CLAIMS,
)

__all__ = ["CLAIMS", "CheckedClaim", "Claim", "ClaimVerdict", "Finding", "check"]
