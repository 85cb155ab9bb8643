"""The base of all records, and the type of their moments."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Annotated, Any

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, model_validator

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


class Record(BaseModel):
    """The base of all records, which are frozen; an unknown field or a figure that is not finite is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    @model_validator(mode="before")
    @classmethod
    def _without_computed(cls, values: Any) -> Any:
        """Leave computed fields out: they are written for readers of the JSON, and follow from the others."""
        if not isinstance(values, dict):
            return values
        return {key: value for key, value in values.items() if key not in cls.model_computed_fields}
