#pragma once

/* The hardware of one board, as the protocol core (board.h) sees it. A port to a new board fills in one `hal`
 * and a table of channels; the vessel simulator is such a port. Everything is called from the one thread (or
 * loop) that calls board_receive and board_tick. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

enum {
    HAL_MAX_CHANNELS = 64,
    HAL_MAX_OUTPUTS = 32, /* number and pixel channels together */
    HAL_MAX_PIXELS = 32
};

typedef enum { HAL_SENSOR, HAL_OUTPUT } hal_kind;

typedef enum {
    HAL_NUMBER,
    HAL_INTEGER, /* a number without fraction */
    HAL_BOOLEAN, /* the number 0 or 1 */
    HAL_PIXELS   /* HAL_MAX_PIXELS lamps of three bytes (red, green, blue); outputs only, one channel of a board
                  */
} hal_type;

/* One thing that can be measured or driven. Texts are constants in flash: name at most 64, unit 15,
 * description 96 characters. Minimum and maximum are inclusive and may be infinite. All pixels are dark when
 * safe. */
typedef struct {
    const char* name;
    hal_kind kind;
    hal_type type;
    const char* unit;
    const char* description;
    double minimum, maximum;
    double safe;
} hal_channel;

typedef struct {
    void* context; /* given back to every function below */
    const hal_channel* channels;
    size_t channel_count;
    const char *model, *serial, *firmware; /* at most 47, 47 and 31 characters */
    uint64_t boot_id;                      /* another at each start */

    uint32_t (*millis)(void* context); /* since the start; wraps */
    /* False: the sensor can't be read now. */
    bool (*read)(void* context, size_t channel, double* value);
    /* False: the output could not be driven. Values have been checked against the channel. */
    bool (*write)(void* context, size_t channel, double value);
    bool (*write_pixels)(void* context, size_t channel, const uint8_t* rgb, size_t count);
    /* Bytes for the host. What the line can't take is dropped; the host asks again. */
    void (*send)(void* context, const uint8_t* bytes, size_t size);
} hal;

#ifdef __cplusplus
}
#endif
