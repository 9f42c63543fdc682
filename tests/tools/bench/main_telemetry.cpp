// What scripts/bench measures the telemetry store with, and the plain SQLite table beside it.
//
//     labhub_bench_telemetry day FOLDER ROUNDS         24 h at 10 Hz of one series to 1,000 points, store and SQLite
//     labhub_bench_telemetry month FOLDER ROUNDS       20 series, 30 days at 1 Hz, to 1,000 points each
//     labhub_bench_telemetry simulator FOLDER HOURS    what the simulated vessel's readings at 10 Hz take on disk
//     labhub_bench_telemetry recording FOLDER FILE.csv what a recorded run takes on disk
//     labhub_bench_telemetry append FOLDER SERIES      samples a second and processor time of appending, with commits
//
// Prints one line of JSON. Times in nanoseconds. Exit status: 0 measured, 1 something failed, 2 usage.

#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <fstream>
#include <functional>
#include <random>
#include <string>
#include <thread>

#include "coordinator/store/telemetry/telemetry_store.hpp"
#include "firmware-bridge/sim/vessel.hpp"
#include "shared/base/text.hpp"
#include "shared/runtime/log.hpp"
#include "shared/sqlite/database.hpp"

namespace {

using namespace labhub;
using namespace coordinator::store;
namespace fs = std::filesystem;

constexpr std::int64_t kMidnight = 1'770'076'800'000;  // 2026-02-03
constexpr std::int64_t kDay = 86'400'000;

template <class T>
T must(Result<T> result) {
    if (!result) {
        std::fprintf(stderr, "%s\n", result.error().to_string().c_str());
        std::exit(1);
    }
    if constexpr (!std::is_void_v<T>) return std::move(*result);
}

std::int64_t nanoseconds_of(const std::function<void()>& work) {
    const auto begin = std::chrono::steady_clock::now();
    work();
    return std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::steady_clock::now() - begin).count();
}

std::string text_of(const std::vector<std::int64_t>& values) {
    std::string text = "[";
    for (const auto value : values) text += (text.size() > 1 ? "," : "") + std::to_string(value);
    return text + "]";
}

std::unique_ptr<TelemetryStore> open_store(const fs::path& folder) {
    TelemetryOptions options;
    options.has_own_thread = false;
    return must(TelemetryStore::open(folder / "store", std::move(options)));
}

/// Out of the page cache: the next reader goes to the disk.
void forget_pages(const fs::path& folder) {
    for (const auto& entry : fs::recursive_directory_iterator(folder)) {
        if (!entry.is_regular_file()) continue;
        const int file = ::open(entry.path().c_str(), O_RDONLY | O_CLOEXEC);
        ::fdatasync(file);
        ::posix_fadvise(file, 0, 0, POSIX_FADV_DONTNEED);
        ::close(file);
    }
}

std::uint64_t bytes_in(const fs::path& folder) {
    std::uint64_t bytes = 0;
    for (const auto& entry : fs::recursive_directory_iterator(folder))
        if (entry.path().extension() == ".db") bytes += entry.file_size();
    return bytes;
}

/// A culture's temperature: slow drift, noise of the converter's last places, a clock with some jitter.
class Signal {
  public:
    explicit Signal(unsigned seed) : random_(seed) {}
    double at(std::int64_t time) {
        const double slow =
            37 + 2 * std::sin(static_cast<double>(time) / 7e6) + std::sin(static_cast<double>(time) / 1e6);
        return std::round((slow + 0.02 * noise_(random_)) * 1000) / 1000;
    }
    std::int64_t jitter() { return static_cast<std::int64_t>(random_() % 4); }

  private:
    std::mt19937 random_;
    std::normal_distribution<double> noise_;
};

SeriesQuery question_of(std::vector<SeriesId> series, std::int64_t from, std::int64_t to) {
    SeriesQuery question;
    question.series = std::move(series);
    question.from = {from};
    question.to = {to};
    question.max_points = 1'000;
    return question;
}

const DeviceAddress kVessel{NodeId{"node"}, "vessel"};

