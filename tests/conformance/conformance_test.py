"""Makes tests of the table: one named after each id, and one that sees it fail on spoilt recordings."""
import unittest

import requirements_of_payloads  # noqa: F401  adds its chapters to the table
from observed import need_peers
from requirements import TABLE


def test_name(id):
    return "test_" + id.replace("-", "_")


def make_tests(into, profile, record):
    """Puts into a module: Keeps (the rules on what was recorded) and Notices (the rules on what was spoilt)."""
    class Keeps(unittest.TestCase):
        @classmethod
        def setUpClass(cls):
            need_peers()
            cls.recording = record()

    class Notices(Keeps):
        """Every rule fails where it is broken."""

    for requirement in TABLE:
        rule = getattr(requirement, profile)
        if rule is None:
            continue

        def keeps(self, rule=rule):
            rule.check(self.recording)

        def notices(self, rule=rule):
            rule.check_notices(self.recording)
        keeps.__doc__ = rule.says
        setattr(Keeps, test_name(requirement.id), keeps)
        setattr(Notices, test_name(requirement.id), notices)
    # Notices inherits the tests of Keeps by name, and replaces each.
    into["Keeps"], into["Notices"] = Keeps, Notices
    Keeps.__module__ = Notices.__module__ = into["__name__"]
