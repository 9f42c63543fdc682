"""scripts/lib/test_summary.py and python_tests.py: a test run must never look greener than it was."""
import contextlib
import io
import pathlib
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[3] / "scripts" / "lib"))
import python_tests  # noqa: E402
import test_summary  # noqa: E402

CTEST = """<testsuite name="unit" tests="3" failures="1" disabled="0" skipped="1">
<testcase name="A.One" status="run"/><testcase name="A.Two" status="fail"><failure message=""/></testcase>
<testcase name="A.Three" status="notrun"><skipped message="no npm"/></testcase></testsuite>"""
PYTHON = """<testsuites tests="4" failures="0" skipped="0"><testsuite name="tests/x.py" tests="4" failures="0" skipped="0"/></testsuites>"""


class Summary(unittest.TestCase):
    def summarise(self, reports, checks=0):
        with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(io.StringIO()) as said:
            for name, text in reports.items():
                (pathlib.Path(folder) / f"{name}.xml").write_text(text)
            status = test_summary.main(folder, checks)
        return status, said.getvalue().splitlines()

    def test_adds_up_all_reports_and_names_what_failed(self):
        status, lines = self.summarise({"unit": CTEST, "python": PYTHON})
        self.assertEqual(lines, ["FAILED  A.Two", "5 passed, 1 failed, 1 skipped"])
        self.assertEqual(status, 1)

    def test_is_green_only_when_nothing_failed(self):
        self.assertEqual(self.summarise({"python": PYTHON}), (0, ["4 passed, 0 failed, 0 skipped"]))
        self.assertEqual(self.summarise({"python": PYTHON}, checks=1)[0], 1)

    def test_a_run_without_tests_is_a_failure(self):
        self.assertEqual(self.summarise({})[0], 1)


class Counts(unittest.TestCase):
    def test_reads_unittests_last_lines(self):
        self.assertEqual(python_tests.counts_of("x\nRan 7 tests in 1s\n\nFAILED (failures=1, errors=2, skipped=1)\n", 1), (7, 3, 1))
        self.assertEqual(python_tests.counts_of("Ran 1 test in 0s\n\nOK (skipped=1)\n", 0), (1, 0, 1))

    def test_a_file_that_breaks_is_a_failure(self):
        self.assertEqual(python_tests.counts_of("SyntaxError", 1), (1, 1, 0))
        self.assertEqual(python_tests.counts_of("Ran 2 tests in 0s\n\nOK\n", -9), (2, 1, 0))


if __name__ == "__main__":
    unittest.main()
