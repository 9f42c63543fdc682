#include "coordinator/runner/job_socket.hpp"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <gtest/gtest.h>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>

#include "coordinator/runner/coordinator_link.hpp"
#include "shared/base/random.hpp"
#include "shared/runtime/task_group.hpp"

namespace labhub::coordinator::runner {
namespace {

namespace fs = std::filesystem;

/// The two real ends, coordinator and runner, over a real socket.
class Sockets : public ::testing::Test {
  protected:
    void SetUp() override { fs::create_directories(folder_); }
    void TearDown() override {
        hang_up();
        close();
        fs::remove_all(folder_);
    }

    bool until(const std::function<bool()>& happened) {
        const auto deadline = Steady::now() + std::chrono::seconds{10};
        while (!happened() && Steady::now() < deadline) {
            context_.restart();
            context_.run_one_for(std::chrono::milliseconds{20});
        }
        return happened();
    }
    void open() {
        JobSocketEvents events;
        events.admit = [this](Hello hello) -> Task<bool> { co_return hello.secret == secret_; };
        events.on_hello = [this](Hello hello, UniqueFd listener) {
            ++hellos_;
            last_hello_ = std::move(hello);
            listener_ = std::move(listener);
        };
        events.on_started = [this](JobId, Started started) { started_ = std::move(started); };
        events.on_ended = [this](JobId, Ended ended) { ended_ = std::move(ended); };
        events.on_pause_state = [this](JobId, PauseState state) { pause_state_ = std::move(state); };
        events.on_lost = [this](JobId) { ++losses_; };
        events.on_snapshot = [this](JobId, SnapshotTaken taken) { snapshot_ = std::move(taken); };
        auto opened = JobSocket::open(context_.get_executor(), path_, std::move(events));
        ASSERT_TRUE(opened) << opened.error().to_string();
        socket_ = std::move(*opened);
    }
    void close() {
        if (!socket_) return;
        finish(socket_->close());
        socket_.reset();
    }
    void call() {
        runner_ = std::make_unique<TaskGroup>(context_.get_executor());
        link_ = std::make_unique<CoordinatorLink>(
            context_.get_executor(), path_, ourselves(),
            CoordinatorLinkEvents{
                [this] { return said_; }, [this] { return passed_; },
                [this](std::string reason, std::chrono::milliseconds grace) {
                    stop_reason_ = std::move(reason), stop_grace_ = grace;
                },
                [this] { released_ = true; }, [this](std::uint64_t most_bytes) { snapshot_asked_ = most_bytes; },
                [this](std::chrono::milliseconds limit) { pause_limit_ = limit; }, [this] { resumed_ = true; }});
        runner_->spawn("link", link_->run());
    }
    void hang_up() {
        if (!runner_) return;
        finish(runner_->stop());
        link_.reset();
        runner_.reset();
    }
    void finish(Task<void> task) {
        bool done = false;
        asio::co_spawn(context_, std::move(task), [&](std::exception_ptr) { done = true; });
        EXPECT_TRUE(until([&] { return done; }));
    }