/// The same rows as an ordinary program would keep them.
class PlainTable {
  public:
    explicit PlainTable(const fs::path& folder) : database_(must(sqlite::Database::open(folder / "plain.db"))) {
        must(
            database_.execute("CREATE TABLE samples (series INTEGER, time INTEGER, value REAL, "
                              "PRIMARY KEY (series, time)) WITHOUT ROWID"));
    }
    void add(const std::vector<NewSample>& samples) {
        auto transaction = must(sqlite::Transaction::begin(database_));
        for (const auto& sample : samples)
            must(database_.run("INSERT INTO samples VALUES (?, ?, ?)", static_cast<std::uint32_t>(sample.series),
                               sample.time, std::get<double>(sample.value)));
        must(transaction.commit());
    }
    static std::size_t ask(sqlite::Database& database, std::uint32_t series, std::int64_t from, std::int64_t to) {
        auto row =
            must(database.cached("SELECT (time - ?2) / ?4, min(value), max(value) FROM samples "
                                 "WHERE series = ?1 AND time BETWEEN ?2 AND ?3 GROUP BY 1"));
        row.bind_all(series, from, to, (to - from) / 500 + 1);
        std::size_t rows = 0;
        while (must(row.step())) ++rows;
        return rows;
    }

  private:
    sqlite::Database database_;
};

sqlite::Database open_plain(const fs::path& folder) {
    sqlite::OpenOptions options;
    options.read_only = true;
    options.cache_kib = 65'536;  // all of it fits
    return must(sqlite::Database::open(folder / "plain.db", options));
}

