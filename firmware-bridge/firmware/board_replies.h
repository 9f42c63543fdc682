#pragma once

/* Fills self->reply. Inner part of board.c. */

#include "firmware-bridge/firmware/board.h"

void reply_hello(board* self);
void reply_describe(board* self, const labhub_board_Describe* wanted);
void reply_read(board* self, const labhub_board_Read* part, uint64_t uptime_ms);
/* What the outputs that `write` names stand at, each once. */
void reply_applied(board* self, const labhub_board_Write* write);
void reply_all_outputs(board* self);
void reply_heartbeat(board* self, uint64_t uptime_ms);
void reply_event(board* self, uint64_t uptime_ms);
/* HARDWARE: the channel can't be driven. */
void reply_output_failed(board* self, uint32_t channel);
/* "what: why". */
void reply_failure(board* self, labhub_board_Code code, const char* what, const char* why);
