from __future__ import annotations

from datetime import datetime, timezone
from pathlib import Path

from pytest_opml.reports.terminal.cache import contents_lines, contents_table, pruned_lines, pruned_table
from pytest_opml.storage.cache_cleanup import CacheEntry, CleanupReport, Contents, Removed

USED = datetime(2026, 5, 1, 12, tzinfo=timezone.utc)
MODEL, ARTIFACT = CacheEntry("model", "a" * 32, 19_300_000, USED), CacheEntry("artifact", "b" * 32, 1_234_567_890, USED)
ROOT = Path("/somewhere/cache")
DAY = f"{USED.astimezone():%Y-%m-%d %H:%M}"


def test_the_contents_by_kind_with_the_known_kinds_first() -> None:
    contents = Contents(ROOT, (ARTIFACT, CacheEntry("zebra", "c" * 32, 0, USED), MODEL), 2, 5_000_000, 7_000_000_000)
    lines = [line.split() for line in contents_lines(contents, 80)]
    assert lines[4:] == [
        ["trained", "models", "1", "19.3", *DAY.split()],
        ["artifacts", "1", "1,234.6", *DAY.split()],
        ["zebra", "1", "0.0", *DAY.split()],
        ["half-built", "2", "5.0"],
        ["all", "5", "1,258.9"],
        [],
        ["free", "on", "its", "disk:", "7,000.0", "MB"],
    ]
    table = contents_table(contents)
    assert list(table["kinds"]) == ["model", "artifact", "zebra"]
    assert table["kinds"]["model"] == {"entries": 1, "bytes": 19_300_000, "last_used": "2026-05-01T12:00:00+00:00"}
    assert table["bytes"] == 19_300_000 + 1_234_567_890 + 5_000_000


def test_an_empty_cache() -> None:
    assert contents_lines(Contents(ROOT, (), 0, 0, 1_000_000), 80) == [
        "cache /somewhere/cache",
        "",
        "it is empty",
        "",
        "free on its disk: 1.0 MB",
    ]


def test_what_went_and_why_and_what_stayed() -> None:
    pruned = CleanupReport(ROOT, (Removed(MODEL, "damaged"),), (ARTIFACT,), 1, 700_000, (ARTIFACT,), dry_run=False)
    lines = pruned_lines(pruned, 80)
    assert lines[2].split() == ["model", "aaaaaaaa", "19.3", *DAY.split(), "damaged"]
    assert lines[4:] == [
        "removed: 1 entry, 1 half-built folder, 20.0 MB",
        "left: 1 entry, 1,234.6 MB",
        "in use by a running session, or used less than a minute ago, and so left alone:",
        "  1 entry, 1,234.6 MB",
    ]
    table = pruned_table(pruned)
    assert (table["removed"][0]["reason"], table["freed_bytes"], len(table["in_use"])) == ("damaged", 20_000_000, 1)


def test_nothing_to_remove() -> None:
    assert pruned_lines(CleanupReport(ROOT, (), (), 0, 0, (), dry_run=True), 80) == [
        "would remove: 0 entries, 0.0 MB",
        "left: 0 entries, 0.0 MB",
    ]
