"""A chemostat in vial A, with a fault planted for the dry run to find: it runs over.

Medium goes into vial A, and waste is drawn from vial B: one letter is wrong.

Parameters, from the experiment's `params` or the environment:
  run_seconds  7200   seconds after which it ends
  flow         0.006  mL/s of medium: 0.86 volumes an hour
"""

import labhub

RUN_SECONDS = labhub.experiment.param("run_seconds", 7200.0)
FLOW_ML_S = labhub.experiment.param("flow", 0.006)


def main():
    vessel = labhub.vessel()
    vessel.set(led=True, stirrer=40)
    vessel.set(pump_A_in=FLOW_ML_S, pump_B_out=FLOW_ML_S)
    for sample in vessel.stream(period=60, duration=RUN_SECONDS):
        print(f"{sample.elapsed / 60:5.1f} min   {sample.vial_A_temp:.1f} °C   straight through {sample.vial_A_180_degree:.4f} V")
    vessel.hold("chemostat ended")


if __name__ == "__main__":
    main()
