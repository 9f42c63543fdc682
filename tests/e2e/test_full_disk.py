"""Disks that fill up, the node's and the coordinator's: what was stored stays, live data goes on, and all recovers by
itself when there is space again."""
import contextlib
import os
import subprocess
import time
import unittest

from lab import wait_for
from ledgers import LedgerFleet


@contextlib.contextmanager
def small_disk(folder, megabytes):
    """A disk of its own at `folder`, and the file that fills it."""
    folder.mkdir(exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={megabytes}m,mode=0700", "labhub-test", folder], check=True, timeout=30)
    try:
        yield folder / "filler"
    finally:
        subprocess.run(["umount", "-l", folder], check=True, timeout=30)


def fill(filler):
    with open(filler, "ab", buffering=0) as file, contextlib.suppress(OSError):
        while file.write(bytes(64 * 1024)):
            pass
    with open(filler, "ab", buffering=0) as file, contextlib.suppress(OSError):
        while file.write(bytes(512)):
            pass


@unittest.skipUnless(os.geteuid() == 0, "only root can mount a small disk")
class FullDisk(unittest.TestCase):
    def setUp(self):
        self.fleet = LedgerFleet(nodes=2)
        self.lab, self.node = self.fleet.lab, self.fleet.names[0]
        self.stack = contextlib.ExitStack()
        self.addCleanup(self.stack.close)

    def newest(self):
        """When the node's newest stored reading was measured, ms."""
        listed = self.lab.request("GET", "/api/telemetry/series")["series"]
        return max((series["last"] or "" for series in listed if series["node"] == self.node), default="")

    def wait_for_newer(self, what):
        before = self.newest()
        wait_for(what, lambda: self.newest() > before, 30)

    def stored(self):
        return self.lab.request("GET", "/metrics").decode().split("\nlabhub_samples_stored_total ")[1].split("\n")[0]

    def finish(self):
        self.fleet.drain()
        return self.fleet.findings()

    def test_a_nodes_full_disk_stops_nothing_and_loses_nothing_it_had_stored(self):
        filler = self.stack.enter_context(small_disk(self.lab.folder / self.node, 16))
        self.stack.enter_context(self.fleet)
        wait_for("readings in the store", self.newest)
        self.lab.kill("coordinator")
        time.sleep(3)  # of readings that only the spool has
        full_since = time.time() * 1000
        fill(filler)
        time.sleep(2)
        self.lab.start_coordinator()
        self.wait_for_newer("live readings, though nothing can be stored on the node")
        filler.unlink()
        live_again = time.time() * 1000
        found = self.finish()
        self.assertGreater(found.produced, 2 * 20 * 10 * 3)
        self.assertEqual((found.wrong, found.repeated, found.strange), ([], [], []), found.summary())
        # What was measured while neither the disk nor the hub could take it has nowhere to be.
        self.assertEqual([lost for lost in found.missing if lost[0] != self.node or not full_since - 500 < lost[2] < live_again], [])

    def test_the_coordinators_full_disk_loses_nothing(self):
        filler = self.stack.enter_context(small_disk(self.lab.folder / "data", 48))
        self.stack.enter_context(self.fleet)
        wait_for("readings in the store", self.newest)
        fill(filler)
        before = wait_for("the store to stop", lambda: self.stops_storing(), 60)
        self.assertIn(self.lab.request("GET", "/health")["status"], ("healthy", "degraded", "unhealthy"))
        time.sleep(4)
        self.assertEqual(self.stored(), before, "nothing is stored, and it still answers")
        filler.unlink()
        wait_for("readings stored again", lambda: self.stored() != before, 30)
        found = self.finish()
        self.assertTrue(found.is_clean(), found.summary())
        self.assertGreater(found.produced, 2 * 20 * 10 * 4)

    def stops_storing(self):
        before = self.stored()
        time.sleep(3)  # a busy machine alone can hold it up for one
        return before if self.stored() == before else None


if __name__ == "__main__":
    unittest.main()
