"""Whether a run can go well on this machine: each thing that it needs, looked at without measuring anything."""

from __future__ import annotations

from .checks import Asked, examine

__all__ = ["Asked", "examine"]
