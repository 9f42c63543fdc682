#pragma once

#include <random>

namespace labhub::firmware_bridge::sim {

/// How a vial's optical density becomes the volts of its three photodiodes. With the led on:
///
///   V_reference = dark + lamp * full
///   V_180       = dark + lamp * full * 10^(-through * OD)
///   V_135       = dark + lamp * full * (scatter_blank + scatter * OD / (1 + scatter_bend * OD))
///
/// `lamp` is the lamp's brightness, 1 at 25 degrees Celsius, the same for all three: dividing by the
/// reference removes it. Everything also sees a little of the ring light, and has noise.
struct OpticsOptions {
    double dark = 0.012;          ///< V with no light at all
    double full = 2.0;            ///< V of lamp light with a clear vial
    double through = 0.5;         ///< decades per OD on the way through the vial
    double scatter_blank = 0.02;  ///< share scattered by glass and medium
    double scatter = 0.12;        ///< share scattered per OD
    double scatter_bend = 0.10;   ///< 1/OD: scattered light is absorbed again
    double lamp_drift = -0.003;   ///< relative brightness per K; LEDs lose 0.2 to 0.5 % per K
    double ring_bleed = 0.02;     ///< V with the ring light fully white
    double noise_floor = 0.0005;  ///< V, standard deviation
    double noise_share = 0.0015;  ///< of the signal, standard deviation
    double bubble_share = 0.02;   ///< of the signal at full stirring; begins at 70 %
};

/// What shines and stirs.
struct Scene {
    bool led = false;
    double ring = 0;  ///< brightness of the ring light, 0 to 1
    double lamp_celsius = 25;
    double stirrer_percent = 0;
};

class Optics {
  public:
    Optics(const OpticsOptions& options, unsigned seed) : options_(options), noise_(seed) {}

    double through(const Scene& scene, double od);    ///< the 180 degree diode, V
    double scattered(const Scene& scene, double od);  ///< the 135 degree diode, V
    double reference(const Scene& scene);             ///< V

  private:
    double lamp(const Scene& scene) const;
    /// Adds what every diode has: dark level, ring light and noise; no less than 0 V.
    double measured(const Scene& scene, double signal, double noise_share);

    OpticsOptions options_;
    std::mt19937 noise_;
    std::normal_distribution<double> normal_;
};

}  // namespace labhub::firmware_bridge::sim
