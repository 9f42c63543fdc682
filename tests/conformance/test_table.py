"""The table of requirements is whole, and the page made of it is up to date."""
import collections
import unittest

import table
from requirements import TABLE


class Table(unittest.TestCase):
    def test_it_names_every_testable_requirement_once(self):
        """3.0.0 has 299: counted by chapter in the specification."""
        self.assertEqual(len({r.id for r in TABLE}), len(TABLE))
        counted = collections.Counter(r.chapter.split()[0] for r in TABLE)
        self.assertEqual(counted, {"1": 8, "2": 4, "3": 1, "4": 67, "5": 99, "6": 108, "10": 12})

    def test_every_verdict_has_a_rule_or_a_reason(self):
        for requirement in TABLE:
            with self.subTest(requirement.id):
                for rule, verdict in ((requirement.edge, requirement.edge_verdict), (requirement.host, requirement.host_verdict)):
                    if verdict in ("kept", "not kept"):
                        self.assertIsNotNone(rule)
                        self.assertTrue(rule.spoilers)
                    if verdict in ("not kept", "not applicable"):
                        self.assertTrue(requirement.why)
                self.assertTrue(requirement.edge_verdict or requirement.host_verdict or requirement.id.startswith("conformance-mqtt-"))

    def test_the_page_is_up_to_date(self):
        self.assertEqual(table.PAGE.read_text(), table.page(), "run /usr/bin/python3 tests/conformance/table.py")


if __name__ == "__main__":
    unittest.main()
