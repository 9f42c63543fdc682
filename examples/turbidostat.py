"""A turbidostat: holds the optical density of vial A around a setpoint by diluting it with fresh medium.

Light that passes straight through the vial (the 180 degree photodiode) is compared with the light of the lamp (the
reference photodiode). While the optical density is above the upper edge of the band, fresh medium is pumped in and
culture out, until it is below the lower edge; then the culture grows again.

Parameters, from the experiment's `params` or the environment:
  run_seconds  60     seconds of real time after which it ends
  target_od    0.5    the optical density to hold
  band         0.05   half the width of the band, relative to the target
  flow         0.009  mL/s of medium while it dilutes
  celsius      31     the culture's temperature

Leaves turbidostat.csv, turbidostat.png and summary.json in the output folder, and the vessel safe.
"""

import json
import math
import signal
import sys
import time
from dataclasses import dataclass, field

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

import labhub

RUN_SECONDS = labhub.experiment.param("run_seconds", 60.0)
TARGET_OD = labhub.experiment.param("target_od", 0.5)
BAND = labhub.experiment.param("band", 0.05)
FLOW_ML_S = labhub.experiment.param("flow", 0.009)
CELSIUS = labhub.experiment.param("celsius", 31.0)

# Of this vessel. Each optical density takes half a decade of the light on its way through the vial; without any light
# the photodiodes give the dark voltage.
DARK_V = 0.012
DECADES_PER_OD = 0.5
LEAST_LIGHT_V = 0.2  # a reference below this is a lamp that is off
VOLUME_ML = 25.0
ROOM_CELSIUS = 25.0
PERCENT_PER_KELVIN = 5.0  # the peltier's power that holds the block one kelvin above the room
STIRRER_PERCENT = 40
# Waste is drawn faster than medium comes, so that the waste tube's end sets the volume and nothing can run over.
WASTE_TO_MEDIUM = 1.25

SENSORS = ["vial_A_180_degree", "vial_A_reference", "vial_A_temp"]
REPORT_EVERY = 3.0
INK, OD_COLOUR, BAND_COLOUR, PUMP_COLOUR, HEAT_COLOUR = "#3d4451", "#14746f", "#cfe8e4", "#3b6fb6", "#c2571a"


def optical_density(sample):
    """From the light that passes; NaN where there is no light to tell it from."""
    lamp = sample.vial_A_reference - DARK_V
    passed = sample.vial_A_180_degree - DARK_V
    if not (lamp > LEAST_LIGHT_V and passed > 0):
        return math.nan
    return -math.log10(passed / lamp) / DECADES_PER_OD


def heating(celsius):
    """The peltier's power in percent: what the room takes, and more the further the culture is off."""
    if math.isnan(celsius):
        return 0.0
    power = PERCENT_PER_KELVIN * (CELSIUS - ROOM_CELSIUS) + 5.0 * (CELSIUS - celsius)
    return round(min(100.0, max(-100.0, power)), 1)


@dataclass
class Dilution:
    """The pumps of vial A: on above the band, off below it. Remembers when they ran."""

    vessel: labhub.Vessel
    pulses: list = field(default_factory=list)  # [began, ended or None] in seconds since 1970
    is_on: bool = False

    def decide(self, od):
        if math.isnan(od):
            self.switch(False)  # never dilute blindly
        elif od > TARGET_OD * (1 + BAND):
            self.switch(True)
        elif od < TARGET_OD * (1 - BAND):
            self.switch(False)

    def switch(self, on):
        if on == self.is_on:
            return
        flow = FLOW_ML_S if on else 0.0
        self.vessel.set(pump_A_in=flow, pump_A_out=flow * WASTE_TO_MEDIUM)
        self.is_on = on
        if on:
            self.pulses.append([time.time(), None])
        else:
            self.pulses[-1][1] = time.time()

    def seconds_until(self, moments):
        """How long the pumps had run by each of these moments."""
        ran = np.zeros(len(moments))
        for began, ended in self.pulses:
            ran += np.clip(moments, began, ended or math.inf) - began
        return ran


def run(vessel, dilution, rows):
    """The control loop: one turn for each sample."""
    vessel.set(led=True, stirrer=STIRRER_PERCENT)
    reported, power = -math.inf, 0.0
    for sample in vessel.stream(duration=RUN_SECONDS, metrics=SENSORS):
        od = optical_density(sample)
        dilution.decide(od)
        wanted = heating(sample.vial_A_temp)
        if abs(wanted - power) >= 1.0:
            power = vessel.set(peltier=wanted)["peltier"]
        rows.append(
            {
                "time": sample.time,
                "elapsed_s": sample.elapsed,
                "od": od,
                "celsius": sample.vial_A_temp,
                "pump_ml_s": FLOW_ML_S if dilution.is_on else 0.0,
                "peltier_percent": power,
            }
        )
        if sample.elapsed - reported >= REPORT_EVERY:
            reported = sample.elapsed
            action = "diluting" if dilution.is_on else "growing"
            print(f"{sample.elapsed:6.1f} s   OD {od:.3f} (target {TARGET_OD:.2f})   {sample.vial_A_temp:.1f} °C   {action}")


def fit(features, values):
    """Coefficients of a linear model, by scikit-learn where it is installed, else by numpy."""
    try:
        from sklearn.linear_model import LinearRegression
    except ImportError:
        design = np.column_stack([features, np.ones(len(values))])
        return np.linalg.lstsq(design, values, rcond=None)[0][:-1]
    return LinearRegression().fit(features, values).coef_


