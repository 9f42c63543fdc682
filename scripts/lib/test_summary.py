#!/usr/bin/env python3
"""Adds up JUnit reports: names what failed, and ends with "N passed, N failed, N skipped".

    test_summary.py FOLDER FAILED_CHECKS
"""
import pathlib
import sys
from xml.etree import ElementTree


def counts(suite):
    number = {key: int(float(suite.get(key, 0))) for key in ("tests", "failures", "errors", "skipped", "disabled")}
    failed = number["failures"] + number["errors"]
    skipped = number["skipped"] + number["disabled"]
    return number["tests"] - failed - skipped, failed, skipped


def failed_cases(root):
    for case in root.iter("testcase"):
        if case.get("status") == "fail" or case.find("failure") is not None or case.find("error") is not None:
            yield case.get("name")


def main(folder, failed_checks):
    passed, failed, skipped = 0, failed_checks, 0
    if failed_checks:
        print("FAILED  static checks (scripts/check)")
    for report in sorted(pathlib.Path(folder).glob("*.xml")):
        root = ElementTree.parse(report).getroot()
        for suite in root.findall("testsuite") if root.tag == "testsuites" else [root]:
            ok, wrong, left_out = counts(suite)
            passed, failed, skipped = passed + ok, failed + wrong, skipped + left_out
            if wrong and not suite.findall("testcase"):
                print(f"FAILED  {suite.get('name')}")
        for name in failed_cases(root):
            print(f"FAILED  {name}")
    if passed + failed == 0:
        print("FAILED  no test was run")
        failed = 1
    print(f"{passed} passed, {failed} failed, {skipped} skipped")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], int(sys.argv[2])))
