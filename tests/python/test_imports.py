"""Every spelling that scripts use imports, with the standard library alone."""

import subprocess
import sys
import unittest

from support import CLIENT, environment_of

SPELLINGS = """
from bioreactor import Bioreactor
from src.bioreactor import Bioreactor as B2
from bioreactor_client import Bioreactor as B3, BioreactorClient
from src.utils import measure_and_write_sensor_data, pid_controller, balanced_flow, ExtendedKalmanFilter, turbidostat_od_controller
from utils import measure_and_write_sensor_data as m2, pid_controller as p2, balanced_flow as b2, ExtendedKalmanFilter as e2
from utils import turbidostat_od_controller as t2
from bioreactor_client import measure_and_write_sensor_data as m3, pid_controller as p3, balanced_flow as b3
from src.config import Config
from src.config import Config as cfg
import labhub
assert Bioreactor is B2 is B3 and measure_and_write_sensor_data is m2 is m3 and pid_controller is p2 is p3
assert balanced_flow is b2 is b3 and ExtendedKalmanFilter is e2 and turbidostat_od_controller is t2
assert labhub.NoLease is labhub.Conflict and labhub.experiment.id is None
"""


class Imports(unittest.TestCase):
    def run_python(self, code, *flags):
        environment = environment_of("http://127.0.0.1:9", PYTHONPATH=str(CLIENT))
        return subprocess.run(
            [sys.executable, *flags, "-c", code], env=environment, capture_output=True, text=True, timeout=60
        )

    def test_every_spelling_is_the_same_thing(self):
        done = self.run_python(SPELLINGS, "-W", "error")
        self.assertEqual(done.returncode, 0, done.stderr)

    def test_only_the_standard_library_is_needed(self):
        hidden = "import sys\nfor name in ('numpy', 'pandas', 'requests', 'matplotlib'): sys.modules[name] = None\n"
        done = self.run_python(hidden + SPELLINGS)
        self.assertEqual(done.returncode, 0, done.stderr)

    def test_nothing_is_printed_or_sent_by_importing(self):
        done = self.run_python("import labhub, bioreactor, bioreactor_client, utils, src.config")
        self.assertEqual((done.stdout, done.stderr), ("", ""))


if __name__ == "__main__":
    unittest.main()