void day(const fs::path& folder, int rounds) {
    constexpr std::int64_t kPeriod = 100;
    const std::int64_t from = kMidnight, to = kMidnight + kDay - 1;
    SeriesId series{};
    {
        PlainTable plain(folder);
        auto store = open_store(folder);
        series = must(store->resolve(kVessel, "temperature"));
        Signal signal(1);
        std::vector<NewSample> samples;
        for (std::int64_t time = from; time <= to; time += kPeriod) {
            samples.push_back({series, Quality::good, UtcMillis{time + signal.jitter()}, signal.at(time)});
            if (samples.size() < 10'000 && time + kPeriod <= to) continue;
            plain.add(samples);
            must(store->append(std::span<const NewSample>(samples)));
            samples.clear();
            must(store->tend());
        }
        must(store->settle());
    }
    const auto question = question_of({series}, from, to);
    std::vector<std::int64_t> cold, warm, plain_cold, plain_warm;
    std::size_t points = 0, rows = 0;
    std::uint64_t samples = 0;
    for (int round = 0; round < rounds; ++round) {
        forget_pages(folder);
        auto store = open_store(folder);
        cold.push_back(nanoseconds_of([&] { (void)must(store->query_here(question)); }));
        warm.push_back(nanoseconds_of([&] {
            const auto answer = must(store->query_here(question));
            points = answer[0].points.size();
            samples = answer[0].samples;
        }));
        auto plain = open_plain(folder);
        const auto number = static_cast<std::uint32_t>(series);
        plain_cold.push_back(nanoseconds_of([&] { PlainTable::ask(plain, number, from, to); }));
        plain_warm.push_back(nanoseconds_of([&] { rows = PlainTable::ask(plain, number, from, to); }));
    }
    std::printf(
        "{\"samples\":%llu,\"points\":%zu,\"plain_buckets\":%zu,\"cold\":%s,\"warm\":%s,\"plain_cold\":%s,"
        "\"plain_warm\":%s,\"store_bytes\":%llu,\"plain_bytes\":%llu}\n",
        static_cast<unsigned long long>(samples), points, rows, text_of(cold).c_str(), text_of(warm).c_str(),
        text_of(plain_cold).c_str(), text_of(plain_warm).c_str(),
        static_cast<unsigned long long>(bytes_in(folder / "store/partitions")),
        static_cast<unsigned long long>(fs::file_size(folder / "plain.db")));
}

void month(const fs::path& folder, int rounds) {
    constexpr int kSeries = 20, kDays = 30;
    std::vector<SeriesId> series;
    std::uint64_t samples = 0;
    {
        auto store = open_store(folder);
        Signal signal(2);
        for (int s = 0; s < kSeries; ++s) series.push_back(must(store->resolve(kVessel, "m" + std::to_string(s))));
        std::vector<NewSample> batch;
        for (std::int64_t time = kMidnight; time < kMidnight + kDays * kDay; time += 1'000) {
            const std::int64_t moment = time + signal.jitter();
            const double value = signal.at(time);
            for (int s = 0; s < kSeries; ++s)
                batch.push_back({series[static_cast<std::size_t>(s)], Quality::good, UtcMillis{moment}, value + s});
            if (batch.size() < 100'000 && time + 1'000 < kMidnight + kDays * kDay) continue;
            must(store->append(std::span<const NewSample>(batch)));
            samples += batch.size();
            batch.clear();
            must(store->tend());
        }
        must(store->settle());
    }
    const auto question = question_of(series, kMidnight, kMidnight + kDays * kDay - 1);
    std::vector<std::int64_t> cold, warm;
    for (int round = 0; round < rounds; ++round) {
        forget_pages(folder);
        auto store = open_store(folder);
        cold.push_back(nanoseconds_of([&] { (void)must(store->query_here(question)); }));
        warm.push_back(nanoseconds_of([&] { (void)must(store->query_here(question)); }));
    }
    std::printf("{\"samples\":%llu,\"series\":%d,\"cold\":%s,\"warm\":%s,\"bytes\":%llu}\n",
                static_cast<unsigned long long>(samples), kSeries, text_of(cold).c_str(), text_of(warm).c_str(),
                static_cast<unsigned long long>(bytes_in(folder / "store/partitions")));
}

void print_disk(const fs::path& folder, std::uint64_t samples) {
    const std::uint64_t bytes = bytes_in(folder / "store/partitions");
    std::printf("{\"samples\":%llu,\"bytes\":%llu,\"bytes_per_sample\":%.4f}\n",
                static_cast<unsigned long long>(samples), static_cast<unsigned long long>(bytes),
                static_cast<double>(bytes) / static_cast<double>(samples));
}

/// Every channel of the simulated vessel at 10 Hz, stirred and heated, with what the sampler's clock adds.
void simulator(const fs::path& folder, int hours) {
    using namespace firmware_bridge::sim;
    Vessel vessel{VesselOptions{}};
    vessel.set(VESSEL_LED, 1);
    vessel.set(VESSEL_STIRRER, 40);
    vessel.set(VESSEL_PELTIER, 30);
    std::mt19937 random(3);
    auto store = open_store(folder);
    std::vector<std::pair<SeriesId, std::size_t>> sensors;
    for (std::size_t channel = 0; channel < VESSEL_CHANNELS; ++channel)
        if (vessel.sense(channel))
            sensors.emplace_back(must(store->resolve(kVessel, vessel_channels[channel].name)), channel);
    std::vector<NewSample> batch;
    std::uint64_t samples = 0;
    for (std::int64_t time = kMidnight; time < kMidnight + hours * 3'600'000LL; time += 100) {
        vessel.advance(0.1);
        const std::int64_t moment = time + static_cast<std::int64_t>(random() % 3);
        for (const auto& [series, channel] : sensors)
            batch.push_back({series, Quality::good, UtcMillis{moment}, *vessel.sense(channel)});
        if (batch.size() < 50'000) continue;
        samples += must(store->append(std::span<const NewSample>(batch))).stored;
        batch.clear();
        must(store->tend());
    }
    samples += must(store->append(std::span<const NewSample>(batch))).stored;
    must(store->settle());
    store.reset();
    print_disk(folder, samples);
}

/// Columns time (local, to the second), elapsed_time (s), then one series each.
void recording(const fs::path& folder, const char* file) {
    std::ifstream lines(file);
    std::string line;
    if (!std::getline(lines, line)) std::perror(file), std::exit(1);
    auto store = open_store(folder);
    std::vector<SeriesId> series;
    const auto header = split(trim(line), ',');
    for (std::size_t i = 2; i < header.size(); ++i) series.push_back(must(store->resolve(kVessel, header[i])));
    std::vector<NewSample> samples;
    while (std::getline(lines, line)) {
        const auto fields = split(trim(line), ',');
        if (fields.size() != header.size()) continue;
        const double elapsed = std::strtod(std::string(fields[1]).c_str(), nullptr);
        const UtcMillis time{kMidnight + std::llround(elapsed * 1000)};
        for (std::size_t i = 2; i < fields.size(); ++i)
            if (!fields[i].empty())
                samples.push_back({series[i - 2], Quality::good, time,
                                   labhub::finite(std::strtod(std::string(fields[i]).c_str(), nullptr))});
    }
    const auto counts = must(store->append(std::span<const NewSample>(samples)));
    must(store->settle());
    store.reset();
    print_disk(folder, counts.stored);
}

double processor_seconds() {
    timespec used{};
    ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
    return static_cast<double>(used.tv_sec) + static_cast<double>(used.tv_nsec) / 1e9;
}

/// Faster than sealing, appends are refused until it has caught up.
void append_when_there_is_room(TelemetryStore& store, const std::vector<NewSample>& group) {
    while (true) {
        auto stored = store.append(std::span<const NewSample>(group));
        if (stored || stored.error().code != ErrorCode::unavailable) return (void)must(std::move(stored));
        std::this_thread::sleep_for(std::chrono::milliseconds{5});
    }
}

/// Appends groups of 50 ms of 300,000 samples a second, as fast as they go, with the store's own thread sealing.
void append(const fs::path& folder, int number) {
    constexpr std::size_t kGroup = 15'000, kSamples = 6'000'000;
    auto store = must(TelemetryStore::open(folder / "store", {}));
    std::vector<SeriesId> series;
    for (int s = 0; s < number; ++s) series.push_back(must(store->resolve(kVessel, "m" + std::to_string(s))));
    Signal signal(4);
    std::vector<double> values(4'096);
    for (std::size_t i = 0; i < values.size(); ++i) values[i] = signal.at(static_cast<std::int64_t>(i) * 1'000);
    std::vector<NewSample> group(kGroup);
    std::vector<std::int64_t> commits;
    double made = 0;
    const double cpu_begin = processor_seconds();
    const auto whole = nanoseconds_of([&] {
        for (std::size_t done = 0; done < kSamples; done += kGroup) {
            const double before = processor_seconds();
            for (std::size_t i = 0; i < kGroup; ++i) {
                const std::size_t n = done + i;
                const std::size_t turn = n / series.size();
                group[i] = {series[n % series.size()], Quality::good,
                            UtcMillis{kMidnight + static_cast<std::int64_t>(turn) * 100}, values[turn % values.size()]};
            }
            made += processor_seconds() - before;
            commits.push_back(nanoseconds_of([&] { append_when_there_is_room(*store, group); }));
        }
    });
    rusage used{};
    ::getrusage(RUSAGE_SELF, &used);
    std::printf("{\"samples\":%zu,\"seconds\":%.3f,\"cpu_seconds\":%.3f,\"peak_kib\":%ld,\"commits\":%s}\n", kSamples,
                static_cast<double>(whole) / 1e9, processor_seconds() - cpu_begin - made, used.ru_maxrss,
                text_of(commits).c_str());
}

}  // namespace

int main(int count, char** arguments) {
    (void)labhub::start_logging("labhub_bench_telemetry", "warn");  // standard output is for the figures
    const std::string what = count == 4 ? arguments[1] : "";
    const fs::path folder = count == 4 ? arguments[2] : "";
    if (what == "day") return day(folder, std::atoi(arguments[3])), 0;
    if (what == "month") return month(folder, std::atoi(arguments[3])), 0;
    if (what == "simulator") return simulator(folder, std::atoi(arguments[3])), 0;
    if (what == "recording") return recording(folder, arguments[3]), 0;
    if (what == "append") return append(folder, std::atoi(arguments[3])), 0;
    std::fprintf(stderr, "usage: labhub_bench_telemetry day|month|simulator|recording|append FOLDER ARGUMENT\n");
    return 2;
}
