from __future__ import annotations

import html
import re
from collections.abc import Iterator
from dataclasses import replace

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token

from pytest_opml.errors import SettingsError
from pytest_opml.printable import clipped
from pytest_opml.reports.page.build import page_of
from pytest_opml.reports.page.limits import EVERYTHING
from pytest_opml.reports.page.markdown import LONGEST, MarkdownReporter, _render, code, inline, prose, summary
from pytest_opml.reports.page.model import (
    BaselineSection,
    Fact,
    NoResult,
    Page,
    Repeat,
    Table,
    TestSet,
)
from pytest_opml.reports.remedies import Remedy
from pytest_opml.reports.summary import Summary
from tests.support.builders import make_case, make_result, make_run
from tests.support.pages import HOSTILE, gate_of, make_full_page, make_hostile, make_page

MORE_HOSTILE = (
    "=cmd|' /C calc'!A1",
    "+1+1",
    "\\input{/etc/passwd}",
    "\u2067\u202e\u200f\ufeff right to left",
    "x" * 10_000,
    "<!-- pytest-opml:bench -->",
    "/close !12 %1 &1",
    "</summary></details><h1>x</h1>",
    "$a$ :tada: ~bug &12 GL-3",
)
OURS = {"<br>", "<sub>", "</sub>", "<code>", "</code>", "<span>", "</span>"}


def markdown(page: Page) -> str:
    return MarkdownReporter().render(page)


def tokens(text: str) -> list[Token]:
    return MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"]).parse(text)


def inner(text: str) -> Iterator[Token]:
    """What stands within lines."""
    for token in tokens(text):
        yield from token.children or ()


def shown(text: str) -> str:
    """What a reader sees, on one line."""
    return "".join(token.content for token in inner(text) if token.type in ("text", "text_special", "code_inline"))


def headings(text: str) -> list[str]:
    found = tokens(text)
    return [found[number + 1].content for number, token in enumerate(found) if token.type == "heading_open"]


def folds(text: str) -> list[str]:
    """What is folded, by its titles, in their order."""
    return re.findall("<details><summary>(.*?)</summary>", text)


def first_lines(text: str) -> list[str]:
    """What a reader sees before the first fold."""
    return [line for line in text.partition("<details>")[0].splitlines() if line]


def tables(text: str) -> list[list[list[str]]]:
    """The cells of each row of each table, as written."""
    made: list[list[list[str]]] = []
    found = tokens(text)
    for number, token in enumerate(found):
        if token.type == "table_open":
            made.append([])
        elif token.type == "tr_open":
            made[-1].append([])
        elif token.type in ("th_open", "td_open"):
            made[-1][-1].append(found[number + 1].content)
    return made


def test_the_sections_come_in_the_order_in_which_they_are_read() -> None:
    text = markdown(make_full_page())
    assert headings(text) == ["❌ 4 of 38 budgets failed"]
    assert folds(text) == [
        "What would mend it (5)",
        "digits/efficientnet_lite0, 599 test examples, time: inference over 10,000 examples",
        "Best case, and what each budget costs",
        "Budgets: 26 passed, 4 failed, 0 inconclusive, 8 not judged, 1 case without a result (14 statistical checks; "
        "at most 0.35 false alarms expected)",
        "How to repeat the cases",
        "Budgets that passed (26)",
        "Against the baseline release",
        "Device, versions and the run",
    ]


def test_the_first_five_lines_are_enough() -> None:
    page = make_full_page()
    assert first_lines(MarkdownReporter(link="https://ci.example/report.html?run=1").render(page)) == [
        "## ❌ 4 of 38 budgets failed",
        "- Failed: top1/baseline: size_mb 14.2 MB &#62; 5 MB; top1/float16: size_mb 7.13 MB &#62; 5 MB; "
        "top10/baseline: size_mb 14.2 MB &#62; 5 MB; and 1 more case; no result: top1/prune-0.5 (crash)",
        f"- {inline(page.summary.changed)}",
        "- No case passes all budgets",
        "- [full report](https://ci.example/report.html?run=1) · commit `0123456789` · branch `main`",
    ]


