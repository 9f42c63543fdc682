#pragma once

/* The channels of the default vessel: four vials A to D in one heated block, each with a 180 degree, a 135
 * degree and a reference photodiode, a temperature sensor and two pumps. Order, names and units are what
 * clients know. */

#include "firmware-bridge/firmware/hal.h"

#ifdef __cplusplus
extern "C" {
#endif

enum { VESSEL_VIALS = 4 };

/* Channel numbers. Vial n (A is 0) has pumps at VESSEL_PUMPS + 2n (in) and + 2n + 1 (out), diodes at
 * VESSEL_DIODES + 2n (180 degree) and + 2n + 1 (135 degree), its reference at VESSEL_REFERENCES + n. */
enum {
    VESSEL_LED,
    VESSEL_RING_LIGHT,
    VESSEL_PELTIER,
    VESSEL_STIRRER,
    VESSEL_PUMPS,
    VESSEL_DIODES = VESSEL_PUMPS + 2 * VESSEL_VIALS,
    VESSEL_REFERENCES = VESSEL_DIODES + 2 * VESSEL_VIALS,
    VESSEL_IO_TEMP_IN = VESSEL_REFERENCES + VESSEL_VIALS,
    VESSEL_IO_TEMP_OUT,
    VESSEL_TEMPERATURES,
    VESSEL_PELTIER_CURRENT = VESSEL_TEMPERATURES + VESSEL_VIALS,
    VESSEL_CHANNELS
};

extern const hal_channel vessel_channels[VESSEL_CHANNELS];

#ifdef __cplusplus
}
#endif
