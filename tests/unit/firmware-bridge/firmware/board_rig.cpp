#include "tests/unit/firmware-bridge/firmware/board_rig.hpp"

#include <cstring>

#include <pb_decode.h>
#include <pb_encode.h>

namespace {
BoardRig& rig(void* context) { return *static_cast<BoardRig*>(context); }
}  // namespace

hal BoardRig::make_hal() {
    hal hardware{};
    hardware.context = this;
    hardware.channels = vessel_channels;
    hardware.channel_count = VESSEL_CHANNELS;
    hardware.model = "rig";
    hardware.serial = "rig-1";
    hardware.firmware = "9.9.9";
    hardware.boot_id = 77;
    hardware.millis = [](void* context) { return rig(context).now; };
    hardware.read = [](void*, std::size_t channel, double* value) {
        *value = static_cast<double>(channel);
        return channel != VESSEL_PELTIER_CURRENT;
    };
    hardware.write = [](void* context, std::size_t channel, double value) {
        rig(context).driven[channel] = value;
        return static_cast<int>(channel) != rig(context).failing_channel || value == vessel_channels[channel].safe;
    };
    hardware.write_pixels = [](void* context, std::size_t, const std::uint8_t* rgb, std::size_t count) {
        rig(context).pixels.assign(rgb, rgb + 3 * count);
        return true;
    };
    hardware.send = [](void* context, const std::uint8_t* bytes, std::size_t size) {
        rig(context).sent_.insert(rig(context).sent_.end(), bytes, bytes + size);
    };
    return hardware;
}

std::vector<BoardRig::Reply> BoardRig::decode() {
    frame_decoder decoder{};
    frame_decoder_init(&decoder);
    std::vector<Reply> replies;
    for (const auto byte : sent_) {
        if (!frame_decode(&decoder, byte)) continue;
        Reply reply{};
        auto stream = pb_istream_from_buffer(decoder.bytes, decoder.size);
        if (pb_decode(&stream, labhub_board_FromBoard_fields, &reply)) replies.push_back(reply);
    }
    sent_.clear();
    return replies;
}

std::vector<BoardRig::Reply> BoardRig::receive(const std::vector<std::uint8_t>& bytes) {
    board_receive(&core, bytes.data(), bytes.size());
    return decode();
}

std::vector<BoardRig::Reply> BoardRig::exchange(const labhub_board_ToBoard& request) {
    std::vector<std::uint8_t> payload(FRAME_MAX_PAYLOAD), frame(FRAME_MAX_ENCODED);
    auto stream = pb_ostream_from_buffer(payload.data(), payload.size());
    if (!pb_encode(&stream, labhub_board_ToBoard_fields, &request)) return {};
    frame.resize(frame_encode(payload.data(), stream.bytes_written, frame.data()));
    return receive(frame);
}

BoardRig::Reply BoardRig::ask(const labhub_board_ToBoard& request) {
    const auto replies = exchange(request);
    return replies.size() == 1 ? replies.front() : Reply{};
}

labhub_board_ToBoard BoardRig::request(pb_size_t which) {
    labhub_board_ToBoard request{};
    request.id = next_id++;
    request.which_body = which;
    return request;
}

BoardRig::Reply BoardRig::hello(std::uint64_t host_id, unsigned protocol) {
    auto message = request(labhub_board_ToBoard_hello_tag);
    message.body.hello.protocol = protocol;
    message.body.hello.host_id = host_id;
    return ask(message);
}

BoardRig::Reply BoardRig::heartbeat(unsigned dead_man_ms) {
    auto message = request(labhub_board_ToBoard_heartbeat_tag);
    message.body.heartbeat.dead_man_ms = dead_man_ms;
    return ask(message);
}

BoardRig::Reply BoardRig::write(std::size_t channel, double value) {
    auto message = request(labhub_board_ToBoard_write_tag);
    message.body.write.numbers_count = 1;
    message.body.write.numbers[0] = {static_cast<std::uint32_t>(channel), value};
    return ask(message);
}

BoardRig::Reply BoardRig::write_text(std::size_t channel, std::string_view text) {
    auto message = request(labhub_board_ToBoard_write_tag);
    message.body.write.texts_count = 1;
    message.body.write.texts[0].channel = static_cast<std::uint32_t>(channel);
    std::strncpy(message.body.write.texts[0].text, std::string(text).c_str(), 256);
    return ask(message);
}

std::vector<BoardRig::Reply> BoardRig::wait(unsigned milliseconds) {
    for (unsigned passed = 0; passed < milliseconds; ++passed) {
        ++now;
        board_tick(&core);
    }
    return decode();
}
