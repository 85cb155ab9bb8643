"""The examination of a machine and a project: each thing that a run needs, looked at without measuring a model."""

from __future__ import annotations

from .checks import Asked, examine

__all__ = ["Asked", "examine"]
