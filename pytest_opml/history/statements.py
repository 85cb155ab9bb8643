"""What a query asks, as statements of SQL."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, Table, and_, select, tuple_

from .base import Order, Query, Row
from .tables import RESULT, RUN, figures_of

_LAST = "\U0010ffff"  # the last of all characters: what begins with a text lies before the text with it


def skipping(
    connection: Connection, columns: Sequence[ColumnElement[Any]], *conditions: ColumnElement[bool]
) -> list[tuple[Any, ...]]:
    """The distinct values of columns that an index begins with, from each to the next: no row is read twice."""
    values: list[tuple[Any, ...]] = []
    asked = select(*columns).where(*conditions).order_by(*columns).limit(1)
    while row := connection.execute(asked.where(tuple_(*columns) > values[-1]) if values else asked).one_or_none():
        values.append(tuple(row))
        check_order(values[-2:])
    return values


def check_order(values: Sequence[Any]) -> None:
    """Each step must go on, whatever a damaged file holds for an order: we would go round in circles."""
    if any(first >= second for first, second in pairwise(values)):
        raise ValueError("what it holds is out of order")


def begins(column: ColumnElement[str], text: str) -> ColumnElement[bool]:
    """Whether a column's value begins with a text, as a range that an index knows."""
    return and_(column >= text, column < text + _LAST)


def conditions_of(query: Query, table: Table) -> list[ColumnElement[bool]]:
    """What a query says of the columns that runs and results share; which are released is in another table."""
    conditions = []
    if query.branch is not None:
        conditions.append(table.c.branch == query.branch)
    if query.commit is not None:
        conditions.append(begins(table.c.commit_hash, query.commit))
    if query.since is not None:
        conditions.append(table.c.started >= query.since)
    if query.before is not None:
        conditions.append(table.c.started < query.before)
    return conditions


def ordering(order: Order) -> list[ColumnElement[Any]]:
    """The order that the results of one case are wanted in."""
    best = [RESULT.c.op_score] if order == "best" else []
    return [*best, RESULT.c.started.desc(), RESULT.c.run_key.desc(), RESULT.c.position.desc()]


def runs_of(query: Query) -> Select[Any]:
    """The runs that are meant, the newest first."""
    asked = select(RUN).where(*conditions_of(query, RUN)).order_by(RUN.c.started.desc(), RUN.c.key.desc())
    return asked if query.profile is None else asked.where(RUN.c.profile == query.profile)


def row_of(joined: Any) -> Row:
    """A row of the joined tables as ours."""
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
