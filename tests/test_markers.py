"""The marker ``tensorflow``: who has it, and who is told to have it."""

from __future__ import annotations

import pytest

from tests.support.processes import ROOT, python_path

pytestmark = pytest.mark.slow  # runs of pytest in processes of their own

_TESTS = {
    "its module": "import keras\ndef test_it():\n    pass\n",
    "its code": "def test_it():\n    def inner():\n        import tensorflow\n",
    "a fixture": "import pytest\n@pytest.fixture\ndef trained():\n    pass\ndef test_it(trained):\n    pass\n",
}
_UNMARKED = {
    "it imports tensorflow": "def test_it():\n    exec('import tensorflow')\n",
    "it starts workers": (
        "from multiprocessing.forkserver import ForkServer\n"
        "def test_it():\n"
        "    server = ForkServer()\n"
        "    server.ensure_running()\n"
        "    server._stop()\n"
    ),
    "a process that it starts imports tensorflow": (
        "import subprocess, sys\ndef test_it():\n    subprocess.run([sys.executable, '-c', 'import tensorflow'])\n"
    ),
}


@pytest.fixture
def tests(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> pytest.Pytester:
    """A folder of tests under the same hooks, with a TensorFlow that takes no time."""
    hooks = (ROOT / "tests" / "conftest.py").read_text("utf-8")
    pytester.makeconftest(hooks)
    pytester.makeini("[pytest]\nmarkers = tensorflow: here\naddopts = --strict-markers -p pytester\n")
    libraries = pytester.mkdir("libraries")
    for name in ("tensorflow", "keras"):
        (libraries / f"{name}.py").touch()
    monkeypatch.setenv("PYTHONPATH", f"{libraries}:{python_path()}")
    return pytester


@pytest.mark.parametrize("by", _TESTS)
def test_a_test_is_marked_by_what_it_uses(tests: pytest.Pytester, by: str) -> None:
    tests.makepyfile(test_it=_TESTS[by], test_plain="def test_plain():\n    pass\n")
    tests.runpytest_subprocess("-m", "tensorflow").assert_outcomes(passed=1, deselected=1)
    left_out = {} if by == "its module" else {"deselected": 1}  # not even imported
    tests.runpytest_subprocess("-m", "not tensorflow").assert_outcomes(passed=1, **left_out)


@pytest.mark.parametrize("reason", _UNMARKED)
def test_a_test_without_the_marker_fails_where_it_starts_tensorflow(tests: pytest.Pytester, reason: str) -> None:
    tests.makepyfile(test_it=_UNMARKED[reason])
    result = tests.runpytest_subprocess("-p", "no:cacheprovider")
    result.stdout.fnmatch_lines([f"*test_it lacks the marker tensorflow: {reason}*"])
    result.assert_outcomes(failed=1)


def test_a_test_that_does_not_need_the_marker_passes(tests: pytest.Pytester) -> None:
    code = "import subprocess, sys\ndef test_it():\n    from keras_like import nothing\n"
    (tests.path / "keras_like.py").write_text("nothing = None\n", "utf-8")
    tests.makepyfile(test_it=code)
    tests.runpytest_subprocess("-p", "no:cacheprovider").assert_outcomes(passed=1)
