"""A run as JUnit XML: a test for each case, for the CI servers that show such files."""

from __future__ import annotations

from pathlib import Path
from xml.etree.ElementTree import Element, ElementTree, SubElement, indent

from ..errors import StorageError
from ..printable import printable
from ..records.run import RunRecord
from .terminal.verdicts import breach_lines

_SUITE = "opml"


def write_junit(record: RunRecord, path: Path) -> None:
    """Write the cases of a run: one whose budget failed as a failure, one without a result as an error.

    Args:
        record: with its checks.
        path: of the file; its folder must be there.

    Raises:
        StorageError: it cannot be written.
    """
    suite = Element("testsuite", name=_SUITE, timestamp=record.started.isoformat(), time=f"{record.seconds:.3f}")
    for result in record.results:
        if result.case.id in record.reference_only:
            continue
        test = SubElement(suite, "testcase", classname=_SUITE, name=printable(result.case.id))
        failed = [check for check in record.checks if check.case_id == result.case.id and check.verdict == "fail"]
        if lines := list(map(printable, breach_lines([check for check in failed if check.blocking]))):
            SubElement(test, "failure", message=lines[0]).text = "\n".join(lines)
    for failure in record.failures:
        test = SubElement(suite, "testcase", classname=_SUITE, name=printable(failure.case.id))
        message = printable(f"{failure.kind}: {failure.message}")
        SubElement(test, "error", message=message).text = printable(failure.log_tail, lines=True)
    for tag, name in (("testcase", "tests"), ("failure", "failures"), ("error", "errors")):
        suite.set(name, str(sum(1 for _ in suite.iter(tag))))
    root = Element("testsuites")
    root.append(suite)
    indent(root)
    try:
        ElementTree(root).write(path, encoding="utf-8", xml_declaration=True)
    except OSError as error:
        raise StorageError(f"{path}: {error.strerror}") from error
