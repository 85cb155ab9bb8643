"""The rectangles, grid lines and type of a picture.

Lengths are in the units of the picture's own coordinates, from its upper left corner; a unit is a pixel at full width.
"""

from __future__ import annotations

from dataclasses import dataclass

FONT = 12.0
CHARACTER = 0.56 * FONT  # the average width in a sans-serif font, on the wide side
NARROW = 480.0  # a picture below this width has fewer ticks


@dataclass(frozen=True)
class Box:
    """A rectangle."""

    left: float
    top: float
    right: float
    bottom: float

    def overlaps(self, box: Box) -> bool:
        """Tell whether the two share more than an edge."""
        beside = self.right <= box.left or box.right <= self.left
        return not (beside or self.bottom <= box.top or box.bottom <= self.top)

    def holds(self, box: Box) -> bool:
        """Tell whether the box lies wholly within."""
        across = self.left <= box.left and box.right <= self.right
        return across and self.top <= box.top and box.bottom <= self.bottom


@dataclass(frozen=True)
class Tick:
    """A line of the grid, at a coordinate, and the value that it stands for."""

    at: float
    label: str
