"""A page as JSON, for other programs."""

from __future__ import annotations

import json

from .model import Page


class JsonReporter:
    """Writes a page as JSON."""

    def render(self, page: Page) -> str:
        """Return the page as one JSON object, whose keys are the fields of ``Page``."""
        return json.dumps(page.as_plain(), indent=2) + "\n"
