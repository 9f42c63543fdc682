"""What every test here needs: the client on the path, a clean environment, a fake hub that is closed again."""

import os
import sys
import tempfile
import time
import unittest
import warnings
from pathlib import Path
from unittest import mock

ROOT = Path(__file__).resolve().parents[2]
CLIENT = ROOT / "coordinator" / "clients" / "python"
sys.path.insert(0, str(CLIENT))

from fake_hub import FakeHub  # noqa: E402


def environment_of(url, **more):
    """The environment of a sandbox, without what the machine running the tests has set."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("LABHUB_", "BIOREACTOR_"))}
    kept.pop("EXPERIMENT_ID", None)
    return {**kept, "BIOREACTOR_HUB_API_URL": url, "BIOREACTOR_NODE_API_URL": url, **more}


def until(condition, seconds=10.0):
    """Waits for a condition; bounded."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(f"not so within {seconds} s")
        time.sleep(0.005)


class HubTest(unittest.TestCase):
    """A test with a hub of its own and a sandbox's environment, in an empty output folder."""

    environment = {"EXPERIMENT_ID": "exp-1", "LABHUB_RETRY_FOR": "10"}

    def setUp(self):
        warnings.simplefilter("ignore", ResourceWarning)  # tests leave their connections to the collector
        self.hub = FakeHub()
        self.addCleanup(self.hub.close)
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.output = Path(folder.name)
        self.use(**self.environment)

    def use(self, **more):
        names = environment_of(self.hub.url, LABHUB_OUTPUT=str(self.output), **more)
        patch = mock.patch.dict(os.environ, names, clear=True)
        patch.start()
        self.addCleanup(patch.stop)

    @property
    def device(self):
        return self.hub.device
