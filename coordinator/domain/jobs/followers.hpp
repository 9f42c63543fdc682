#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>

#include <boost/asio/any_io_executor.hpp>

#include "shared/base/ids.hpp"
#include "shared/base/result.hpp"
#include "shared/runtime/task.hpp"

namespace labhub::coordinator::jobs {

/// One who follows a job; is woken when something happened to it. Main thread. May outlive the Followers it is of.
class Follower {
  public:
    ~Follower();
    Follower(const Follower&) = delete;
    Follower& operator=(const Follower&) = delete;

    /// Returns when something has happened since it returned the last time, at the latest after `limit`.
    Task<void> wait(std::chrono::milliseconds limit);

  private:
    friend class Followers;
    struct Shared;
    Follower(std::shared_ptr<Shared> shared, JobId job, std::string who);

    struct State;
    std::shared_ptr<Shared> shared_;
    std::shared_ptr<State> state_;
};

/// Those who follow jobs, at most so many. They are told that there is news, not what it is: each reads that for
/// itself, at its own pace, so that a slow one costs nobody anything. Main thread but for what listener() gives.
class Followers {
  public:
    static constexpr std::size_t kMost = 512;
    static constexpr std::size_t kMostOfOne = 128;  ///< of one user
    static constexpr std::size_t kMostOfScript = 8;

    explicit Followers(asio::any_io_executor executor);
    ~Followers();

    /// `who` is the principal that asks. Error too_many.
    Result<std::unique_ptr<Follower>> open(JobId job, std::string who);
    void wake(const JobId& job);
    /// The same from any thread; may outlive this.
    std::function<void(const JobId&)> listener();
    std::size_t size() const;

  private:
    std::shared_ptr<Follower::Shared> shared_;
};

}  // namespace labhub::coordinator::jobs
