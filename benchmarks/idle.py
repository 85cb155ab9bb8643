"""What the plugin costs a pytest run that does not use it: with and without it, alternating.

Run as a program (``python benchmarks/idle.py``); the figures and the machine are in ``CONTRIBUTING.md``.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path


def _seconds(folder: Path, *arguments: str) -> float:
    # Other plugins that happen to be installed are kept out: only ours differs between the two.
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *arguments]
    started = time.perf_counter()
    subprocess.run(command, cwd=folder, check=True, capture_output=True, env={"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"})
    return time.perf_counter() - started


def main() -> None:
    """Print the difference of the paired runs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=40)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "test_idle.py").write_text("def test_idle(): pass\n")
        with_plugin = ("-p", "pytest_opml.plugin.hooks")
        for arguments in ((), with_plugin):
            _seconds(folder, *arguments)
        plain, ours = [], []
        for pair in range(options.pairs):
            order = [((), plain), (with_plugin, ours)]
            for arguments, seconds in order if pair % 2 else reversed(order):
                seconds.append(_seconds(folder, *arguments))
    differences = [(b - a) * 1e3 for a, b in zip(plain, ours, strict=True)]
    low, _, high = statistics.quantiles(differences, n=4)
    print(
        f"idle run without the plugin {statistics.median(plain) * 1e3:.0f} ms, "
        f"with it {statistics.median(differences):+.1f} ms (median of {options.pairs} pairs; "
        f"middle half {low:+.1f} to {high:+.1f} ms)"
    )


if __name__ == "__main__":
    main()
