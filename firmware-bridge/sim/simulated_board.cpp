#include "firmware-bridge/sim/simulated_board.hpp"

#include <algorithm>
#include <cstdlib>
#include <numeric>
#include <utility>

#include "firmware-bridge/firmware/pixels.h"
#include "shared/base/random.hpp"

namespace labhub::firmware_bridge::sim {
namespace {

using std::chrono::duration;
using std::chrono::duration_cast;
using std::chrono::milliseconds;

/// A process that was stopped, or a machine that slept, must not make hours of growth up in one go.
constexpr auto kLongestGap = std::chrono::seconds{1};

std::uint64_t random_id() {
    std::uint64_t id = 0;
    fill_random(std::as_writable_bytes(std::span(&id, 1)));
    return id;
}

}  // namespace

SimulatedBoard::SimulatedBoard(const VesselOptions& options, double speed, EventLog& events, const Clock& clock,
                               Send send)
    : events_(events),
      clock_(clock),
      send_(std::move(send)),
      speed_(speed),
      started_(clock.steady_now()),
      advanced_to_(started_),
      vessel_(options),
      serial_("sim-" + std::to_string(options.seed)),
      hal_(make_hal()) {
    events_.add("boot", {{"serial", serial_}, {"speed", speed_}});
    // The table is the profile's own; a limit broken there is a bug.
    if (!board_init(&board_, &hal_)) std::abort();
}

hal SimulatedBoard::make_hal() {
    hal hardware{};
    hardware.context = this;
    hardware.channels = vessel_channels;
    hardware.channel_count = VESSEL_CHANNELS;
    hardware.model = "labhub vessel simulator";
    hardware.serial = serial_.c_str();
    hardware.firmware = LABHUB_VERSION;
    hardware.boot_id = random_id();
    hardware.millis = [](void* context) {
        const auto since = self(context).clock_.steady_now() - self(context).started_;
        return static_cast<std::uint32_t>(duration_cast<milliseconds>(since).count());
    };
    hardware.read = [](void* context, std::size_t channel, double* value) {
        const auto sensed = self(context).vessel_.sense(channel);
        *value = sensed.value_or(0);
        return sensed.has_value();
    };
    hardware.write = [](void* context, std::size_t channel, double value) {
        return self(context).write(channel, value);
    };
    hardware.write_pixels = [](void* context, std::size_t channel, const std::uint8_t* rgb, std::size_t count) {
        return self(context).write_pixels(channel, std::span(rgb, 3 * count));
    };
    hardware.send = [](void* context, const std::uint8_t* bytes, std::size_t size) {
        self(context).send_(std::span(bytes, size));
    };
    return hardware;
}

void SimulatedBoard::receive(std::span<const std::uint8_t> bytes) {
    advance();
    board_receive(&board_, bytes.data(), bytes.size());
    note_what_happened();
}

void SimulatedBoard::tick() {
    advance();
    board_tick(&board_);
    note_what_happened();
}

void SimulatedBoard::advance() {
    const auto now = clock_.steady_now();
    const duration<double> passed = std::min<Steady::duration>(now - advanced_to_, kLongestGap);
    advanced_to_ = now;
    vessel_.advance(passed.count() * speed_);
}

bool SimulatedBoard::write(std::size_t channel, double value) {
    vessel_.set(channel, value);
    if (shown_[channel] == value) return true;
    shown_[channel] = value;
    boost::json::object fields;
    fields["metric"] = vessel_channels[channel].name;
    if (vessel_channels[channel].type == HAL_BOOLEAN)
        fields["value"] = value != 0;
    else
        fields["value"] = value;
    events_.add("output", std::move(fields));
    return true;
}

bool SimulatedBoard::write_pixels(std::size_t channel, std::span<const std::uint8_t> rgb) {
    const double sum = std::accumulate(rgb.begin(), rgb.end(), 0.0);
    vessel_.set_ring(sum / (255.0 * static_cast<double>(rgb.size())));
    std::array<char, 8 * HAL_MAX_PIXELS> text{};
    pixels_format(rgb.data(), rgb.size() / 3, text.data());
    if (shown_ring_ == text.data()) return true;
    shown_ring_ = text.data();
    events_.add("output", {{"metric", vessel_channels[channel].name}, {"value", shown_ring_}});
    return true;
}

void SimulatedBoard::note_what_happened() {
    if (board_.dead_man_firings != firings_) {
        firings_ = board_.dead_man_firings;
        events_.add("dead_man", {{"firings", firings_}, {"dead_man_ms", board_.dead_man_ms}});
    }
    for (std::size_t n = 0; n < spilt_.size(); ++n) {
        const double total = vessel_.vial(n).total_overflow();
        const bool spills = total > spilt_[n];
        spilt_[n] = total;
        if (spills && !spilling_[n])
            events_.add("overflow", {{"vial", std::string(1, static_cast<char>('A' + n))}, {"total_ml", total}});
        spilling_[n] = spills;
    }
}

}  // namespace labhub::firmware_bridge::sim
