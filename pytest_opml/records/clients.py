"""The clients among whom the training examples of a case are divided: its fields for them, and what these may say."""

from __future__ import annotations

from typing import Any

FIELDS = ("clients", "client", "client_label_skew", "client_quantity_skew")


def check_clients(case: Any) -> None:
    """Check that what a case says of clients can be done.

    Raises:
        ValueError: a field lacks the one that it is about, or contradicts it; names the field.
    """
    given = [name for name in FIELDS[1:] if getattr(case, name) is not None]
    if given and case.clients is None:
        raise ValueError(f"{given[0]} = {getattr(case, given[0])}: write clients= too, how many clients there are")
    if case.client is not None and case.client >= case.clients:
        raise ValueError(f"client = {case.client}: must be from 0 to {case.clients - 1}, of {case.clients} clients")
    if case.client_label_skew is not None and case.client_quantity_skew is not None:
        # A division of each class says how much a client has already.
        raise ValueError(
            "client_label_skew and client_quantity_skew cannot both be set; each says how many examples a client has"
        )