def test_a_run_that_passes_says_so_in_the_same_lines() -> None:
    assert first_lines(markdown(make_page())) == [
        "## ✅ All 30 budgets passed",
        "- Nothing failed",
        "- No baseline yet",
        "- Best case: top10/int8, OpScore -0.770 (8 of 8 cases pass all budgets)",
        "- commit `0123456789` · branch `main`",
    ]


def test_a_run_outside_git_is_named_by_its_start() -> None:
    assert first_lines(markdown(make_page(commit=None)))[-1] == "- run 20260102-030 of 2026-01-02 03:04 UTC"


@pytest.mark.parametrize(
    "link", ["report.html", "javascript:alert(1)", "https://x/a)b", "https://x/ y", "https://x/<b>"]
)
def test_a_link_that_markdown_would_not_take_as_it_is_is_refused(link: str) -> None:
    with pytest.raises(SettingsError, match=r"is no link such as https://example\.com/report\.html$"):
        MarkdownReporter(link=link)


def test_what_would_mend_a_failure_is_said_under_it() -> None:
    text = markdown(make_full_page())
    assert (
        "- fail: top1/baseline, top10/baseline\n  - size_mb 14.2 MB is above 5 MB (max = 5)\n"
        "  - to do: size_mb must shrink by at least 9.2 MB (65 %).\n"
    ) in text


def test_tables_have_a_cell_for_each_header_and_a_row_for_each_case() -> None:
    ranking, not_passed, passed, compared = tables(markdown(make_full_page()))
    assert [len(found) for found in (ranking, not_passed, passed, compared)] == [11, 13, 27, 8]
    assert all(len({len(row) for row in found}) == 1 for found in (ranking, not_passed, passed, compared))
    assert ranking[2] == [
        *(r"\*1", "`top10/int8`", "0.9533 ±.030", "0.914", "0.268 ±.003", "3.98", "-0.770 ±.331", "0.05"),
        "-1.03 = +0.09 -0.57 -0.55",
    ]
    assert not_passed[1] == [
        *("fail", "`top1/baseline`", "`size_mb max = 5`", "14.2 MB", "5 MB", "exact", ""),
        "`tool.opml.gate.size_mb.max in pyproject.toml`",
    ]


def test_all_but_the_first_lines_is_folded() -> None:
    text = markdown(make_full_page())
    assert text.count("<details>") == text.count("</details>") == 8
    assert "<details><summary>Budgets that passed (26)</summary>\n\n| case |" in text
    *_, last = re.split(r"</details>\n", text)
    assert last.strip() == "<sub>run 20260102-030 of 2026-01-02 03:04 UTC, pytest-opml</sub>"


def test_a_run_without_budgets_and_baselines_is_short() -> None:
    text = markdown(make_page({}))
    assert headings(text) == ["📏 No budget is set"]
    assert [title.partition(",")[0] for title in folds(text)] == ["digits/efficientnet_lite0", "Best case", "Device"]


def test_the_job_is_linked() -> None:
    job = make_hostile("x").commit.ci.model_copy(update={"url": "https://ci.example/o/r/1"})  # type: ignore[union-attr]
    commit = make_run().commit.model_copy(update={"ci": job})  # type: ignore[union-attr]
    links = [token.attrs["href"] for token in inner(markdown(make_page(commit=commit))) if token.type == "link_open"]
    assert links == ["https://ci.example/o/r/1"] * 2  # in the first lines, and among the facts


