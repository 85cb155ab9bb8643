"""``opml schema``: print the JSON Schema of a run's record."""

from __future__ import annotations

import click

from .common import as_json, show_json


@click.command()
@as_json
def schema(json_wanted: bool) -> None:  # noqa: ARG001 - it is JSON with and without
    """Print the JSON Schema of the record that --opml-json writes.

    \b
      opml schema > record.schema.json

    It is JSON with and without --json. The exit code is 0.
    """
    from ..history.record_files import record_schema

    show_json(record_schema())
