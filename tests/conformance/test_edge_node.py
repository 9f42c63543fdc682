"""labhub-agent and labhub-vessel-sim before the broker that watches: each requirement for Sparkplug B edge nodes."""
from conformance_test import make_tests
from edge_scenario import edge_recording

make_tests(globals(), "edge", edge_recording)
