#include "shared/sqlite/writer.hpp"

#include <pthread.h>

#include <exception>

#include <spdlog/spdlog.h>

namespace labhub::sqlite {
namespace {

Result<void> run_job(impl::Job& job, Database& database) {
    try {
        return job.run(database);
    } catch (const std::exception& exception) {
        spdlog::error("database work ended by an exception: {}", exception.what());
        Error error{ErrorCode::internal, std::string("database work failed: ") + exception.what()};
        job.fail(error);
        return error;
    }
}

/// What a group is worth after one job: it goes on, or the transaction is gone and with it the jobs before.
struct Step {
    bool kept = false;          ///< the job's changes are part of the transaction
    std::optional<Error> lost;  ///< why the transaction is gone
};

Step run_in_savepoint(impl::Job& job, Database& database) {
    if (auto begun = database.run("SAVEPOINT job"); !begun) {
        job.fail(begun.error());
        return {};
    }
    const auto done = run_job(job, database);
    if (!database.in_transaction()) {
        // SQLite rolls everything back by itself on a full disk or an I/O error.
        const Error why =
            done ? Error{ErrorCode::internal, "database work ended the transaction it ran in"} : done.error();
        job.fail(why);
        return {false, why};
    }
    const auto closed = done ? database.run("RELEASE job") : database.execute("ROLLBACK TO job; RELEASE job");
    if (closed) return {done.has_value(), std::nullopt};
    if (done) job.fail(closed.error());
    return {false, closed.error()};
}

}  // namespace

Writer::Writer(Database database, WriterOptions options)
    : options_(options),
      database_(std::move(database)),
      queue_(std::make_shared<impl::WorkQueue>("writer", options.queue_bound)) {}

Result<std::unique_ptr<Writer>> Writer::start(Database database, WriterOptions options) {
    std::unique_ptr<Writer> writer(new Writer(std::move(database), options));
    try {
        writer->thread_ = std::thread([self = writer.get()] { self->serve(); });
    } catch (const std::system_error& failure) {
        return system_error("start the database writer", failure.code().value());
    }
    return writer;
}

void Writer::stop() {
    queue_->close();
    if (thread_.joinable()) thread_.join();
}

void Writer::serve() {
    ::pthread_setname_np(::pthread_self(), "sqlite-writer");
    while (true) {
        const auto jobs = queue_->take(options_.group_bound, options_.group_delay);
        if (jobs.empty()) return;
        for (std::size_t next = 0; next < jobs.size();) next = commit_group(jobs, next);
    }
}

/// Runs the jobs from `first` in one transaction and delivers them. Returns the first one not run, if the transaction
/// was lost on the way.
std::size_t Writer::commit_group(const std::vector<std::shared_ptr<impl::Job>>& jobs, std::size_t first) {
    std::vector<std::shared_ptr<impl::Job>> kept;
    std::optional<Error> lost;
    std::size_t next = first;
    if (auto begun = database_.run("BEGIN IMMEDIATE"); !begun) {
        kept.assign(jobs.begin() + static_cast<std::ptrdiff_t>(first), jobs.end());
        next = jobs.size();
        lost = begun.error();
    }
    for (; next < jobs.size() && !lost; ++next) {
        auto step = run_in_savepoint(*jobs[next], database_);
        if (step.kept) kept.push_back(jobs[next]);
        lost = std::move(step.lost);
    }
    if (!lost) {
        if (auto committed = database_.run("COMMIT"); !committed) lost = committed.error().within("commit");
    }
    if (lost)
        for (const auto& job : kept) job->fail(*lost);
    if (database_.in_transaction()) (void)database_.run("ROLLBACK");
    for (std::size_t i = first; i < next; ++i) jobs[i]->deliver();
    return next;
}

}  // namespace labhub::sqlite
