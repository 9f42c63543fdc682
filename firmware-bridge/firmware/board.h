#pragma once

/* The board's side of shared/proto/board.proto: bytes in, frames, dispatch, bytes out. Portable C11, no heap,
 * no operating system, all state in one struct of fixed size.
 *
 * Safety, whatever the host does: outputs are safe from board_init on; limits are checked here again; a Write
 * is refused unless a dead-man time is running; when it runs out, or another host process greets, or an
 * output fails, all outputs go safe. A Write is executed once, however often it is repeated under its id, even
 * one that failed half-way. An older Write that arrives late (or repeated) is never executed after a newer
 * Write or Safe. */

#include "firmware-bridge/firmware/hal.h"
#include "firmware-bridge/frame/frame.h"
#include "nanopb/shared/proto/board.pb.h"

#ifdef __cplusplus
extern "C" {
#endif

enum { BOARD_PROTOCOL = 1, BOARD_MIN_DEAD_MAN_MS = 100, BOARD_MAX_DEAD_MAN_MS = 60000, NO_OUTPUT = 0xFFFF };

/* The outputs as they are, or as a Write would make them. */
typedef struct {
    double numbers[HAL_MAX_CHANNELS]; /* by channel; unused for sensors and pixels */
    uint8_t rgb[3 * HAL_MAX_PIXELS];
} board_outputs;

typedef struct {
    const hal* hardware;
    frame_decoder decoder;
    board_outputs outputs;
    board_outputs wanted; /* scratch of a Write that is being checked */
    uint64_t host_id;
    bool greeted;           /* a Hello of our protocol came since the start */
    bool wrong_protocol;    /* the last Hello spoke another one */
    uint32_t last_command;  /* id of the newest Write or Safe executed for this host */
    uint32_t failed_output; /* the channel at which that Write failed, or NO_OUTPUT */
    bool dead_man_running;
    uint32_t dead_man_ms, last_heartbeat;
    uint32_t dead_man_firings;
    uint32_t last_millis; /* to count the wraps of hal.millis */
    uint64_t uptime_ms;
    labhub_board_ToBoard request; /* scratch, too large for the stack of a small board */
    labhub_board_FromBoard reply;
    uint8_t payload[FRAME_MAX_PAYLOAD];
    uint8_t encoded[FRAME_MAX_ENCODED];
} board;

/* Takes over the hardware and puts every output at its safe value. `hardware` must outlive the board. False:
 * the table of channels breaks a limit of hal.h, a programmer's mistake. */
bool board_init(board* self, const hal* hardware);

/* Bytes as they came from the host. Answers are sent before it returns. */
void board_receive(board* self, const uint8_t* bytes, size_t size);

/* Looks at the dead-man. Call it at least every 10 ms, and always: it must not depend on bytes coming in. */
void board_tick(board* self);

#ifdef __cplusplus
}
#endif
