"""The base of all records, and the type of their moments."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Annotated, Any, TypeVar

from pydantic import AfterValidator, AwareDatetime, BaseModel, BeforeValidator, ConfigDict, FailFast, model_validator

# One more on each side is a date too: a database gives a moment back in the time zone of its session.
_YEARS = (2, 9998)


def _in_utc(moment: datetime) -> datetime:
    """Return the moment in UTC.

    Raises:
        ValueError: it is in a year that not every database and time zone can hold.
    """
    first, last = _YEARS
    try:
        in_utc: datetime | None = moment.astimezone(timezone.utc)
    except OverflowError:
        in_utc = None
    if in_utc is None or not first <= in_utc.year <= last:
        raise ValueError(f"must lie in the years {first} to {last}")
    return in_utc


Moment = Annotated[AwareDatetime, AfterValidator(_in_utc)]

# pydantic gathers all that is wrong with a document, at about a kB each: half a MB of `{}` where results should be
# took 2 GB. Only the first is told, so a list ends at its first error, and what has names has so many at most.
_Item = TypeVar("_Item")
_MOST_NAMES, _MOST_FIELDS = 20_000, 500


def _not_too_many(values: Any) -> Any:
    if isinstance(values, dict) and len(values) > _MOST_NAMES:
        raise ValueError(f"has more than {_MOST_NAMES:,} names")
    return values


class _FirstErrorAlone(FailFast):
    """As its base, and hashable, which a part of a union has to be."""

    def __hash__(self) -> int:
        return hash(self.fail_fast)


Many = Annotated[tuple[_Item, ...], _FirstErrorAlone()]
NotTooMany = BeforeValidator(_not_too_many)
Named = Annotated[dict[str, _Item], NotTooMany]


def check_fields(values: Any) -> None:
    """Refuse a document with far too many fields, before each of them becomes an error.

    Raises:
        ValueError: it has more than any record.
    """
    if isinstance(values, dict) and len(values) > _MOST_FIELDS:
        raise ValueError("has more fields than any record has")


class Record(BaseModel):
    """The base of all records, which are frozen; an unknown field or a figure that is not finite is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    @model_validator(mode="before")
    @classmethod
    def _without_computed(cls, values: Any) -> Any:
        """Leave computed fields out: they are written for readers of the JSON, and follow from the others."""
        if not isinstance(values, dict):
            return values
        check_fields(values)
        computed = cls.model_computed_fields  # worked out each time that it is asked for
        return {key: value for key, value in values.items() if key not in computed} if computed else values
