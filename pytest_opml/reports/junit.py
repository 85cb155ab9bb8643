"""A run as JUnit XML: a test for each case, for the CI servers that show such files.

What XML 1.0 cannot hold, such as a control character or half of a surrogate pair, is shown as an escape.
"""

from __future__ import annotations

from pathlib import Path
from xml.etree.ElementTree import Element, ElementTree, SubElement, indent

from ..errors import StorageError
from ..printable import printable
from ..records.run import Check, RunRecord
from .phrases import check_text
from .remedies import needed_change
from .terminal.verdicts import breach_lines

_SUITE = "opml"


def write_junit(record: RunRecord, path: Path) -> None:
    """Write the cases of a run: one whose budget failed as a failure, one without a result as an error.

    A case that could not be judged is skipped, as such files call it: it must not stand among those that passed.

    Args:
        record: with its checks.
        path: of the file; its folder must be there.

    Raises:
        StorageError: it cannot be written.
    """
    suite = Element("testsuite", name=_SUITE, timestamp=record.started.isoformat(), time=f"{record.seconds:.3f}")
    blocking: dict[str, list[Check]] = {}
    for check in record.checks:
        if check.blocking:
            blocking.setdefault(check.case_id, []).append(check)
    for result in record.results:
        if result.case.id in record.reference_only:
            continue
        test = SubElement(suite, "testcase", classname=_SUITE, name=printable(result.case.id))
        checks = [check for check in blocking.get(result.case.id, ()) if check.is_of(result)]
        if failed := [check for check in checks if check.verdict == "fail"]:
            lines = [*breach_lines(failed), *(needed_change(check, result) for check in failed)]
            shown = [printable(line) for line in lines if line]
            SubElement(test, "failure", message=shown[0]).text = "\n".join(shown)
        elif checks:
            SubElement(test, "skipped", message=printable("; ".join(map(check_text, checks))))
    for failure in record.failures:
        test = SubElement(suite, "testcase", classname=_SUITE, name=printable(failure.case.id))
        message = printable(f"{failure.kind}: {failure.message}")
        SubElement(test, "error", message=message).text = printable(failure.log_tail, lines=True)
    for check in record.checks:
        if check.is_of_run:
            test = SubElement(suite, "testcase", classname=_SUITE, name="the run")
            if check.blocking:
                tag = "failure" if check.verdict == "fail" else "skipped"
                SubElement(test, tag, message=printable(check_text(check)))
    for tag, name in (("testcase", "tests"), ("failure", "failures"), ("error", "errors"), ("skipped", "skipped")):
        suite.set(name, str(sum(1 for _ in suite.iter(tag))))
    root = Element("testsuites")
    root.append(suite)
    indent(root)
    try:
        ElementTree(root).write(path, encoding="utf-8", xml_declaration=True)
    except OSError as error:
        raise StorageError(f"{path}: {error.strerror}") from error