@pytest.mark.parametrize("text", HOSTILE)
@pytest.mark.parametrize("write", [inline, prose, code])
def test_a_text_shows_as_it_is(text: str, write: type[str]) -> None:
    line = clipped(text)
    as_cell = f"| {write(line)} | end |\n| --- | --- |\n"
    item = f"- {prose(line) if write is inline else write(line)}"  # which inline is not for
    for document in (item, f"start {write(line)} end", as_cell):
        kinds = {token.type for token in inner(document)} - {"html_inline"}
        assert kinds <= {"text", "text_special", "code_inline"}, document
        assert {token.content for token in inner(document) if token.type == "html_inline"} <= OURS
        assert line in shown(document).replace("\u200b", "")
    assert [len(row) for row in tables(as_cell)[0]] == [2]
    assert {token.type for token in tokens(item)} == {
        "bullet_list_open",
        "list_item_open",
        "paragraph_open",
        "inline",
    } | {
        "paragraph_close",
        "list_item_close",
        "bullet_list_close",
    }


def test_nobody_is_mentioned() -> None:
    assert inline("@somebody") == "@&#8203;somebody"
    assert prose("see #12") == "see #&#8203;12"
    assert prose("see GH-12, gh-ost") == "see GH-&#8203;12, gh-ost"
    assert prose("see !12, done!") == "see !&#8203;12, done!"


def test_no_reference_of_gitlab_is_one() -> None:
    assert inline("GL-3, GLM-3") == "GL-&#8203;3, GLM-3"
    assert inline("%1.0, 5 %, &12 & x") == "%&#8203;1.0, 5 %, &#38;&#8203;12 &#38; x"


def test_nothing_is_a_picture_or_mathematics() -> None:
    assert inline("a :+1: b: c") == "a :&#8203;+1: b: c"
    assert prose("$a$") == "<span>$</span>a<span>$</span>"
    assert shown(prose("$x_1$ and $y_1$").replace("<span>", "").replace("</span>", "")) == "$x_1$ and $y_1$"


def test_the_title_of_a_fold_is_as_plain_as_the_rest() -> None:
    title = "<b>\"x\"</b> @all GH-1 !2 $a$ :bomb: https://evil.example www.evil.example &lt; 'y'"
    written = summary(title)
    assert written == (
        "&#60;b&#62;&#34;x&#34;&#60;/b&#62; @&#8203;all GH-&#8203;1 !&#8203;2 <span>$</span>a<span>$</span> "
        ":&#8203;bomb: https:&#8203;//evil.example www.&#8203;evil.example &#38;lt; &#39;y&#39;"
    )
    assert html.unescape(written.replace("<span>", "").replace("</span>", "")).replace("\u200b", "") == title


def test_large_numbers_are_grouped() -> None:
    text = markdown(replace(make_page({}), remedies=(Remedy("x", "fail", ("y" * 50,), ()),) * 1_300))
    assert "<summary>What would mend it (1,300)</summary>" in text
    assert re.search(r"^- and 1,\d{3} more$", text, re.MULTILINE)


def test_no_line_is_an_order_to_gitlab() -> None:
    assert prose("/close") == r"\/close"
    assert prose("a /close") == "a /close"
    assert not re.search("^/", markdown(page_of(make_hostile("/merge\n/close"), gate_of({}))), re.MULTILINE)


def test_what_looks_like_an_address_is_no_link() -> None:
    assert prose("https://evil.example") == "https:&#8203;//evil.example"
    assert inline("www.evil.example, awww.") == "www.&#8203;evil.example, awww."


@pytest.mark.parametrize("text", [*HOSTILE, *MORE_HOSTILE])
def test_the_structure_is_the_same_whatever_the_record_says(text: str) -> None:
    written, plain = (markdown(page_of(make_hostile(each), gate_of({}))) for each in (text, "plain"))
    blocks = [[token.type for token in tokens(each) if token.type != "inline"] for each in (written, plain)]
    assert blocks[0] == blocks[1]
    assert [[len(row) for row in found] for found in tables(written)] == [
        [len(row) for row in found] for found in tables(plain)
    ]
    assert {token.content for token in inner(written) if token.type == "html_inline"} <= OURS
    marks = {token.type for token in inner(written)} - {"text", "text_special", "code_inline", "html_inline"}
    assert marks <= {"softbreak"}
    assert not [token for token in inner(written) if token.type == "text" and re.search(r"@\w", token.content)]


