#include "firmware-bridge/firmware/board.h"

#include <string.h>

#include <pb_decode.h>
#include <pb_encode.h>

#include "firmware-bridge/firmware/board_outputs.h"
#include "firmware-bridge/firmware/board_replies.h"

static uint64_t uptime(board* self) {
    const uint32_t now = self->hardware->millis(self->hardware->context);
    self->uptime_ms += (uint32_t)(now - self->last_millis);
    self->last_millis = now;
    return self->uptime_ms;
}

bool board_init(board* self, const hal* hardware) {
    memset(self, 0, sizeof *self);
    self->hardware = hardware;
    if (!board_channels_valid(hardware)) return false;
    frame_decoder_init(&self->decoder);
    self->failed_output = NO_OUTPUT;
    self->last_millis = hardware->millis(hardware->context);
    board_make_safe(self);
    return true;
}

static void send_reply(board* self) {
    pb_ostream_t stream = pb_ostream_from_buffer(self->payload, sizeof self->payload);
    if (!pb_encode(&stream, labhub_board_FromBoard_fields, &self->reply)) return;
    const size_t size = frame_encode(self->payload, stream.bytes_written, self->encoded);
    self->hardware->send(self->hardware->context, self->encoded, size);
}

static void on_hello(board* self, const labhub_board_Hello* hello) {
    if (hello->host_id != self->host_id || !self->greeted) {
        self->host_id = hello->host_id;
        self->last_command = 0;
        self->failed_output = NO_OUTPUT;
        self->dead_man_running = false;
        board_make_safe(self);
    }
    self->wrong_protocol = hello->protocol != BOARD_PROTOCOL;
    self->greeted = !self->wrong_protocol;
    reply_hello(self);
}

static void on_heartbeat(board* self, const labhub_board_Heartbeat* heartbeat) {
    if (heartbeat->dead_man_ms < BOARD_MIN_DEAD_MAN_MS || heartbeat->dead_man_ms > BOARD_MAX_DEAD_MAN_MS) {
        reply_failure(self, labhub_board_Code_OUT_OF_RANGE, "dead-man time", "100 to 60000 ms");
        return;
    }
    self->dead_man_ms = heartbeat->dead_man_ms;
    self->last_heartbeat = self->hardware->millis(self->hardware->context);
    self->dead_man_running = true;
    reply_heartbeat(self, uptime(self));
}

/* Of ids that only rise, and may wrap: whether `id` is older than the newest executed. */
static bool is_older(uint32_t id, uint32_t newest) { return (int32_t)(id - newest) < 0; }

static void on_write(board* self, const labhub_board_Write* write) {
    const uint32_t id = self->request.id;
    if (self->last_command != 0 && is_older(id, self->last_command)) {
        reply_failure(self, labhub_board_Code_TOO_OLD, "write", "a later one has been executed");
        return;
    }
    if (!self->dead_man_running) {
        reply_failure(self, labhub_board_Code_NO_HEARTBEAT, "write", "send a heartbeat first");
        return;
    }
    const bool repeated = id == self->last_command;
    if (repeated && self->failed_output != NO_OUTPUT) {
        reply_output_failed(self, self->failed_output);
        return;
    }
    if (!repeated && !board_apply(self, write)) return;
    self->last_command = id;
    reply_applied(self, write);
}

static void on_safe(board* self) {
    board_make_safe(self);
    if (!is_older(self->request.id, self->last_command)) {
        self->last_command = self->request.id;
        self->failed_output = NO_OUTPUT;
    }
    reply_all_outputs(self);
}

static void dispatch(board* self) {
    const labhub_board_ToBoard* request = &self->request;
    if (request->which_body == labhub_board_ToBoard_hello_tag) {
        on_hello(self, &request->body.hello);
    } else if (self->wrong_protocol) {
        reply_failure(self, labhub_board_Code_WRONG_PROTOCOL, "request", "this board speaks protocol 1");
    } else if (!self->greeted) {
        reply_failure(self, labhub_board_Code_HELLO_FIRST, "request", "the board has been started; greet it");
    } else if (request->which_body == labhub_board_ToBoard_describe_tag) {
        reply_describe(self, &request->body.describe);
    } else if (request->which_body == labhub_board_ToBoard_read_tag) {
        reply_read(self, &request->body.read, uptime(self));
    } else if (request->which_body == labhub_board_ToBoard_write_tag) {
        on_write(self, &request->body.write);
    } else if (request->which_body == labhub_board_ToBoard_safe_tag) {
        on_safe(self);
    } else if (request->which_body == labhub_board_ToBoard_heartbeat_tag) {
        on_heartbeat(self, &request->body.heartbeat);
    } else {
        reply_failure(self, labhub_board_Code_NOT_UNDERSTOOD, "request", "it has no body this board knows");
    }
}

static void on_frame(board* self) {
    memset(&self->request, 0, sizeof self->request);
    pb_istream_t stream = pb_istream_from_buffer(self->decoder.bytes, self->decoder.size);
    const bool understood = pb_decode(&stream, labhub_board_ToBoard_fields, &self->request);
    /* Id 0 is nobody's request: an answer to it would look like an event. */
    if (self->request.id == 0) return;
    if (understood)
        dispatch(self);
    else
        reply_failure(self, labhub_board_Code_NOT_UNDERSTOOD, "request",
                      "not a message of this protocol, or too many values");
    send_reply(self);
}

void board_receive(board* self, const uint8_t* bytes, size_t size) {
    for (size_t i = 0; i < size; ++i) {
        if (!frame_decode(&self->decoder, bytes[i])) continue;
        /* A dead-man that has run out counts before a Write or Heartbeat that came after it. */
        board_tick(self);
        on_frame(self);
    }
}

void board_tick(board* self) {
    const uint64_t now = uptime(self);
    if (!self->dead_man_running) return;
    if ((uint32_t)(self->last_millis - self->last_heartbeat) < self->dead_man_ms) return;
    self->dead_man_running = false;
    ++self->dead_man_firings;
    board_make_safe(self);
    reply_event(self, now);
    send_reply(self);
}
