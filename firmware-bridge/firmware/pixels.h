#pragma once

/* The text forms of a row of lamps: "#rrggbb" for all alike, one "#rrggbb" for each with commas between, and,
 * to change one alone, "N:#rrggbb" with N from 0. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Changes `rgb` (3 * count bytes) as `text` says. On false nothing is changed and *problem says what is
 * wrong. */
bool pixels_apply(const char* text, uint8_t* rgb, size_t count, const char** problem);

/* The shorter of the first two forms; `text` has room for 8 * count bytes, the final zero among them. */
void pixels_format(const uint8_t* rgb, size_t count, char* text);

#ifdef __cplusplus
}
#endif
