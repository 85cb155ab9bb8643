"""Queries as statements of SQL."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, Table, and_, or_, select, true, tuple_

from .base import Order, Query, Row
from .tables import RESULT, RUN, figures_of

_LAST = "\U0010ffff"  # the last of all characters: what begins with a text lies before the text with it


def skipping(
    connection: Connection, columns: Sequence[ColumnElement[Any]], *conditions: ColumnElement[bool]
) -> list[tuple[Any, ...]]:
    """Return the distinct values of columns that an index begins with, in order.

    They are read from one to the next, so that this takes as many steps as there are values, whatever the rows.
    """
    values: list[tuple[Any, ...]] = []
    asked = select(*columns).where(*conditions).order_by(*columns).limit(1)
    while row := connection.execute(asked.where(tuple_(*columns) > values[-1]) if values else asked).one_or_none():
        values.append(tuple(row))
        check_order(values[-2:])
    return values


def check_order(values: Sequence[Any]) -> None:
    """Refuse values that do not rise: by a damaged file we would go round in circles.

    Raises:
        ValueError: one is not above the one before.
    """
    if any(first >= second for first, second in pairwise(values)):
        raise ValueError("what it holds is out of order")


def begins(column: ColumnElement[str], text: str) -> ColumnElement[bool]:
    """Return the condition that a column's value begins with a text, as a range that an index knows."""
    return and_(column >= text, column < text + _LAST)


def conditions_of(query: Query, table: Table) -> list[ColumnElement[bool]]:
    """Return what a query says of the columns that runs and results share; another table says which are released.

    Whether a run is accepted is a column of the runs alone, which a statement on results is joined with.
    """
    conditions = []
    if query.branch is not None:
        conditions.append(table.c.branch == query.branch)
    if query.commit is not None:
        conditions.append(begins(table.c.commit_hash, query.commit))
    if query.since is not None:
        conditions.append(table.c.started >= query.since)
    if query.before is not None:
        conditions.append(table.c.started < query.before)
    if query.older_than is not None:
        place = select(RUN.c.place).where(RUN.c.run_id == query.older_than).correlate(None).scalar_subquery()
        conditions.append(table.c.place < place)
    if query.accepted:
        conditions += [RUN.c.rejected_for == "", RUN.c.dirty.is_not(true())]
    if query.other_than is not None:
        conditions.append(or_(table.c.commit_hash.is_(None), table.c.commit_hash != query.other_than))
    return conditions


def ordering(order: Order) -> list[ColumnElement[Any]]:
    """Return the columns that the results of one case are sorted by."""
    best = [RESULT.c.op_score] if order == "best" else []
    return [*best, RESULT.c.place.desc(), RESULT.c.position.desc()]


def runs_of(query: Query) -> Select[Any]:
    """Return the statement that selects the runs of a query, the newest first; ``released`` does not count."""
    asked = select(RUN).where(*conditions_of(query, RUN)).order_by(RUN.c.place.desc())
    return asked if query.profile is None else asked.where(RUN.c.profile == query.profile)


def row_of(joined: Any) -> Row:
    """Return a row of the joined tables as a ``Row``."""
    return Row(
        run_id=joined.run_id,
        position=joined.position,
        case_id=joined.case_id,
        profile=joined.profile,
        machine=joined.machine,
        started=joined.started,
        commit=joined.commit_hash,
        branch=joined.branch,
        figures=figures_of(joined),
    )