    asio::io_context context_;
    fs::path folder_ = fs::temp_directory_path() / ("labhub-jobs-" + random_hex(6));
    fs::path path_ = folder_ / "jobs.sock";
    std::unique_ptr<JobSocket> socket_;
    std::unique_ptr<CoordinatorLink> link_;
    std::unique_ptr<TaskGroup> runner_;
    std::string secret_ = "right", stop_reason_;
    Hello said_{JobId{"job-1"}, "right", 4242, Phase::preparing, {}, {}, {}};
    int passed_ = -1, hellos_ = 0, losses_ = 0;
    Hello last_hello_;
    UniqueFd listener_;
    std::optional<Started> started_;
    std::optional<Ended> ended_;
    std::chrono::milliseconds stop_grace_{};
    bool released_ = false, resumed_ = false;
    std::uint64_t snapshot_asked_ = 0;
    std::optional<SnapshotTaken> snapshot_;
    std::optional<PauseState> pause_state_;
    std::chrono::milliseconds pause_limit_{};
};

TEST_F(Sockets, ASnapshotIsAskedForAndAnswered) {
    open();
    EXPECT_EQ(socket_->take_snapshot(JobId{"job-1"}, 1'000).error().code, ErrorCode::unavailable);
    call();
    ASSERT_TRUE(until([&] { return hellos_ == 1; }));
    ASSERT_TRUE(socket_->take_snapshot(JobId{"job-1"}, 1'000));
    ASSERT_TRUE(until([&] { return snapshot_asked_ == 1'000; }));
    link_->report(SnapshotTaken{UtcMillis{7}, 12, 3, {"output/link is a symbolic link: left out"}, ""});
    ASSERT_TRUE(until([&] { return snapshot_.has_value(); }));
    EXPECT_EQ(snapshot_->time, UtcMillis{7});
    EXPECT_EQ(snapshot_->bytes, 12u);
    EXPECT_EQ(snapshot_->files, 3u);
    EXPECT_EQ(snapshot_->notes.front(), "output/link is a symbolic link: left out");
    EXPECT_EQ(snapshot_->failure, "");
}

TEST_F(Sockets, HelloBringsTheListener) {
    open();
    int ends[2];
    ASSERT_EQ(::pipe(ends), 0);
    const UniqueFd from{ends[0]}, to{ends[1]};
    passed_ = to.get();
    call();
    ASSERT_TRUE(until([&] { return hellos_ == 1; }));
    EXPECT_EQ(last_hello_.pid, 4242);
    ASSERT_TRUE(listener_);
    ASSERT_EQ(::write(listener_.get(), "x", 1), 1);
    char byte = 0;
    EXPECT_EQ(::read(from.get(), &byte, 1), 1);
    EXPECT_TRUE(socket_->is_connected(JobId{"job-1"}));
}

TEST_F(Sockets, SocketIsForItsOwnerOnly) {
    open();
    struct stat facts {};
    ASSERT_EQ(::stat(path_.c_str(), &facts), 0);
    EXPECT_EQ(facts.st_mode & 0777, 0600u);
}

TEST_F(Sockets, WrongSecretIsRefusedAndMayTryAgain) {
    open();
    secret_ = "other";
    call();
    EXPECT_FALSE(until([&, end = Steady::now() + std::chrono::milliseconds{400}] {
                     return hellos_ > 0 || Steady::now() > end;
                 }) &&
                 hellos_ > 0);
    secret_ = "right";
    EXPECT_TRUE(until([&] { return hellos_ == 1; }));
    EXPECT_EQ(losses_, 0);
}

TEST_F(Sockets, ReportsAndCommandsGoBothWays) {
    open();
    call();
    ASSERT_TRUE(until([&] { return hellos_ == 1; }));
    link_->report(Started{{7}, "crun 1", "loop ext4"});
    link_->report(Ended{{9}, 1, 0, "disk_limit", "full", 5, 6});
    ASSERT_TRUE(until([&] { return ended_.has_value(); }));
    EXPECT_EQ(started_->disk_limit_by, "loop ext4");
    EXPECT_EQ(ended_->reason, "disk_limit");
    EXPECT_EQ(ended_->peak_memory_bytes, 5u);
    ASSERT_TRUE(socket_->stop_job(JobId{"job-1"}, "user", std::chrono::milliseconds{1500}));
    ASSERT_TRUE(socket_->release(JobId{"job-1"}));
    ASSERT_TRUE(until([&] { return released_; }));
    EXPECT_EQ(stop_reason_, "user");
    EXPECT_EQ(stop_grace_, std::chrono::milliseconds{1500});
}

TEST_F(Sockets, PausesAreAskedForAndAnswered) {
    said_.pause = PauseState{true, {3}, ""};
    open();
    call();
    ASSERT_TRUE(until([&] { return hellos_ == 1; }));
    ASSERT_TRUE(last_hello_.pause && pause_state_);
    EXPECT_TRUE(pause_state_->is_frozen);
    ASSERT_TRUE(socket_->pause_job(JobId{"job-1"}, std::chrono::hours{24 * 365}));
    ASSERT_TRUE(socket_->resume_job(JobId{"job-1"}));
    ASSERT_TRUE(until([&] { return resumed_; }));
    EXPECT_EQ(pause_limit_, std::chrono::hours{24 * 365});
    link_->report(PauseState{false, {4}, "no freezer"});
    ASSERT_TRUE(until([&] { return pause_state_->failure == "no freezer"; }));
    EXPECT_FALSE(pause_state_->is_frozen);
    EXPECT_EQ(pause_state_->time.count, 4);
}

TEST_F(Sockets, RunnerThatKnowsNoPausesSaysNothingOfThem) {
    open();
    call();
    ASSERT_TRUE(until([&] { return hellos_ == 1; }));
    EXPECT_FALSE(last_hello_.pause);
    EXPECT_FALSE(pause_state_);
}

TEST_F(Sockets, LateCoordinatorHearsTheWholeStory) {
    said_.phase = Phase::ended;
    said_.started = Started{{7}, "crun 1", "polling"};
    said_.ended = Ended{{9}, 0, 0, "", "done", 0, 0};
    call();
    open();
    ASSERT_TRUE(until([&] { return ended_.has_value(); }));
    EXPECT_EQ(last_hello_.phase, Phase::ended);
    EXPECT_EQ(started_->runtime, "crun 1");
}

TEST_F(Sockets, CoordinatorThatComesBackIsFoundAgain) {
    open();
    call();
    ASSERT_TRUE(until([&] { return hellos_ == 1; }));
    close();
    EXPECT_FALSE(fs::exists(path_));
    open();
    EXPECT_TRUE(until([&] { return hellos_ == 2; }));
}

TEST_F(Sockets, LostRunnerIsToldAndCommandsToItFail) {
    open();
    EXPECT_EQ(socket_->release(JobId{"job-1"}).error().code, ErrorCode::unavailable);
    call();
    ASSERT_TRUE(until([&] { return hellos_ == 1; }));
    hang_up();
    EXPECT_TRUE(until([&] { return losses_ == 1; }));
    EXPECT_EQ(socket_->stop_job(JobId{"job-1"}, "user", {}).error().code, ErrorCode::unavailable);
}

TEST_F(Sockets, SecondCoordinatorIsRefusedAndADeadOnesSocketReplaced) {
    open();
    const auto second = JobSocket::open(context_.get_executor(), path_, {});
    EXPECT_EQ(second.error().code, ErrorCode::conflict);
    close();
    {
        const UniqueFd dead{::socket(AF_UNIX, SOCK_STREAM, 0)};
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        path_.string().copy(address.sun_path, sizeof address.sun_path - 1);
        ASSERT_EQ(::bind(dead.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    }
    ASSERT_TRUE(fs::exists(path_));
    open();
    EXPECT_TRUE(socket_);
}

TEST_F(Sockets, PathMayBeLongerThanASocketAddress) {
    path_ = folder_ / std::string(100, 'd') / "jobs.sock";
    fs::create_directories(path_.parent_path());
    open();
    call();
    EXPECT_TRUE(until([&] { return hellos_ == 1; }));
}

TEST_F(Sockets, GarbageClosesItsConnectionOnly) {
    open();
    const UniqueFd stranger{::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0)};
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path_.string().copy(address.sun_path, sizeof address.sun_path - 1);
    ASSERT_EQ(::connect(stranger.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    ASSERT_EQ(::send(stranger.get(), "GET / HTTP/1.1\r\n\r\n", 18, 0), 18);
    char byte = 0;
    EXPECT_TRUE(until([&] { return ::recv(stranger.get(), &byte, 1, 0) == 0; }));
    call();
    EXPECT_TRUE(until([&] { return hellos_ == 1; }));
}

}  // namespace
}  // namespace labhub::coordinator::runner
