#!/usr/bin/env python3
"""Runs every tests/**/test_*.py that ctest does not run itself, each in a process of its own, and writes a JUnit report.

    python_tests.py BUILD_FOLDER REPORT
"""
import json
import os
import pathlib
import re
import subprocess
import sys
import time
from xml.etree import ElementTree

ROOT = pathlib.Path(__file__).resolve().parents[2]
LIMIT_S = 900
SUMMARY = re.compile(r"^Ran (\d+) tests?", re.MULTILINE)
COUNT = re.compile(r"(failures|errors|skipped|expected failures|unexpected successes)=(\d+)")


def files_run_by_ctest(build):
    listed = subprocess.run(["ctest", "--test-dir", build, "--show-only=json-v1"], capture_output=True, text=True, check=True)
    tests = json.loads(listed.stdout)["tests"]
    return {os.path.realpath(word) for test in tests for word in test.get("command", []) if word.endswith(".py")}


def counts_of(output, status):
    """(tests, failed, skipped) from unittest's last lines; a file that never got so far counts as one failed test."""
    ran = SUMMARY.search(output)
    if not ran:
        return 1, 1, 0
    found = {name: int(number) for name, number in COUNT.findall(output[ran.end():])}
    failed = found.get("failures", 0) + found.get("errors", 0) + found.get("unexpected successes", 0)
    if status not in (0, 5) and failed == 0:
        failed = 1
    return max(int(ran.group(1)), failed), failed, found.get("skipped", 0)


def run(path):
    environment = dict(os.environ)
    environment["PYTHONPATH"] = os.pathsep.join(filter(None, [str(ROOT / "coordinator/clients/python"), environment.get("PYTHONPATH")]))
    command = ["/usr/bin/python3", "-m", "unittest", "-v", path.name]
    try:
        done = subprocess.run(command, cwd=path.parent, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, errors="replace", timeout=LIMIT_S)
        return done.stdout, done.returncode
    except subprocess.TimeoutExpired as late:
        written = late.stdout or b""
        return written.decode(errors="replace") + f"\ndid not end within {LIMIT_S} s\n", 1


def main(build, report):
    by_ctest = files_run_by_ctest(build)
    total = failed = skipped = 0
    suites = ElementTree.Element("testsuites")
    for path in sorted((ROOT / "tests").rglob("test_*.py")):
        if "node_modules" in path.parts or os.path.realpath(path) in by_ctest:
            continue
        began = time.monotonic()
        output, status = run(path)
        ran, wrong, left_out = counts_of(output, status)
        name = path.relative_to(ROOT).as_posix()
        print(f"{'FAILED' if wrong else 'ok    '}  {name}: {ran} tests, {wrong} failed, {left_out} skipped, {time.monotonic() - began:.1f} s",
              flush=True)
        if wrong:
            print(output, flush=True)
        for reason in re.findall(r"^(.*) \.\.\. skipped '(.*)'$", output, re.MULTILINE):
            print(f"        skipped {reason[0]}: {reason[1]}", flush=True)
        ElementTree.SubElement(suites, "testsuite", name=name, tests=str(ran), failures=str(wrong), skipped=str(left_out))
        total, failed, skipped = total + ran, failed + wrong, skipped + left_out
    suites.set("tests", str(total))
    suites.set("failures", str(failed))
    suites.set("skipped", str(skipped))
    ElementTree.ElementTree(suites).write(report)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2]))
