#pragma once

/* The board's outputs: check, apply, make safe. Inner part of board.c. */

#include "firmware-bridge/firmware/board.h"

/* Whether the table of channels keeps the limits of hal.h and of the messages. */
bool board_channels_valid(const hal* hardware);

/* Every output to its safe value; goes on past outputs that fail. */
void board_make_safe(board* self);
bool board_all_safe(const board* self);

/* Checks all, then applies all. On false nothing was applied (or, after a failure of the hardware, everything
 * is safe) and the failure stands in self->reply. */
bool board_apply(board* self, const labhub_board_Write* write);
