// Compares the ledger of a simulated fleet with a telemetry store that nobody has open: whether every reading that was
// produced is in it once, with its value.
//
//     labhub_ledger_check LEDGER TELEMETRY_FOLDER
//
// Prints {"produced":…,"missing":…,"different":…,"unknown":…} and the first few that are wrong on stderr. Exit status:
// 0 all are there, 1 not, 2 usage or the files can't be read.

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <map>
#include <string>
#include <unordered_map>

#include "coordinator/store/telemetry/telemetry_store.hpp"
#include "shared/base/text.hpp"

namespace {

using namespace labhub;
using coordinator::store::TelemetryStore;

struct Findings {
    std::uint64_t produced = 0;
    std::uint64_t missing = 0;    ///< in the ledger, not in the store
    std::uint64_t different = 0;  ///< in both, with another value
    std::uint64_t unknown = 0;    ///< in the store, not in the ledger
    int shown = 0;

    void show(const char* what, const std::string& series, std::int64_t time) {
        if (++shown <= 20) std::fprintf(stderr, "%s: %s at %lld\n", what, series.c_str(), static_cast<long long>(time));
    }
};

using Series = std::unordered_map<std::int64_t, std::string>;

/// By "node/device/metric": time → value.
std::map<std::string, Series> read_ledger(const char* file, Findings& findings) {
    std::map<std::string, Series> ledger;
    std::ifstream lines(file);
    if (!lines) std::perror(file), std::exit(2);
    for (std::string line; std::getline(lines, line);) {
        const auto fields = split(line, ',');
        if (fields.size() != 5) continue;  // the last line of a fleet that was killed
        const std::string name = std::string(fields[0]) + "/" + std::string(fields[1]) + "/" + std::string(fields[2]);
        const std::int64_t time = std::strtoll(std::string(fields[3]).c_str(), nullptr, 10);
        if (!ledger[name].emplace(time, fields[4]).second) findings.show("twice in the ledger", name, time);
        ++findings.produced;
    }
    return ledger;
}

void compare(TelemetryStore& store, const std::string& name, Series& expected, Findings& findings) {
    const std::size_t slash = name.rfind('/');
    const auto device = DeviceAddress::parse(name.substr(0, slash));
    const auto id = device ? store.find(*device, name.substr(slash + 1)) : std::nullopt;
    if (id) {
        auto scan = store.scan({*id}, UtcMillis{0}, UtcMillis{4'102'444'800'000});
        while (true) {
            const auto page = scan.next_here(10'000);
            if (!page) std::fprintf(stderr, "%s\n", page.error().to_string().c_str()), std::exit(2);
            if (page->empty()) break;
            for (const auto& each : *page) {
                const auto found = expected.find(each.sample.time.count);
                if (found == expected.end()) {
                    ++findings.unknown, findings.show("not in the ledger", name, each.sample.time.count);
                    continue;
                }
                if (found->second != to_string(each.sample.value))
                    ++findings.different, findings.show("another value", name, each.sample.time.count);
                expected.erase(found);
            }
        }
    }
    findings.missing += expected.size();
    for (const auto& [time, value] : expected) findings.show("missing", name, time);
}

}  // namespace

int main(int argc, char** argv) {
    if (argc != 3) return std::fprintf(stderr, "labhub_ledger_check LEDGER TELEMETRY_FOLDER\n"), 2;
    Findings findings;
    auto ledger = read_ledger(argv[1], findings);
    coordinator::store::TelemetryOptions options;
    options.has_own_thread = false;
    auto store = TelemetryStore::open(argv[2], options);
    if (!store) return std::fprintf(stderr, "%s\n", store.error().to_string().c_str()), 2;
    for (auto& [name, expected] : ledger) compare(**store, name, expected, findings);
    std::printf("{\"produced\":%llu,\"missing\":%llu,\"different\":%llu,\"unknown\":%llu}\n",
                static_cast<unsigned long long>(findings.produced), static_cast<unsigned long long>(findings.missing),
                static_cast<unsigned long long>(findings.different), static_cast<unsigned long long>(findings.unknown));
    return findings.missing + findings.different + findings.unknown == 0 ? 0 : 1;
}
