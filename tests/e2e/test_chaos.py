"""The short form of chaos.py: the same rules, a minute of it."""
import unittest

from chaos import Chaos, Plan


class ReadingsUnderFire(unittest.TestCase):
    def test_every_reading_is_stored_once_whatever_is_killed_and_cut(self):
        with Chaos(Plan(seconds=40, nodes=5, metrics=20, rate=10, kills=9, seed=7)) as chaos:
            chaos.run()
            found = chaos.findings()
        self.assertGreater(found.produced, 5 * 20 * 10 * 20, "the nodes measured")
        self.assertGreaterEqual(sum(chaos.done[kind] for kind in ("kill_broker", "kill_coordinator", "kill_agent")), 9)
        self.assertTrue(found.is_clean(), found.summary())


if __name__ == "__main__":
    unittest.main()
