"""What the report of a large run costs: seconds to write it, its size, and what sorting and filtering take in Chromium.

It makes a run of so many results with four budgets each, and writes its page in this process: the content, then the
HTML. With ``--command`` it also times ``opml report FILE -o report.html`` as a whole, with its imports, the reading of
the record and the judging under today's budgets. With ``--browser`` it opens the page in Debian's Chromium, sorts by
each column and types filters, and times each from the event to the next frame, and counts the rows that are printed.

Run as a program: ``python benchmarks/report.py --browser --command``; the figures and the machine are in
``docs/reports.md``.
"""

from __future__ import annotations

import argparse
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # the records and the browser of the tests

from pytest_opml.gate.run_verdicts import judge_run
from pytest_opml.records.run import RunRecord
from pytest_opml.reports.page.build import page_of
from pytest_opml.reports.page.html import HtmlReporter
from tests.support.builders import make_case, make_result, make_run, make_side_by_side
from tests.support.pages import gate_of

_BUDGETS = {"accuracy": {"min": 0.75, "max_drop": 0.1}, "size_mb": {"max": 80}, "latency_ms": {"p99": {"max": 60}}}
_TOML = "[tool.opml.gate]\naccuracy = {min = 0.75, max_drop = 0.1}\nsize_mb = {max = 80}\nlatency_ms.p99 = {max = 60}\n"
_MODELS = ("efficientnet_lite0", "resnet50", "mobilenetv2", "vgg16", "densenet121")
_TECHNIQUES = ("baseline", "float16", "int8", "cluster-256", "prune-0.5", "cluster-64", "int4", "prune-0.8+cluster-64")
_FILTERS = ("int8", "top5 -vgg16", "no such case", "")
_TIMED = """
    const place = document.querySelector("#set1-ranking");
    const times = {};
    async function timed(name, act) {
      const start = performance.now();
      act();
      await new Promise((done) => requestAnimationFrame(() => setTimeout(done, 0)));
      times[name] = Math.max(times[name] || 0, performance.now() - start);
      await new Promise((done) => setTimeout(done, 500)); // the charts follow
    }
    for (let round = 0; round < args[1]; round++) {
      for (let column = 0; column < place.querySelectorAll("thead button").length; column++) {
        const button = place.querySelectorAll("thead button")[column];
        await timed(`sort by ${button.textContent}`, () => button.click());
      }
      const box = place.querySelector("input[type=search]");
      for (const words of args[0]) {
        await timed(`filter by "${words}"`, () => { box.value = words; box.dispatchEvent(new Event("input")); });
      }
    }
    return times;
"""


def make_record(results: int, test_sets: int) -> RunRecord:
    """Return a run of so many results, with its checks."""
    draw = random.Random(3)
    made = []
    for number in range(results):
        place = number // test_sets
        technique, place = _TECHNIQUES[place % len(_TECHNIQUES)], place // len(_TECHNIQUES)
        case = make_case(
            technique,
            model=_MODELS[place % len(_MODELS)],
            unfreeze=place // len(_MODELS) + 1,
            seed=number % test_sets,
        )
        made.append(
            make_result(
                case=case,
                accuracy=0.7 + 0.29 * draw.random(),
                inference_s=1 + 20 * draw.random() ** 2,
                size_mb=2 + 90 * draw.random(),
                test_samples=2_000,
                vs_reference=None if technique == "baseline" else make_side_by_side(0.2 + draw.random()),
            )
        )
    record = make_run(made)
    return record.model_copy(update={"checks": judge_run(record, gate_of(_BUDGETS))})


def write_page(record: RunRecord, path: Path, repeats: int) -> None:
    """Print the seconds of each part and the size of the page."""
    seconds = []
    for _ in range(repeats):
        start = time.perf_counter()
        page = page_of(record, gate_of(_BUDGETS))
        middle = time.perf_counter()
        text = HtmlReporter().render(page)
        path.write_text(text, "utf-8")
        seconds.append((time.perf_counter() - start, middle - start))
    whole, content = min(seconds)
    worst = max(seconds)[0]
    print(f"written in {whole:.2f} s ({content:.2f} s of it the content), {worst:.2f} s at most of {repeats} times")
    print(f"size {path.stat().st_size / 1e6:.2f} MB; {len(record.results):,} results, {len(record.checks):,} checks")


def time_command(record: RunRecord, folder: Path, repeats: int) -> None:
    """Print the seconds of ``opml report`` in a process of its own."""
    (folder / "pyproject.toml").write_text(_TOML)
    (folder / "run.json").write_text(record.model_dump_json(), "utf-8")
    command = [
        sys.executable,
        "-c",
        "from pytest_opml.cli import main; main()",
        "report",
        "run.json",
        "-o",
        "page.html",
    ]
    seconds = []
    for _ in range(repeats):
        start = time.perf_counter()
        subprocess.run(command, cwd=folder, check=True)
        seconds.append(time.perf_counter() - start)
    megabytes = (folder / "run.json").stat().st_size / 1e6
    print(f"the command, with reading and judging a record of {megabytes:.0f} MB: {min(seconds):.1f} s")


def use_browser(page: Path, folder: Path, repeats: int) -> None:
    """Print the longest times of sorting and filtering, and how many rows are printed."""
    from tests.support.browser import start_browser

    browser = start_browser(folder / "profile", folder)
    try:
        start = time.perf_counter()
        browser.open(page)
        opened = time.perf_counter()
        browser.wait_for_charts()
        print(f"opened in {opened - start:.1f} s, all charts drawn after {time.perf_counter() - start:.1f} s")
        browser.driver.set_script_timeout(600)
        times = browser.run(_TIMED, _FILTERS, repeats)
        for kind in ("sort", "filter"):
            name, longest = max((item for item in times.items() if item[0].startswith(kind)), key=lambda item: item[1])
            print(f"{kind}: at most {longest:.0f} ms ({name}) of {repeats} times each")
        rows = "document.querySelectorAll('#set1-ranking tbody tr').length"
        browser.run(f"addEventListener('beforeprint', () => {{ window.printed = {rows} }})")
        start = time.perf_counter()
        document = browser.pdf()
        printed = browser.run("return window.printed")
        seconds = time.perf_counter() - start
        print(f"printed {printed:,} rows of the first ranking, {len(document) / 1e6:.1f} MB, in {seconds:.1f} s")
    finally:
        browser.driver.quit()


def main() -> None:
    """Make a run, and time its page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--results", type=int, default=5_000)
    parser.add_argument("--test-sets", type=int, default=1, help="that the results are spread over")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--command", action="store_true", help="time the command too")
    parser.add_argument("--browser", action="store_true", help="use the page in Chromium")
    options = parser.parse_args()
    record = make_record(options.results, options.test_sets)
    with tempfile.TemporaryDirectory(prefix="bench-report-") as name:
        folder = Path(name)
        page = folder / "report.html"
        write_page(record, page, options.repeats)
        if options.command:
            time_command(record, folder, options.repeats)
        if options.browser:
            use_browser(page, folder, options.repeats)


if __name__ == "__main__":
    main()
