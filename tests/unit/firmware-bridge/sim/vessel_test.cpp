#include "firmware-bridge/sim/vessel.hpp"

#include <cmath>

#include <gtest/gtest.h>

namespace labhub::firmware_bridge::sim {
namespace {

constexpr double kHour = 3600;

Culture eager() {
    Culture culture;
    culture.lag = 0;
    return culture;
}

TEST(TemperatureFactor, IsOneAtTheBestAndNoneOutsideTheCardinals) {
    const Culture culture;
    EXPECT_NEAR(temperature_factor(culture, culture.best), 1, 1e-9);
    EXPECT_EQ(temperature_factor(culture, culture.coldest), 0);
    EXPECT_EQ(temperature_factor(culture, culture.hottest), 0);
    EXPECT_GT(temperature_factor(culture, 25), 0.5);
    EXPECT_LT(temperature_factor(culture, 25), 0.9);
    EXPECT_LT(temperature_factor(culture, 44), 0.5);
}

TEST(Vial, GrowsAtMuMaxWhenSubstrateIsInExcess) {
    const Culture culture = eager();
    VialOptions options;
    options.substrate = 1000;
    Vial vial(culture, options);
    vial.advance(3 * kHour, 0, 0, culture.best);
    EXPECT_NEAR(std::log(vial.od() / options.od) / 3, culture.mu_max, 0.002 * culture.mu_max);
}

TEST(Vial, GrowsAtHalfTheRateAtTheMonodConstant) {
    const Culture culture = eager();
    VialOptions options;
    options.substrate = culture.half_saturation;
    EXPECT_NEAR(Vial(culture, options).growth_rate(culture.best), culture.mu_max / 2, 1e-6);
}

TEST(Vial, StopsWhenTheSubstrateIsEatenAndWastesNone) {
    const Culture culture = eager();
    const VialOptions options;
    Vial vial(culture, options);
    const double start = vial.biomass();
    vial.advance(48 * kHour, 0, 0, culture.best);
    EXPECT_NEAR(vial.biomass(), start + culture.yield * options.substrate, 0.01);
    EXPECT_NEAR(vial.substrate(), 0, 0.02);
    EXPECT_GE(vial.substrate(), 0);
}

TEST(Vial, TakesItsLagBeforeItGrows) {
    Culture culture;
    culture.lag = 2;
    VialOptions options;
    options.substrate = 1000;
    Vial late(culture, options), prompt(eager(), options);
    late.advance(10 * kHour, 0, 0, culture.best);
    prompt.advance(10 * kHour, 0, 0, culture.best);
    EXPECT_NEAR(std::log(prompt.od() / late.od()) / culture.mu_max, 2, 0.05);
}

TEST(Vial, BalancesItsVolume) {
    const VialOptions options;
    Vial vial(eager(), options);
    vial.advance(600, 0.02, 0.01, 25);
    vial.advance(900, 0.03, 0, 25);
    vial.advance(500, 0, 0.05, 25);
    EXPECT_NEAR(vial.total_in(), 600 * 0.02 + 900 * 0.03, 1e-9);
    EXPECT_GT(vial.total_overflow(), 0);
    EXPECT_NEAR(vial.volume(), options.volume + vial.total_in() - vial.total_out() - vial.total_overflow(), 1e-9);
}

TEST(Vial, NeverHoldsMoreThanItsCapacityNorDrainsBelowTheWasteTube) {
    const VialOptions options;
    Vial vial(eager(), options);
    vial.advance(60, 10, 0, 25);
    EXPECT_NEAR(vial.volume(), options.capacity, 1e-9);
    vial.advance(60, 0, 10, 25);
    EXPECT_NEAR(vial.volume(), options.waste_level, 1e-9);
}

TEST(Vial, KeepsItsBiomassWhenMediumOnlyComesIn) {
    Culture culture = eager();
    culture.mu_max = 0;
    VialOptions options;
    options.volume = 10;
    options.waste_level = 5;
    Vial vial(culture, options);
    const double before = vial.biomass() * vial.volume();
    vial.advance(100, 0.2, 0, 25);
    EXPECT_NEAR(vial.biomass() * vial.volume(), before, 1e-6 * before);
}

TEST(Vial, IsWashedOutAtTheDilutionRate) {
    Culture culture = eager();
    culture.mu_max = 0;
    const VialOptions options;
    Vial vial(culture, options);
    vial.advance(kHour, 0.01, 0.02, 25);
    EXPECT_NEAR(std::log(options.od / vial.od()), 0.01 * kHour / options.volume, 1e-3);
}

TEST(Vial, ComesToRestWhereGrowthIsTheDilution) {
    const Culture culture = eager();
    const VialOptions options;
    Vial vial(culture, options);
    const double dilution = 0.3;  // 1/h
    const double flow = dilution * options.volume / kHour;
    vial.advance(200 * kHour, flow, 2 * flow, culture.best);
    EXPECT_NEAR(vial.growth_rate(culture.best), dilution, 0.01);
    EXPECT_NEAR(vial.substrate(), culture.half_saturation * dilution / (culture.mu_max - dilution), 0.005);
}

TEST(HeatBalance, RestsAtTheRoomsTemperatureWithoutPower) {
    HeatOptions options;
    options.start = 40;
    HeatBalance heat(options);
    heat.advance(6 * kHour, 0, {25, 25, 25, 25}, {});
    EXPECT_NEAR(heat.vial(0), options.ambient, 0.05);
}

TEST(HeatBalance, RestsWhereTheLossIsThePower) {
    const HeatOptions options;
    HeatBalance heating(options), cooling(options);
    heating.advance(6 * kHour, 50, {25, 25, 25, 25}, {});
    EXPECT_NEAR(heating.vial(3), options.ambient + 0.5 * options.heating / options.block_to_room, 0.05);
    cooling.advance(6 * kHour, -100, {25, 25, 25, 25}, {});
    EXPECT_NEAR(cooling.vial(0), options.ambient - options.cooling / options.block_to_room, 0.05);
}

TEST(HeatBalance, IsCooledByTheMediumThatComesIn) {
    HeatOptions options;
    HeatBalance heat(options);
    heat.advance(6 * kHour, 80, {25, 25, 25, 25}, {0.05, 0, 0, 0});
    EXPECT_LT(heat.vial(0), heat.vial(1) - 1);
}

double mean(Vessel& vessel, std::size_t channel, int samples = 400) {
    double sum = 0;
    for (int n = 0; n < samples; ++n) sum += vessel.sense(channel).value_or(NAN);
    return sum / samples;
}

/// The inversion that README.md gives to authors of scripts.
double od_from(double v180, double reference) { return -std::log10((v180 - 0.012) / (reference - 0.012)) / 0.5; }

TEST(Vessel, ShowsItsOpticalDensityByTheDocumentedFormula) {
    for (const double od : {0.0, 0.2, 0.5, 1.0, 2.0}) {
        VesselOptions options;
        options.vial.od = od;
        Vessel vessel(options);
        vessel.set(VESSEL_LED, 1);
        vessel.set(VESSEL_STIRRER, 35);
        EXPECT_NEAR(od_from(mean(vessel, VESSEL_DIODES), mean(vessel, VESSEL_REFERENCES)), od, 0.01);
    }
}

TEST(Vessel, ShowsTheSameDensityWhateverTheLampsTemperature) {
    VesselOptions options;
    options.heat.start = 45;
    Vessel vessel(options);
    vessel.set(VESSEL_LED, 1);
    vessel.set(VESSEL_STIRRER, 35);
    EXPECT_LT(mean(vessel, VESSEL_REFERENCES), 1.95);
    EXPECT_NEAR(od_from(mean(vessel, VESSEL_DIODES), mean(vessel, VESSEL_REFERENCES)), options.vial.od, 0.01);
}

TEST(Vessel, ScattersMoreTheDenserItIs) {
    double last = 0;
    for (const double od : {0.0, 0.2, 0.5, 1.0, 3.0}) {
        VesselOptions options;
        options.vial.od = od;
        Vessel vessel(options);
        vessel.set(VESSEL_LED, 1);
        const double now = mean(vessel, VESSEL_DIODES + 1);
        EXPECT_GT(now, last);
        last = now;
    }
}

TEST(Vessel, IsDarkWithoutTheLed) {
    Vessel vessel(VesselOptions{});
    EXPECT_NEAR(mean(vessel, VESSEL_DIODES), 0.012, 0.001);
    vessel.set_ring(1);
    EXPECT_NEAR(mean(vessel, VESSEL_DIODES), 0.032, 0.001);
}

TEST(Vessel, SettlesWhenNothingStirs) {
    Vessel vessel(VesselOptions{});
    vessel.set(VESSEL_STIRRER, 35);
    vessel.advance(60);
    EXPECT_NEAR(vessel.suspended(), 1, 1e-9);
    vessel.set(VESSEL_STIRRER, 0);
    vessel.advance(kHour);
    EXPECT_LT(vessel.suspended(), 0.65);
    vessel.set(VESSEL_STIRRER, 35);
    vessel.advance(120);
    EXPECT_GT(vessel.suspended(), 0.99);
}

TEST(Vessel, HasTheSameNoiseForTheSameSeed) {
    VesselOptions options;
    options.seed = 5;
    Vessel a(options), b(options);
    options.seed = 6;
    Vessel c(options);
    bool differs = false;
    for (int n = 0; n < 50; ++n) {
        const auto seen = a.sense(VESSEL_DIODES);
        EXPECT_EQ(seen, b.sense(VESSEL_DIODES));
        differs = differs || seen != c.sense(VESSEL_DIODES);
    }
    EXPECT_TRUE(differs);
}

TEST(Vessel, MeasuresTheCurrentOfThePeltierWhateverItsDirection) {
    Vessel vessel(VesselOptions{});
    vessel.set(VESSEL_PELTIER, -50);
    EXPECT_NEAR(mean(vessel, VESSEL_PELTIER_CURRENT), 1.5, 0.01);
    EXPECT_EQ(vessel.sense(VESSEL_STIRRER), std::nullopt);
}

}  // namespace
}  // namespace labhub::firmware_bridge::sim