def growth_rate(table, dilution):
    """The specific growth rate in 1/h of the culture's own time, and how fast that time ran; NaN where it can't be had.

    ln(OD) rises with time at the growth rate and falls with the time the pumps ran at the dilution rate. The fit gives
    both in units of the clock. The dilution rate is known from flow and volume, so that their ratio is a growth rate
    that also holds where a simulation runs its biology faster than the clock.
    """
    good = table[table.od > 0]
    if len(good) < 10 or not dilution.pulses:
        return math.nan, math.nan
    ran = dilution.seconds_until(good.time.to_numpy())
    if ran[-1] <= 0:
        return math.nan, math.nan
    rise, fall = fit(np.column_stack([good.elapsed_s, ran]), np.log(good.od.to_numpy()))
    known = FLOW_ML_S / VOLUME_ML * 3600.0
    return float(rise / -fall * known), float(-fall * 3600.0 / known)


def style(axes, label, colour=INK):
    axes.set_ylabel(label, color=colour)
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color("#b8bec8")
    axes.tick_params(colors=INK, length=3)
    axes.grid(axis="y", color="#eceff3", linewidth=0.8)
    axes.set_axisbelow(True)
    axes.margins(x=0.01)


def draw(table, dilution, path, caption):
    """Density with its band, the pumps, the temperature, over one time axis."""
    plt.rcParams.update({"font.size": 10, "axes.labelsize": 10, "text.color": INK, "axes.titlelocation": "left"})
    figure, (density, pumps, heat) = plt.subplots(
        3, 1, sharex=True, figsize=(9.5, 7.2), layout="constrained", gridspec_kw={"height_ratios": [3.4, 0.9, 1.3]}
    )
    start = table.time.iloc[0] - table.elapsed_s.iloc[0]
    low, high = TARGET_OD * (1 - BAND), TARGET_OD * (1 + BAND)
    density.axhspan(low, high, color=BAND_COLOUR, linewidth=0, label=f"band {low:.3f} to {high:.3f}")
    density.axhline(TARGET_OD, color=OD_COLOUR, linewidth=1, linestyle=(0, (4, 3)), alpha=0.7, label=f"target {TARGET_OD:.2f}")
    density.plot(table.elapsed_s, table.od, color=OD_COLOUR, linewidth=1.6, marker="o", markersize=2.6, label="vial A")
    density.legend(frameon=False, ncols=3, loc="lower right", fontsize=9)
    density.set_title("Turbidostat, vial A\n", fontsize=13, fontweight="semibold", color=INK)
    density.text(0, 1.03, caption, transform=density.transAxes, fontsize=9.5, color="#6b7280")
    style(density, "optical density")
    edges, levels = [0.0], [0.0]
    for began, ended in dilution.pulses:
        for moment, level in ((began, FLOW_ML_S), (ended or table.time.iloc[-1], 0.0)):
            edges += [moment - start] * 2
            levels += [levels[-1], level]
    edges.append(table.elapsed_s.iloc[-1])
    levels.append(levels[-1])
    pumps.fill_between(edges, np.array(levels) * 1000, color=PUMP_COLOUR, alpha=0.85, linewidth=0)
    pumps.set_ylim(0, FLOW_ML_S * 1000 * 1.15)
    style(pumps, "medium (µL/s)")
    heat.axhline(CELSIUS, color=HEAT_COLOUR, linewidth=1, linestyle=(0, (4, 3)), alpha=0.7)
    heat.plot(table.elapsed_s, table.celsius, color=HEAT_COLOUR, linewidth=1.6)
    style(heat, "temperature (°C)")
    heat.set_xlabel("time (s)", color=INK)
    figure.align_ylabels()
    figure.savefig(path, dpi=150)
    plt.close(figure)


def report(rows, dilution, folder):
    """CSV, figure and summary of what was measured."""
    if not rows:
        print("nothing was measured")
        return
    table = pd.DataFrame(rows)
    table.to_csv(folder / "turbidostat.csv", index=False)
    rate, pace = growth_rate(table, dilution)
    above = table.od > TARGET_OD
    held = table.od[(above != above.iloc[0]).cummax()]  # from when it first crossed the target
    summary = {
        "target_od": TARGET_OD,
        "samples": len(table),
        "pulses": len(dilution.pulses),
        "mean_od": held.mean(),
        "sd_od": held.std(),
        "growth_rate_per_h": rate,
        "culture_hours_per_hour": pace,
    }
    known = {name: None if isinstance(value, float) and math.isnan(value) else value for name, value in summary.items()}
    (folder / "summary.json").write_text(json.dumps(known, indent=2) + "\n", encoding="utf-8")
    caption = f"{len(table)} samples, {len(dilution.pulses)} pulses of medium"
    if rate > 0:
        caption += f"   ·   growth rate {rate:.2f} per hour of culture time (doubling in {math.log(2) / rate:.2f} h)"
    draw(table, dilution, folder / "turbidostat.png", caption)
    if len(held):
        print(f"held OD {held.mean():.3f} ± {held.std():.3f} around {TARGET_OD:.2f} with {len(dilution.pulses)} pulses of medium")
    else:
        print(f"the density never reached {TARGET_OD:.2f}")
    if not math.isnan(rate):
        print(f"growth rate {rate:.2f} 1/h; the culture lived {pace:.0f} times as fast as the clock")
    print("wrote turbidostat.csv, turbidostat.png, summary.json")


def main():
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # a stop still leaves table and figure
    vessel = labhub.vessel()
    dilution = Dilution(vessel)
    rows = []
    print(f"{vessel.name}: holding vial A at OD {TARGET_OD:.2f} and {CELSIUS:.0f} °C for {RUN_SECONDS:.0f} s")
    try:
        run(vessel, dilution, rows)
    finally:
        vessel.hold("turbidostat ended")
        if dilution.pulses and dilution.pulses[-1][1] is None:
            dilution.pulses[-1][1] = time.time()
        report(rows, dilution, labhub.experiment.output)


if __name__ == "__main__":
    main()
