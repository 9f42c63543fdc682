#pragma once

namespace labhub::firmware_bridge::sim {

/// What grows, and on what. The defaults are a budding yeast (Saccharomyces cerevisiae) on glucose.
struct Culture {
    /// Specific growth rate at the best temperature with substrate in excess, 1/h. S. cerevisiae on glucose:
    /// 0.3 to 0.6.
    double mu_max = 0.6;
    /// Substrate at which growth is half of that, g/L (Monod). S. cerevisiae on glucose: 0.02 to 0.2.
    double half_saturation = 0.1;
    /// Biomass made of substrate, g/g. Respiring S. cerevisiae: about 0.5.
    double yield = 0.5;
    /// Optical density of 1 g/L dry biomass. S. cerevisiae at 600 nm: 1.5 to 2.5.
    double od_per_g_per_l = 2.0;
    /// Time the inoculum needs to adapt, h (Baranyi and Roberts, Int. J. Food Microbiol. 23, 1994).
    double lag = 0.1;
    /// Cardinal temperatures, degrees Celsius. S. cerevisiae: Salvadó et al., Appl. Environ. Microbiol.
    /// 77(7), 2011.
    double coldest = 2.8, best = 32.3, hottest = 45.4;
    /// Warmer than this it dies of the heat, though it may still grow for a while. S. cerevisiae: about 42 degrees
    /// Celsius (Piper, FEMS Microbiol. Rev. 11, 1993).
    double too_hot = 42;
};

/// The share of mu_max that is left at that temperature, 0 to 1: the cardinal temperature model with
/// inflection (Rosso et al., Appl. Environ. Microbiol. 61(2), 1995).
double temperature_factor(const Culture& culture, double celsius);

}  // namespace labhub::firmware_bridge::sim
