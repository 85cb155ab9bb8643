from __future__ import annotations

from itertools import combinations

import pytest

from pytest_opml.reports.charts.theme import PALETTES, ThemeName, theme

PAGES: dict[ThemeName, str] = {"light": "#ffffff", "dark": "#0d1117", "print": "#ffffff"}


def luminance(colour: str) -> float:
    """Relative luminance as WCAG 2 defines it."""
    shares = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    red, green, blue = (share / 12.92 if share <= 0.03928 else ((share + 0.055) / 1.055) ** 2.4 for share in shares)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, another: str) -> float:
    dark, light = sorted((luminance(one), luminance(another)))
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("name", PALETTES)
def test_what_carries_a_meaning_stands_out_from_the_page(name: ThemeName) -> None:
    palette, page = PALETTES[name], PAGES[name]
    assert min(contrast(colour, page) for colour in palette.categories) >= 3
    assert min(contrast(colour, page) for colour in (palette.ink, palette.soft)) >= 4.5
    assert len(set(palette.categories)) == len(palette.categories) == 12


@pytest.mark.parametrize("name", PALETTES)
def test_the_bars_of_the_axes_differ_in_a_black_and_white_print(name: ThemeName) -> None:
    assert min(contrast(*pair) for pair in combinations(PALETTES[name].axes, 2)) >= 1.9


def test_a_page_shows_its_own_background_and_a_print_is_white() -> None:
    assert theme("light")["background"] is theme("dark")["background"] is None
    assert theme("print")["background"] == "#ffffff"
