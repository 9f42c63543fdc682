"""A batch culture at 31 °C, with a fault planted for the dry run to find: it is cooked.

The heated block's thermometer gives volts (0.5 V and 10 mV per °C) and is compared with degrees, so that it is always
too cold and the heating never stops.

Parameters, from the experiment's `params` or the environment:
  run_seconds  7200   seconds after which it ends
  celsius      31     the temperature that is wanted
"""

import time

import labhub

RUN_SECONDS = labhub.experiment.param("run_seconds", 7200.0)
CELSIUS = labhub.experiment.param("celsius", 31.0)
PERCENT_PER_KELVIN = 20.0


def heating(celsius):
    """The peltier's power in percent: more the colder it is, and none above the target."""
    return min(100.0, max(0.0, PERCENT_PER_KELVIN * (CELSIUS - celsius)))


def main():
    vessel = labhub.vessel()
    vessel.set(led=True, stirrer=40)
    began = time.monotonic()
    while time.monotonic() - began < RUN_SECONDS:
        vessel.set(peltier=heating(vessel.read("io_temp_out")))
        time.sleep(10)
    vessel.hold("batch ended")


if __name__ == "__main__":
    main()