def test_of_a_large_run_the_tables_are_cut_so_that_it_fits_a_comment() -> None:
    results = [
        make_result(case=make_case(f"cluster-{number + 2}"), accuracy=0.8 + number / 1e4) for number in range(1_200)
    ]
    text = markdown(page_of(make_run(results), gate_of({})))
    assert len(text) <= LONGEST
    (ranking,) = tables(text)
    assert len(ranking) == 201
    assert re.search(r"^and 1,\d{3} more$", text, re.MULTILINE)


# --- what fits a comment


def large_table(rows: int, columns: int, text: str) -> Table:
    headers = tuple(f"{text}{number}" for number in range(columns))
    return Table("Budgets", headers, ("name",) * columns, (headers,) * rows, ("",) * rows)


def large_page(sets: int, rows: int, columns: int, text: str) -> Page:
    """A page that has as many of everything."""
    table, texts = large_table(rows, columns, text), (text,) * rows
    test_set = TestSet(text, table, texts, (NoResult(text, text),) * rows, (), (), (table,))
    return replace(
        make_page({}),
        facts=(Fact("run", "0123abcd"), *(Fact(text, text) for _ in range(rows))),
        test_sets=(test_set,) * sets,
        legend=text,
        summary=Summary(text, text, text),
        remedies=(Remedy(text, text, texts[:20], texts[:20]),) * rows,
        best=texts,
        not_passed=table,
        repeats=(Repeat(text, text),) * rows,
        passed=table,
        counts=text,
        budget_legend=text,
        baseline=BaselineSection(text, table, texts),
    )


@given(
    sets=st.integers(0, 200),
    rows=st.integers(1, 60),
    columns=st.integers(1, 20),
    text=st.sampled_from(["plain words", "&`|\\" * 10, "@a#1" * 10, "\U0001f600" * 40, "ü" * 40, "\n\n# x"]),
)
@example(160, 1, 12, "ordinary text")
@example(1, 1, 1, "&`|\\" * 250)
@settings(max_examples=8, deadline=None)
def test_any_run_fits_a_comment_with_the_verdict_first(sets: int, rows: int, columns: int, text: str) -> None:
    sets = min(sets, 2 + 800 // (rows * columns))  # what is made of more, time alone would tell
    page = large_page(sets, rows, columns, clipped(text))
    written = markdown(page)
    assert len(written.encode()) <= LONGEST
    assert written.startswith(f"## 📏 {page.headline}\n")
    assert written.count("<details>") == written.count("</details>")
    if len(_render(page, EVERYTHING).encode()) > LONGEST:
        assert "Shortened to fit a comment; the whole: `opml report 0123abcd -o report.html`" in written
        assert re.search(r"^(- )?and \d+ more|^left out: |\.\.\.$", written, re.MULTILINE)
    else:
        assert "Shortened" not in written


def test_of_many_test_sets_the_first_are_there_and_the_last_are_counted() -> None:
    cases = [
        make_result(case=make_case(technique, dataset=f"data-{number:03}.npz"), test_samples=599)
        for number in range(160)
        for technique in ("baseline", "int8", "float16")
    ]
    record = make_run(cases)
    text = markdown(page_of(record, gate_of({})))
    assert len(text.encode()) <= LONGEST
    folded = text.count("<details><summary>data-")
    assert folded >= 25
    assert f"\nand {160 - folded} more test sets\n" in text
    few = markdown(page_of(make_run(cases[:12]), gate_of({})))
    assert few.count("<details><summary>data-") == 4
    assert "Shortened" not in few
    assert len(MarkdownReporter(longest=1_000_000).render(page_of(record, gate_of({}))).encode()) > len(text.encode())
