#include "shared/sqlite/readers.hpp"

#include <pthread.h>

#include <exception>

#include <spdlog/spdlog.h>

namespace labhub::sqlite {
namespace {

void run_in_snapshot(impl::Job& job, Database& database) {
    if (auto begun = database.run("BEGIN"); !begun) return job.fail(begun.error());
    try {
        (void)job.run(database);
    } catch (const std::exception& exception) {
        spdlog::error("a database read ended by an exception: {}", exception.what());
        job.fail(Error{ErrorCode::internal, std::string("database read failed: ") + exception.what()});
    }
    database.limit_time(std::nullopt);
    if (database.in_transaction()) (void)database.run("ROLLBACK");
}

}  // namespace

Readers::Readers(ReadersOptions options)
    : options_(options), queue_(std::make_shared<impl::WorkQueue>("reader", options.queue_bound)) {}

Result<std::unique_ptr<Readers>> Readers::start(const std::filesystem::path& path, int count, ReadersOptions options) {
    std::unique_ptr<Readers> readers(new Readers(options));
    for (int i = 0; i < count; ++i) {
        LABHUB_TRY(auto database, Database::open(path, OpenOptions{.read_only = true}));
        readers->databases_.push_back(std::move(database));
    }
    try {
        for (auto& database : readers->databases_)
            readers->threads_.emplace_back([self = readers.get(), &database] { self->serve(database); });
    } catch (const std::system_error& failure) {
        readers->stop();
        return system_error("start a database reader", failure.code().value());
    }
    return readers;
}

void Readers::stop() {
    queue_->close();
    for (auto& thread : threads_)
        if (thread.joinable()) thread.join();
}

void Readers::serve(Database& database) {
    ::pthread_setname_np(::pthread_self(), "sqlite-reader");
    while (true) {
        const auto jobs = queue_->take(1, std::chrono::milliseconds{0});
        if (jobs.empty()) return;
        database.limit_time(Steady::now() + options_.time_limit);
        run_in_snapshot(*jobs.front(), database);
        jobs.front()->deliver();
    }
}

}  // namespace labhub::sqlite
