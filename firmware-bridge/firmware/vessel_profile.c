#include "firmware-bridge/firmware/vessel_profile.h"

#include <math.h>

#define LIGHT_180 "light through the vial"
#define LIGHT_135 "light scattered by the vial at 135 degrees"
#define LIGHT_REF "light of the optical-density lamp before the vial"

#define SWITCH(name, text) \
    { name, HAL_OUTPUT, HAL_BOOLEAN, "", text, 0, 1, 0 }
#define PIXELS(name, text) \
    { name, HAL_OUTPUT, HAL_PIXELS, "", text, 0, 0, 0 }
#define OUTPUT(name, unit, low, high, text) \
    { name, HAL_OUTPUT, HAL_NUMBER, unit, text, low, high, 0 }
#define PUMP(vial, way, text) OUTPUT("pump_" vial "_" way, "mL/s", 0, 10, text " vial " vial)
#define SENSOR(name, unit, text) \
    { name, HAL_SENSOR, HAL_NUMBER, unit, text, -INFINITY, INFINITY, 0 }

const hal_channel vessel_channels[VESSEL_CHANNELS] = {
    SWITCH("led", "lamp of the optical-density measurement"),
    PIXELS("ring_light", "32 lamps: #rrggbb for all, 32 of them with commas, or N:#rrggbb for one"),
    OUTPUT("peltier", "%", -100, 100, "heating power, cooling below zero"),
    OUTPUT("stirrer", "%", 0, 100, "duty of the stirrer motors"),
    PUMP("A", "in", "medium into"),
    PUMP("A", "out", "waste out of"),
    PUMP("B", "in", "medium into"),
    PUMP("B", "out", "waste out of"),
    PUMP("C", "in", "medium into"),
    PUMP("C", "out", "waste out of"),
    PUMP("D", "in", "medium into"),
    PUMP("D", "out", "waste out of"),
    SENSOR("vial_A_180_degree", "V", LIGHT_180),
    SENSOR("vial_A_135_degree", "V", LIGHT_135),
    SENSOR("vial_B_180_degree", "V", LIGHT_180),
    SENSOR("vial_B_135_degree", "V", LIGHT_135),
    SENSOR("vial_C_180_degree", "V", LIGHT_180),
    SENSOR("vial_C_135_degree", "V", LIGHT_135),
    SENSOR("vial_D_180_degree", "V", LIGHT_180),
    SENSOR("vial_D_135_degree", "V", LIGHT_135),
    SENSOR("vial_A_reference", "V", LIGHT_REF),
    SENSOR("vial_B_reference", "V", LIGHT_REF),
    SENSOR("vial_C_reference", "V", LIGHT_REF),
    SENSOR("vial_D_reference", "V", LIGHT_REF),
    SENSOR("io_temp_in", "V", "air into the vessel: 0.5 V + 10 mV per degree Celsius"),
    SENSOR("io_temp_out", "V", "heated block: 0.5 V + 10 mV per degree Celsius"),
    SENSOR("vial_A_temp", "Cel", "culture in vial A"),
    SENSOR("vial_B_temp", "Cel", "culture in vial B"),
    SENSOR("vial_C_temp", "Cel", "culture in vial C"),
    SENSOR("vial_D_temp", "Cel", "culture in vial D"),
    SENSOR("peltier_current", "A", "supply current of the peltier driver, whatever its direction"),
};
