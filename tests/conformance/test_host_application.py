"""labhub-coordinator before the broker that watches: each requirement for Sparkplug B host applications."""
import unittest

from conformance_test import make_tests, need_peers
from host_scenario import host_recording

make_tests(globals(), "host", host_recording)


class Leniency(unittest.TestCase):
    """What the host takes from senders that err (reference: tahu #76, #218; node-red-contrib-mqtt-sparkplug-plus)."""

    @classmethod
    def setUpClass(cls):
        need_peers()
        cls.values = host_recording().snapshot("oddly typed read")["values"]

    def test_uint32_is_read_from_either_field(self):
        self.assertEqual(self.values["u32_spec"], 4_000_000_002)
        self.assertEqual(self.values["u32_tahu"], 4_000_000_003)

    def test_narrow_integers_are_cut_to_their_width_and_sign_extended(self):
        self.assertEqual(self.values["i8_narrow"], -6)
        self.assertEqual(self.values["i8_wide"], -5)
        self.assertEqual(self.values["i16_narrow"], -5)
        self.assertEqual(self.values["i64"], -5)

    def test_other_types_are_read(self):
        self.assertEqual(self.values["f32"], 0.5)
        self.assertEqual(self.values["text"], "a")

    def test_data_without_datatype_name_and_times_is_read_by_the_birth(self):
        self.assertEqual(self.values["later"], 6.5)
