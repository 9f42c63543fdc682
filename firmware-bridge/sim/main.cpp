// labhub-vessel-sim: a vessel with its board, on a pseudo-terminal. See README.md in this folder.

#include <cstdio>
#include <string>

#include <CLI/CLI.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>

#include "firmware-bridge/sim/simulator.hpp"
#include "shared/runtime/log.hpp"

namespace {

using namespace labhub;
using namespace labhub::firmware_bridge::sim;

constexpr auto kFooter =
    "The vessel: 4 vials, stirred, in one heated block. The culture is a budding yeast on glucose; where the "
    "numbers\n"
    "come from, and how optical density becomes volts, stands in firmware-bridge/sim/README.md.\n"
    "Time: --speed makes everything inside the vessel faster: growth, heat, and the volume a pump moves "
    "(mL/s of the\n"
    "vessel's own time). The board keeps real time: heartbeats, dead-man, the pace of readings.";

struct CommandLine {
    SimulatorOptions options;
    double silent_after = -1, silent_for = -1;
    std::string noise_to = "both";
    std::string log_level = "info";
    bool start_temperature_given = false;
};

void add_vessel_options(CLI::App& app, CommandLine& line) {
    auto& vessel = line.options.vessel;
    const auto positive = CLI::PositiveNumber;
    const auto not_negative = CLI::NonNegativeNumber;
    app.add_option("--seed", vessel.seed, "fixes the noise, and names the board: its serial number is sim-SEED")
        ->capture_default_str();
    app.add_option("--od", vessel.vial.od, "optical density at the start")->check(not_negative)->capture_default_str();
    app.add_option("--mu-max", vessel.culture.mu_max, "growth rate at the best temperature, 1/h (yeast 0.3 to 0.6)")
        ->check(CLI::Range(0.0, 5.0))
        ->capture_default_str();
    app.add_option("--half-saturation", vessel.culture.half_saturation, "Monod constant, g/L (0.02 to 0.2)")
        ->check(positive)
        ->capture_default_str();
    app.add_option("--yield", vessel.culture.yield, "g biomass per g substrate (about 0.5)")
        ->check(CLI::Range(0.01, 2.0))
        ->capture_default_str();
    app.add_option("--lag", vessel.culture.lag, "adaptation time of the inoculum, h")
        ->check(not_negative)
        ->capture_default_str();
    app.add_option("--substrate", vessel.vial.substrate, "in the vials at the start, g/L")
        ->check(not_negative)
        ->capture_default_str();
    app.add_option("--feed-substrate", vessel.vial.feed_substrate, "in the medium, g/L")
        ->check(not_negative)
        ->capture_default_str();
    app.add_option("--volume", vessel.vial.volume, "in each vial at the start, mL")
        ->check(CLI::Range(1.0, 10000.0))
        ->capture_default_str();
    app.add_option("--capacity", vessel.vial.capacity, "of a vial, mL; more runs over")
        ->check(CLI::Range(1.0, 10000.0))
        ->capture_default_str();
    app.add_option("--waste-level", vessel.vial.waste_level, "mL below which the waste tube draws nothing")
        ->check(CLI::Range(1.0, 10000.0))
        ->capture_default_str();
    app.add_option("--ambient", vessel.heat.ambient, "room temperature, degrees Celsius")
        ->check(CLI::Range(-20.0, 60.0))
        ->capture_default_str();
    app.add_option("--temperature", vessel.heat.start, "of block and vials at the start; else that of the room")
        ->check(CLI::Range(-20.0, 90.0))
        ->each([&line](const std::string&) { line.start_temperature_given = true; });
}

void add_board_options(CLI::App& app, CommandLine& line) {
    auto& options = line.options;
    app.add_option("--link", options.link,
                   "symbolic link to the pseudo-terminal, made at the start and removed at the end");
    app.add_option("--speed", options.speed, "how many times as fast as the clock the vessel lives")
        ->check(CLI::Range(0.001, 10000.0))
        ->capture_default_str();
    app.add_option("--events", options.events,
                   "file to which every change of an output, and the dead-man, is appended as a JSON line");
    app.add_option("--garbage", options.faults.garbage_rate, "fault: stray bytes per byte on the line, 0 to 1")
        ->check(CLI::Range(0.0, 1.0));
    app.add_option("--flips", options.faults.flip_rate, "fault: bytes with a flipped bit per byte on the line, 0 to 1")
        ->check(CLI::Range(0.0, 1.0));
    app.add_option("--noise-to", line.noise_to, "which way garbage and flips are suffered")
        ->check(CLI::IsMember({"both", "board", "host"}))
        ->capture_default_str();
    app.add_option("--silent-after", line.silent_after, "fault: after so many seconds no byte passes, either way")
        ->check(CLI::NonNegativeNumber);
    app.add_option("--silent-for", line.silent_for, "fault: the silence ends after so many seconds")
        ->check(CLI::NonNegativeNumber);
    app.add_option("--log-level", line.log_level, "trace, debug, info, warn, error or off")->capture_default_str();
}

std::optional<std::chrono::milliseconds> as_milliseconds(double seconds) {
    if (seconds < 0) return std::nullopt;
    return std::chrono::milliseconds{static_cast<std::int64_t>(seconds * 1000)};
}

int simulate(const SimulatorOptions& options) {
    asio::io_context io(1);
    auto simulator = Simulator::open(io, options);
    if (!simulator) {
        std::fprintf(stderr, "labhub-vessel-sim: %s\n", simulator.error().to_string().c_str());
        return 1;
    }
    asio::co_spawn(io, (*simulator)->run(), [](std::exception_ptr failure) {
        if (failure) std::rethrow_exception(failure);
    });
    std::printf("ready %s\n", (*simulator)->path().c_str());
    std::fflush(stdout);
    io.run();
    return 0;
}

}  // namespace

int main(int argc, char** argv) {
    CLI::App app("A simulated bioreactor vessel that speaks the board's protocol on a pseudo-terminal.",
                 "labhub-vessel-sim");
    app.footer(kFooter);
    app.set_version_flag("--version", LABHUB_VERSION);
    CommandLine line;
    add_vessel_options(app, line);
    add_board_options(app, line);
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
        return app.exit(error) == 0 ? 0 : 2;
    }
    if (auto started = start_logging("vessel-sim", line.log_level); !started) {
        std::fprintf(stderr, "labhub-vessel-sim: %s\n", started.error().to_string().c_str());
        return 2;
    }
    if (!line.start_temperature_given) line.options.vessel.heat.start = line.options.vessel.heat.ambient;
    line.options.faults.is_noisy_to_board = line.noise_to != "host";
    line.options.faults.is_noisy_to_host = line.noise_to != "board";
    line.options.faults.silent_after = as_milliseconds(line.silent_after);
    line.options.faults.silent_for = as_milliseconds(line.silent_for);
    return simulate(line.options);
}
