"""The runner's own tests on a kernel that has version 2 of control groups and no other, with crun and with runc: what holds
there is not what holds with version 1 or a mixture of both. `LABHUB_CGROUP2=all` runs all of them instead of those that
depend on control groups. A kernel in software takes ten minutes for what a real one does in half of one, so `scripts/test` leaves
it out: `scripts/test-cgroup2` runs it."""
import os
import re
import unittest

import guest
import machine

ASKED_FOR = os.environ.get("LABHUB_CGROUP2", "")
WHY_NOT = guest.why_not_here() if ASKED_FOR else "takes ten minutes in software; scripts/test-cgroup2 runs it"
TESTS = machine.BIN.parent / "tests/labhub_sandbox_test"
ALL = ASKED_FOR == "all"
# Not those that measure processor time, of which the emulation alone takes more. Limits and what tells their ends apart, freezing, and what a killed runner leaves.
CHOSEN = "Limit.Memory*:Limit.SharedMemory*:Limit.Processes*:Survival.KilledRunner*:Life.Completes*:Paused.StandsStill*:Paused.StoppedWhile*:Ready.SandboxThatWaitedGets*"
SCRIPT = """
export LABHUB_BIN={bin} LABHUB_SOURCE={source} LABHUB_SANDBOX_RUNTIME={runtime}
[ -e /sys/fs/cgroup/memory ] && exit 99
{tests} --gtest_filter='{filter}' --gtest_color=no
status=$?
echo "left: $(find /sys/fs/cgroup/labhub -mindepth 1 -type d 2>/dev/null | wc -l)"
exit $status
"""


@unittest.skipIf(WHY_NOT, WHY_NOT)
class Cgroup2(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.guest = guest.Guest(machine.ROOT / "build/guest")
        try:
            cls.guest.kernel()
        except OSError as error:
            raise unittest.SkipTest(f"no kernel for the guest: {error}")

    def run_with(self, runtime):
        ended = self.guest.run(SCRIPT.format(bin=machine.BIN, source=machine.ROOT, tests=TESTS, runtime=runtime, filter="*" if ALL else CHOSEN),
                               limit_s=3600 if ALL else 900)
        passed = re.search(r"\[  PASSED  \] (\d+) tests?", ended.text)
        print(f"{runtime}: {passed[1] if passed else 0} passed")
        self.assertEqual(ended.status, 0, ended.text[-20000:])
        self.assertGreater(int(passed[1]), 6)
        self.assertIn("left: 0", ended.text, "control groups are left")

    def test_holds_with_crun(self):
        self.run_with("crun")

    def test_holds_with_runc(self):
        self.run_with("runc")


if __name__ == "__main__":
    unittest.main()
