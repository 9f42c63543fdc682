// What nothing that stores readings can be faster than: the two limits scripts/bench measures the ingest against.
//
//     labhub_bench_ingest_limits count PORT FILTER MESSAGES   a bare libmosquitto subscriber that only counts
//     labhub_bench_ingest_limits rows FILE SERIES ROWS        SQLite, in transactions of 10,000 rows, one table without
//                                                             any key: nothing finds a row, or keeps it from being
//                                                             twice
//     labhub_bench_ingest_limits keyed FILE SERIES ROWS       the same with series and time as the key
//
// Prints "ready" where it waits for messages, and at the end its end on the wall clock and its processor seconds.

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>

#include <mosquitto.h>
#include <sqlite3.h>
#include <sys/resource.h>

namespace {

void report(double seconds) {
    rusage used{};
    ::getrusage(RUSAGE_SELF, &used);
    const auto of = [](const timeval& time) { return static_cast<double>(time.tv_sec) + time.tv_usec / 1e6; };
    const auto now = std::chrono::system_clock::now().time_since_epoch();
    std::printf("{\"end\":%.6f,\"seconds\":%.6f,\"cpu_seconds\":%.6f}\n", std::chrono::duration<double>(now).count(),
                seconds, of(used.ru_utime) + of(used.ru_stime));
    std::fflush(stdout);
}

double now() { return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(); }

struct Counter {
    std::uint64_t wanted = 0, seen = 0;
    const char* filter = nullptr;
    double begun = 0;
};

void on_connect(mosquitto* client, void* self, int code) {
    if (code != 0) std::exit(1);
    mosquitto_subscribe(client, nullptr, static_cast<Counter*>(self)->filter, 0);
}
void on_subscribe(mosquitto*, void*, int, int, const int*) {
    std::puts("ready");
    std::fflush(stdout);
}
void on_message(mosquitto* client, void* self, const mosquitto_message*) {
    auto& counter = *static_cast<Counter*>(self);
    if (counter.seen++ == 0) counter.begun = now();
    if (counter.seen == counter.wanted) mosquitto_disconnect(client);
}

int count(int port, const char* filter, std::uint64_t messages) {
    mosquitto_lib_init();
    Counter counter{messages, 0, filter, 0};
    mosquitto* const client = mosquitto_new(nullptr, true, &counter);
    mosquitto_connect_callback_set(client, on_connect);
    mosquitto_subscribe_callback_set(client, on_subscribe);
    mosquitto_message_callback_set(client, on_message);
    if (mosquitto_connect(client, "127.0.0.1", port, 60) != MOSQ_ERR_SUCCESS) return 1;
    mosquitto_loop_forever(client, -1, 1);
    report(now() - counter.begun);
    mosquitto_destroy(client);
    return counter.seen == messages ? 0 : 1;
}

void run(sqlite3* database, const char* text) {
    char* problem = nullptr;
    if (sqlite3_exec(database, text, nullptr, nullptr, &problem) == SQLITE_OK) return;
    std::fprintf(stderr, "sqlite: %s: %s\n", text, problem);
    std::exit(1);
}

int insert(const char* file, std::int64_t series, std::int64_t rows, bool is_keyed) {
    sqlite3* database = nullptr;
    if (sqlite3_open(file, &database) != SQLITE_OK) return 1;
    run(database, "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL");
    run(database, is_keyed ? "CREATE TABLE samples (series INTEGER NOT NULL, time_ms INTEGER NOT NULL, value REAL, "
                             "PRIMARY KEY (series, time_ms)) WITHOUT ROWID"
                           : "CREATE TABLE samples (series INTEGER NOT NULL, time_ms INTEGER NOT NULL, value REAL)");
    sqlite3_stmt* row = nullptr;
    sqlite3_prepare_v2(database, "INSERT OR IGNORE INTO samples VALUES (?, ?, ?)", -1, &row, nullptr);
    const double begun = now();
    for (std::int64_t i = 0; i < rows; ++i) {
        if (i % 10'000 == 0) run(database, i == 0 ? "BEGIN" : "COMMIT; BEGIN");
        sqlite3_bind_int64(row, 1, i % series);
        sqlite3_bind_int64(row, 2, 1'700'000'000'000 + i / series);
        sqlite3_bind_double(row, 3, 37 + static_cast<double>(i * 2'654'435'761 % 1000) / 100);
        if (sqlite3_step(row) != SQLITE_DONE) return 1;
        sqlite3_reset(row);
    }
    run(database, "COMMIT");
    report(now() - begun);
    sqlite3_finalize(row);
    sqlite3_close(database);
    return 0;
}

}  // namespace

int main(int argc, char** argv) {
    const std::string mode = argc == 5 ? argv[1] : "";
    if (mode == "count") return count(std::atoi(argv[2]), argv[3], std::strtoull(argv[4], nullptr, 10));
    if (mode == "rows" || mode == "keyed")
        return insert(argv[2], std::atoll(argv[3]), std::atoll(argv[4]), mode == "keyed");
    std::fprintf(stderr, "count PORT FILTER MESSAGES, rows FILE SERIES ROWS, or keyed FILE SERIES ROWS\n");
    return 2;
}
