#include "firmware-bridge/firmware/board_replies.h"

#include <math.h>
#include <string.h>

#include "firmware-bridge/firmware/board_outputs.h"
#include "firmware-bridge/firmware/pixels.h"

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

static void begin(board* self, pb_size_t which) {
    memset(&self->reply, 0, sizeof self->reply);
    self->reply.id = self->request.id;
    self->reply.which_body = which;
}

/* `size` counts the final zero, which is always there. */
static void copy_text(char* to, const char* from, size_t size) {
    strncpy(to, from, size - 1);
    to[size - 1] = '\0';
}

void reply_failure(board* self, labhub_board_Code code, const char* what, const char* why) {
    begin(self, labhub_board_FromBoard_failure_tag);
    labhub_board_Failure* failure = &self->reply.body.failure;
    failure->code = code;
    copy_text(failure->text, what, sizeof failure->text);
    strncat(failure->text, ": ", sizeof failure->text - strlen(failure->text) - 1);
    strncat(failure->text, why, sizeof failure->text - strlen(failure->text) - 1);
}

void reply_output_failed(board* self, uint32_t channel) {
    reply_failure(self, labhub_board_Code_HARDWARE, self->hardware->channels[channel].name,
                  "can't be driven; every output is safe now");
}

void reply_hello(board* self) {
    begin(self, labhub_board_FromBoard_hello_tag);
    labhub_board_HelloReply* hello = &self->reply.body.hello;
    hello->protocol = BOARD_PROTOCOL;
    copy_text(hello->firmware, self->hardware->firmware, sizeof hello->firmware);
    copy_text(hello->model, self->hardware->model, sizeof hello->model);
    copy_text(hello->serial, self->hardware->serial, sizeof hello->serial);
    hello->boot_id = self->hardware->boot_id;
    hello->channels = (uint32_t)self->hardware->channel_count;
}

static void describe_channel(const hal_channel* from, labhub_board_Channel* to) {
    static const labhub_board_Type kTypes[] = {labhub_board_Type_NUMBER, labhub_board_Type_INTEGER,
                                               labhub_board_Type_BOOLEAN, labhub_board_Type_PIXELS};
    copy_text(to->name, from->name, sizeof to->name);
    to->kind = from->kind == HAL_OUTPUT ? labhub_board_Kind_OUTPUT : labhub_board_Kind_SENSOR;
    to->type = kTypes[from->type];
    copy_text(to->unit, from->unit, sizeof to->unit);
    copy_text(to->description, from->description, sizeof to->description);
    if (from->type == HAL_PIXELS) {
        copy_text(to->safe_text, "#000000", sizeof to->safe_text);
        return;
    }
    to->has_minimum = isfinite(from->minimum);
    to->minimum = to->has_minimum ? from->minimum : 0;
    to->has_maximum = isfinite(from->maximum);
    to->maximum = to->has_maximum ? from->maximum : 0;
    to->safe_number = from->safe;
}

/* The channel behind the last one that is asked for. */
static size_t end_of_part(const board* self, uint32_t first, uint32_t count) {
    const size_t end = self->hardware->channel_count;
    if (first >= end) return first;
    return count == 0 || count > end - first ? end : (size_t)first + count;
}

void reply_describe(board* self, const labhub_board_Describe* wanted) {
    begin(self, labhub_board_FromBoard_describe_tag);
    labhub_board_DescribeReply* page = &self->reply.body.describe;
    page->first = wanted->first;
    const size_t end = end_of_part(self, wanted->first, wanted->count);
    for (size_t i = wanted->first; i < end && page->channels_count < COUNT_OF(page->channels); ++i)
        describe_channel(&self->hardware->channels[i], &page->channels[page->channels_count++]);
}

static void put_pixels(const board* self, size_t channel, labhub_board_TextValue* text) {
    text->channel = (uint32_t)channel;
    pixels_format(self->outputs.rgb, HAL_MAX_PIXELS, text->text);
}

void reply_read(board* self, const labhub_board_Read* part, uint64_t uptime_ms) {
    begin(self, labhub_board_FromBoard_read_tag);
    labhub_board_ReadReply* read = &self->reply.body.read;
    const hal* hardware = self->hardware;
    read->uptime_ms = uptime_ms;
    read->first = part->first;
    const size_t end = end_of_part(self, part->first, part->count);
    for (size_t i = part->first; i < end; ++i) {
        double value = NAN;
        if (hardware->channels[i].type == HAL_PIXELS)
            put_pixels(self, i, &read->texts[read->texts_count++]);
        else if (hardware->channels[i].kind == HAL_OUTPUT)
            value = self->outputs.numbers[i];
        else if (!hardware->read(hardware->context, i, &value))
            value = NAN;
        read->numbers[read->numbers_count++] = value;
    }
}

static void put_output(board* self, uint32_t channel) {
    labhub_board_Applied* applied = &self->reply.body.applied;
    if (self->hardware->channels[channel].type == HAL_PIXELS) {
        applied->texts_count = 1;
        put_pixels(self, channel, &applied->texts[0]);
        return;
    }
    for (size_t i = 0; i < applied->numbers_count; ++i)
        if (applied->numbers[i].channel == channel) return;
    if (applied->numbers_count == COUNT_OF(applied->numbers)) return;
    const labhub_board_NumberValue value = {channel, self->outputs.numbers[channel]};
    applied->numbers[applied->numbers_count++] = value;
}

void reply_applied(board* self, const labhub_board_Write* write) {
    begin(self, labhub_board_FromBoard_applied_tag);
    for (size_t i = 0; i < write->numbers_count; ++i) put_output(self, write->numbers[i].channel);
    for (size_t i = 0; i < write->texts_count; ++i) put_output(self, write->texts[i].channel);
}

void reply_all_outputs(board* self) {
    begin(self, labhub_board_FromBoard_applied_tag);
    for (size_t i = 0; i < self->hardware->channel_count; ++i)
        if (self->hardware->channels[i].kind == HAL_OUTPUT) put_output(self, (uint32_t)i);
}

void reply_heartbeat(board* self, uint64_t uptime_ms) {
    begin(self, labhub_board_FromBoard_heartbeat_tag);
    self->reply.body.heartbeat.uptime_ms = uptime_ms;
    self->reply.body.heartbeat.dead_man_firings = self->dead_man_firings;
    self->reply.body.heartbeat.all_safe = board_all_safe(self);
}

void reply_event(board* self, uint64_t uptime_ms) {
    begin(self, labhub_board_FromBoard_event_tag);
    self->reply.id = 0;
    self->reply.body.event.uptime_ms = uptime_ms;
    self->reply.body.event.dead_man_firings = self->dead_man_firings;
}
