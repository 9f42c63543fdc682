#include "coordinator/domain/jobs/followers.hpp"

#include <algorithm>
#include <vector>

#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>

namespace labhub::coordinator::jobs {

struct Follower::State {
    State(asio::any_io_executor executor, JobId job_in, std::string who_in)
        : job(std::move(job_in)), who(std::move(who_in)), news(executor) {}

    const JobId job;
    const std::string who;
    asio::steady_timer news;
    bool has_news = true;  ///< there may be some from before
};

struct Follower::Shared {
    explicit Shared(asio::any_io_executor executor_in) : executor(std::move(executor_in)) {}

    const asio::any_io_executor executor;
    std::vector<std::shared_ptr<State>> all;

    void wake(const JobId& job) {
        for (const auto& each : all) {
            if (each->job != job) continue;
            each->has_news = true;
            each->news.cancel();
        }
    }
};

Follower::Follower(std::shared_ptr<Shared> shared, JobId job, std::string who)
    : shared_(std::move(shared)), state_(std::make_shared<State>(shared_->executor, std::move(job), std::move(who))) {
    shared_->all.push_back(state_);
}

Follower::~Follower() {
    std::erase(shared_->all, state_);
    state_->news.cancel();
}

Task<void> Follower::wait(std::chrono::milliseconds limit) {
    const auto state = state_;
    state->news.expires_after(limit);
    if (!state->has_news) co_await state->news.async_wait(as_result);
    state->has_news = false;
}

Followers::Followers(asio::any_io_executor executor)
    : shared_(std::make_shared<Follower::Shared>(std::move(executor))) {}

Followers::~Followers() {
    for (const auto& each : shared_->all) each->news.cancel();
}

Result<std::unique_ptr<Follower>> Followers::open(JobId job, std::string who) {
    const auto of_one =
        std::count_if(shared_->all.begin(), shared_->all.end(), [&](const auto& each) { return each->who == who; });
    const std::size_t most = who.starts_with("job:") ? kMostOfScript : kMostOfOne;
    if (shared_->all.size() >= kMost || static_cast<std::size_t>(of_one) >= most)
        return Error{
            ErrorCode::too_many, "too many experiments are being followed",
            "at most " + std::to_string(most) + " streams for one caller and " + std::to_string(kMost) + " in all"};
    return std::unique_ptr<Follower>(new Follower(shared_, std::move(job), std::move(who)));
}

void Followers::wake(const JobId& job) { shared_->wake(job); }

std::function<void(const JobId&)> Followers::listener() {
    return [weak = std::weak_ptr<Follower::Shared>(shared_), executor = shared_->executor](const JobId& job) {
        asio::post(executor, [weak, job] {
            if (const auto shared = weak.lock()) shared->wake(job);
        });
    };
}

std::size_t Followers::size() const { return shared_->all.size(); }

}  // namespace labhub::coordinator::jobs
