"""A thousand experiments of one user at once. A file of its own, as each script is read by a Python of its own first."""
import concurrent.futures
import unittest

from people import QuotaCase, status_of

TRIVIAL = "print('done')\n"


class Burst(QuotaCase):
    def test_a_thousand_of_a_user_without_bounds_are_accepted(self):
        with concurrent.futures.ThreadPoolExecutor(8) as many:
            got = list(many.map(lambda _: status_of(self.ada.submit, TRIVIAL, hold=True), range(1000)))
        self.assertEqual(set(got), {200})
        self.assertEqual(self.ada.quota()["has"]["queued"], 1000)
        self.assertEqual(self.lab.wait_end(self.bob.submit(TRIVIAL))["status"], "completed")


if __name__ == "__main__":
    unittest.main()
