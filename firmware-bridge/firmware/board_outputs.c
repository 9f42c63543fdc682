#include "firmware-bridge/firmware/board_outputs.h"

#include <math.h>
#include <string.h>

#include "firmware-bridge/firmware/board_replies.h"
#include "firmware-bridge/firmware/pixels.h"

static bool channel_valid(const hal_channel* channel) {
    if (channel->type == HAL_PIXELS) return channel->kind == HAL_OUTPUT;
    const bool safe_in_range = channel->safe >= channel->minimum && channel->safe <= channel->maximum;
    return channel->kind == HAL_SENSOR || safe_in_range;
}

static bool texts_fit(const hal_channel* channel) {
    return strlen(channel->name) < sizeof(((labhub_board_Channel*)0)->name) &&
           strlen(channel->unit) < sizeof(((labhub_board_Channel*)0)->unit) &&
           strlen(channel->description) < sizeof(((labhub_board_Channel*)0)->description);
}

bool board_channels_valid(const hal* hardware) {
    if (hardware->channel_count > HAL_MAX_CHANNELS) return false;
    size_t outputs = 0, pixel_channels = 0;
    for (size_t i = 0; i < hardware->channel_count; ++i) {
        const hal_channel* channel = &hardware->channels[i];
        if (!channel_valid(channel) || !texts_fit(channel)) return false;
        outputs += channel->kind == HAL_OUTPUT;
        pixel_channels += channel->type == HAL_PIXELS;
    }
    return outputs <= HAL_MAX_OUTPUTS && pixel_channels <= 1;
}

/* Drives one output; false when the hardware refused. */
static bool drive(board* self, size_t channel, const board_outputs* to) {
    const hal* hardware = self->hardware;
    if (hardware->channels[channel].type == HAL_PIXELS) {
        memcpy(self->outputs.rgb, to->rgb, sizeof to->rgb);
        return hardware->write_pixels(hardware->context, channel, to->rgb, HAL_MAX_PIXELS);
    }
    self->outputs.numbers[channel] = to->numbers[channel];
    return hardware->write(hardware->context, channel, to->numbers[channel]);
}

void board_make_safe(board* self) {
    const hal* hardware = self->hardware;
    memset(self->wanted.rgb, 0, sizeof self->wanted.rgb);
    for (size_t i = 0; i < hardware->channel_count; ++i) {
        if (hardware->channels[i].kind != HAL_OUTPUT) continue;
        self->wanted.numbers[i] = hardware->channels[i].safe;
        (void)drive(self, i, &self->wanted);
    }
}

bool board_all_safe(const board* self) {
    for (size_t i = 0; i < self->hardware->channel_count; ++i) {
        const hal_channel* channel = &self->hardware->channels[i];
        if (channel->kind != HAL_OUTPUT || channel->type == HAL_PIXELS) continue;
        if (self->outputs.numbers[i] != channel->safe) return false;
    }
    for (size_t i = 0; i < sizeof self->outputs.rgb; ++i)
        if (self->outputs.rgb[i] != 0) return false;
    return true;
}

/* The channel as an output of the right sort, or NULL with the failure in the reply. */
static const hal_channel* find_output(board* self, uint32_t index, bool pixels) {
    if (index >= self->hardware->channel_count) {
        reply_failure(self, labhub_board_Code_NO_SUCH_CHANNEL, "write", "no channel of that number");
        return NULL;
    }
    const hal_channel* channel = &self->hardware->channels[index];
    if (channel->kind != HAL_OUTPUT) {
        reply_failure(self, labhub_board_Code_NOT_AN_OUTPUT, channel->name, "a sensor can't be set");
        return NULL;
    }
    if ((channel->type == HAL_PIXELS) != pixels) {
        reply_failure(self, labhub_board_Code_WRONG_VALUE, channel->name,
                      pixels ? "it takes a number" : "it takes text");
        return NULL;
    }
    return channel;
}

static bool check_number(board* self, const labhub_board_NumberValue* value) {
    const hal_channel* channel = find_output(self, value->channel, false);
    if (channel == NULL) return false;
    const bool whole = channel->type == HAL_NUMBER || value->number == floor(value->number);
    if (!isfinite(value->number) || !whole) {
        reply_failure(self, labhub_board_Code_WRONG_VALUE, channel->name,
                      whole ? "not a finite number" : "not a whole number");
        return false;
    }
    if (value->number < channel->minimum || value->number > channel->maximum) {
        reply_failure(self, labhub_board_Code_OUT_OF_RANGE, channel->name, "outside the channel's limits");
        return false;
    }
    self->wanted.numbers[value->channel] = value->number;
    return true;
}

static bool check_text(board* self, const labhub_board_TextValue* value) {
    const hal_channel* channel = find_output(self, value->channel, true);
    if (channel == NULL) return false;
    const char* problem = "";
    if (pixels_apply(value->text, self->wanted.rgb, HAL_MAX_PIXELS, &problem)) return true;
    reply_failure(self, labhub_board_Code_WRONG_VALUE, channel->name, problem);
    return false;
}

static bool drive_checked(board* self, uint32_t channel) {
    if (drive(self, channel, &self->wanted)) return true;
    board_make_safe(self);
    /* Executed, as far as it went: a repetition must hear the same and not try again. */
    self->last_command = self->request.id;
    self->failed_output = channel;
    reply_output_failed(self, channel);
    return false;
}

bool board_apply(board* self, const labhub_board_Write* write) {
    self->wanted = self->outputs;
    for (size_t i = 0; i < write->numbers_count; ++i)
        if (!check_number(self, &write->numbers[i])) return false;
    for (size_t i = 0; i < write->texts_count; ++i)
        if (!check_text(self, &write->texts[i])) return false;
    self->failed_output = NO_OUTPUT;
    for (size_t i = 0; i < write->numbers_count; ++i)
        if (!drive_checked(self, write->numbers[i].channel)) return false;
    for (size_t i = 0; i < write->texts_count; ++i)
        if (!drive_checked(self, write->texts[i].channel)) return false;
    return true;
}
