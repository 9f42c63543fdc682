#include "shared/sqlite/impl/work_queue.hpp"

#include <spdlog/spdlog.h>
#include <boost/asio/post.hpp>

namespace labhub::sqlite::impl {

Result<void> WorkQueue::push(std::shared_ptr<Job> job) {
    {
        const std::lock_guard lock(mutex_);
        if (closed_) return Error{ErrorCode::unavailable, "the database " + name_ + " has stopped"};
        if (jobs_.size() >= bound_)
            return Error{ErrorCode::too_many, "the database " + name_ + " is overloaded",
                         std::to_string(bound_) + " requests wait already"};
        jobs_.push_back(std::move(job));
    }
    changed_.notify_one();
    return {};
}

std::vector<std::shared_ptr<Job>> WorkQueue::take(std::size_t most, std::chrono::milliseconds gather) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return closed_ || !jobs_.empty(); });
    if (gather.count() > 0 && !closed_)
        changed_.wait_for(lock, gather, [this, most] { return closed_ || jobs_.size() >= most; });
    std::vector<std::shared_ptr<Job>> taken;
    while (!jobs_.empty() && taken.size() < most) {
        taken.push_back(std::move(jobs_.front()));
        jobs_.pop_front();
    }
    return taken;
}

void WorkQueue::close() {
    {
        const std::lock_guard lock(mutex_);
        closed_ = true;
    }
    changed_.notify_all();
}

std::size_t WorkQueue::size() const {
    const std::lock_guard lock(mutex_);
    return jobs_.size();
}

void Waker::wake(std::shared_ptr<Waker> self) {
    // Copied first: the waker moves into the function that the executor runs.
    const auto executor = self->executor_;
    asio::post(executor, [self = std::move(self)] {
        self->awake_ = true;
        self->timer_.cancel();
    });
}

Task<void> Waker::wait(std::shared_ptr<Waker> self) {
    while (!self->awake_) co_await self->timer_.async_wait(as_result);
}

void log_lost_write(const Error& error) { spdlog::error("a database write failed: {}", error.to_string()); }

}  // namespace labhub::sqlite::impl
