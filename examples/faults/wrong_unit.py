"""A chemostat for the Bioreactor Hub, with a fault planted for the dry run to find: its flow is in the wrong unit.

The recipe says 0.5 mL a minute; the pumps take mL a second.
"""

import os
import time

from src.bioreactor import Bioreactor
from src.utils import balanced_flow, measure_and_write_sensor_data

DURATION = float(os.environ.get("RUN_SECONDS", "7200"))
FLOW = 0.5


def flow_job(bioreactor):
    balanced_flow(bioreactor, "A_in", FLOW)


def data_job(bioreactor, elapsed):
    measure_and_write_sensor_data(bioreactor, elapsed)


def main():
    with Bioreactor() as bioreactor:
        bioreactor.change_led(True)
        bioreactor.run([(flow_job, 30, True), (data_job, 10, DURATION)])
        time.sleep(DURATION)


if __name__ == "__main__":
    main()
