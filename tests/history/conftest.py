from __future__ import annotations

import os

import pytest


@pytest.fixture
def outside_ci(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if no CI service ran these tests."""
    for name in os.environ:
        if name.startswith(("CI_", "GITHUB_", "GITLAB_")):
            monkeypatch.delenv(name)
