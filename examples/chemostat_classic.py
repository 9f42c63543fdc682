"""A chemostat, written for the Bioreactor Hub and running unchanged: constant flow, constant temperature, readings to a file.

Ends after RUN_SECONDS seconds (60 unless the environment says otherwise) and leaves bioreactor_data.csv.
"""

import logging
import os
import time

from src.bioreactor import Bioreactor
from src.utils import balanced_flow, measure_and_write_sensor_data, pid_controller

logging.basicConfig(level=logging.INFO, format="%(asctime)s - %(levelname)s - %(message)s")

DURATION = float(os.environ.get("RUN_SECONDS", "60"))
FLOW_ML_S = 0.002
T_SET = 31.0
DT = 1.0


def flow_job(bioreactor):
    balanced_flow(bioreactor, "A_in", FLOW_ML_S)


def temp_job(bioreactor, elapsed):
    pid_controller(bioreactor, setpoint=T_SET, kp=10.0, ki=0.2, kd=0.0, dt=DT, elapsed=elapsed)


def data_job(bioreactor, elapsed):
    row = measure_and_write_sensor_data(bioreactor, elapsed)
    print(f"{elapsed:6.1f} s   {row['vial_A_temp']:.2f} °C   straight through {row['vial_A_180_degree']:.4f} V")


def main():
    with Bioreactor() as bioreactor:
        bioreactor.change_led(True)
        bioreactor.run(
            [
                (flow_job, 30, True),
                (temp_job, DT, True),
                (data_job, 1, DURATION),
            ]
        )
        time.sleep(DURATION)


if __name__ == "__main__":
    main()
