"""Hostile programs against the real sandbox: each file of tests/sandbox/hostile proves one denial, judged from the host.

What a header means stands in hostile_lab.py. `python3 -m unittest test_hostile.py -k net_` runs some of them.
"""
import concurrent.futures
import os
import sys
import unittest

import hostile_hub
import hostile_lab
from hostile_host import Host

PROGRAMS = hostile_lab.programs()
WORKERS = 3
FIRST = "wall_stands"


def asked(programs):
    """Those that this run is about; all where none is named."""
    patterns = [sys.argv[at + 1] for at, word in enumerate(sys.argv[:-1]) if word == "-k"]
    return [program for program in programs if not patterns or any(pattern.strip("*") in program.name for pattern in patterns)]


class Sandboxes:
    """All programs of a test class in sandboxes of one runtime, a few at a time; a test awaits its own."""

    def __init__(self, runtime, programs):
        self.host = Host()
        self.pool = concurrent.futures.ThreadPoolExecutor(1 if runtime == "hub" else WORKERS)
        self.ends = {}
        self.runners = hostile_lab.Runners(self.host, runtime if runtime == "runc" else "auto")
        self.why_not = self.runners.why_not()
        if self.why_not:
            return
        if runtime == "crun without user namespace" and not self.runners.forbid_user_namespaces():
            self.why_not = "user namespaces don't work here: all the others run without"
            return
        if runtime == "hub":
            self.runners.close()
            self.runners = hostile_hub.Hub(self.host)
        # Some of the others would harm a machine: none starts before it is proven that a sandbox stands.
        first = next(program for program in PROGRAMS if program.name == FIRST)
        self.stands = self.wrong_with(first)
        if not self.stands:
            self.ends = {program.name: self.pool.submit(self.wrong_with, program) for program in programs}

    def wrong_with(self, program):
        seen, left = self.runners.run(program)
        wrong = hostile_lab.judge(program, seen, left, self.host.trouble(seen.sandbox), self.host.secret)
        if wrong:
            wrong.append(f"stdout: {seen.out[-1500:].decode(errors='replace')}")
            wrong.append(f"stderr: {seen.err[-1500:].decode(errors='replace')}")
        return wrong

    def close(self):
        self.pool.shutdown(cancel_futures=True)
        self.runners.close()
        self.host.close()


class Battery(unittest.TestCase):
    runtime = "crun"
    programs = []

    @classmethod
    def setUpClass(cls):
        cls.sandboxes = Sandboxes(cls.runtime, asked(cls.programs))
        cls.addClassCleanup(cls.sandboxes.close)

    def look_at(self, program):
        if self.sandboxes.why_not:
            self.skipTest(self.sandboxes.why_not)
        self.assertEqual(self.sandboxes.stands, [], "no sandbox stands, and hostile programs are run in nothing less")
        end = self.sandboxes.ends.get(program.name)
        wrong = end.result(hostile_lab.END_LIMIT_S * 3) if end else self.sandboxes.wrong_with(program)
        self.assertEqual(wrong, [], "\n".join(wrong))


def battery(name, runtime, programs):
    def test_of(program):
        test = lambda self: self.look_at(program)
        test.__doc__ = program.what
        return test
    return type(name, (Battery,), {"runtime": runtime, "programs": programs, "__module__": __name__,
                                   **{f"test_{program.name}": test_of(program) for program in programs}})


IN_RUNNERS = [program for program in PROGRAMS if program.head.get("through", "runner") == "runner"]
WithCrun = battery("WithCrun", "crun", IN_RUNNERS)
ThroughHub = battery("ThroughHub", "hub", [program for program in PROGRAMS if program not in IN_RUNNERS])
SOME = [program for program in IN_RUNNERS if "runc" in program.head.get("runtimes", "")]
WithRunc = battery("WithRunc", "runc", SOME)
WithoutUserNamespace = battery("WithoutUserNamespace", "crun without user namespace", SOME)

CONTROLLED = [program for program in PROGRAMS if not program.head["control"].startswith("none")]


class Controls(unittest.TestCase):
    """The same programs where nothing denies them: they must say ESCAPED, or would never notice an escape."""

    @classmethod
    def setUpClass(cls):
        if os.geteuid() != 0:
            raise unittest.SkipTest("a control runs as root")
        cls.host = Host()
        cls.addClassCleanup(cls.host.close)
        pool = concurrent.futures.ThreadPoolExecutor(WORKERS)
        cls.addClassCleanup(pool.shutdown, cancel_futures=True)
        cls.ends = {program.name: pool.submit(hostile_lab.control, program, cls.host) for program in asked(CONTROLLED)}

    def look_at(self, program):
        end = self.ends.get(program.name)
        word, told = end.result(hostile_lab.CONTROL_LIMIT_S * 10) if end else hostile_lab.control(program, self.host)
        if not word.startswith("ESCAPED"):
            self.assertTrue(word.startswith("denied"), (word, told))
            missing = ("ENOSYS", "EAFNOSUPPORT", "EPROTONOSUPPORT", "ESOCKTNOSUPPORT", "ENOENT", "ENODEV", "EOPNOTSUPP")
            if all(any(f" {name} " in denial for name in missing) for denial in word.removeprefix("denied: ").split("; ")):
                self.skipTest(f"this kernel has nothing to deny: {word[:200]}")
        self.assertTrue(word.startswith("ESCAPED"), (word, told))


for one in CONTROLLED:
    setattr(Controls, f"test_{one.name}", lambda self, program=one: self.look_at(program))


if __name__ == "__main__":
    unittest.main()
