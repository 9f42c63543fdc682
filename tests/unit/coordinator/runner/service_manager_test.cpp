#include "coordinator/runner/service_manager.hpp"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstdlib>
#include <optional>

#include <gtest/gtest.h>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/local/stream_protocol.hpp>

#include "coordinator/runner/launcher_choice.hpp"
#include "coordinator/runner/systemd_launcher.hpp"
#include "shared/base/files.hpp"
#include "shared/base/random.hpp"
#include "shared/runtime/task_group.hpp"

namespace labhub::coordinator::runner {
namespace {

namespace fs = std::filesystem;
using Local = asio::local::stream_protocol;

/// A D-Bus that is not there, or does not behave. What a real one does with systemd behind it: tests/machine.
class NoService : public ::testing::Test {
  protected:
    void SetUp() override { ::setenv("DBUS_SYSTEM_BUS_ADDRESS", ("unix:path=" + path_.string()).c_str(), 1); }
    void TearDown() override {
        ::unsetenv("DBUS_SYSTEM_BUS_ADDRESS");
        fs::remove(path_);
    }

    Result<UnitOutcome> start(std::chrono::milliseconds limit) {
        std::optional<Result<UnitOutcome>> outcome;
        asio::co_spawn(context_, ask(limit, outcome), asio::detached);
        context_.restart();
        context_.run_for(std::chrono::seconds{30});
        EXPECT_TRUE(outcome) << "no answer at all";
        return outcome ? std::move(*outcome) : Result<UnitOutcome>(Error{});
    }
    Task<void> ask(std::chrono::milliseconds limit, std::optional<Result<UnitOutcome>>& into) {
        ServiceManager manager{context_.get_executor()};
        auto starting = manager.start_unit("labhub-job@x.service", limit);
        auto outcome = co_await std::move(starting);
        co_await manager.close();
        into = std::move(outcome);
        context_.stop();
    }
    /// Takes connections and says nothing; with `closes`, hangs up at once.
    Task<void> listen(bool closes) {
        Local::acceptor acceptor{context_, Local::endpoint{path_.string()}};
        std::vector<Local::socket> kept;
        for (;;) {
            auto [failure, client] = co_await acceptor.async_accept(as_result);
            if (failure) co_return;
            if (!closes) kept.push_back(std::move(client));
        }
    }

    fs::path path_ = fs::temp_directory_path() / ("labhub-bus-" + random_hex(6));
    asio::io_context context_;
};

TEST_F(NoService, IsUnavailableWithoutABus) {
    const auto outcome = start(std::chrono::seconds{20});
    ASSERT_FALSE(outcome);
    EXPECT_EQ(outcome.error().code, ErrorCode::unavailable);
    EXPECT_NE(outcome.error().to_string().find("D-Bus"), std::string::npos) << outcome.error().to_string();
}

TEST_F(NoService, IsUnavailableWhenTheBusHangsUp) {
    asio::co_spawn(context_, listen(true), asio::detached);
    const auto outcome = start(std::chrono::seconds{20});
    ASSERT_FALSE(outcome);
    EXPECT_EQ(outcome.error().code, ErrorCode::unavailable) << outcome.error().to_string();
}

TEST_F(NoService, TimesOutWhenTheBusSaysNothing) {
    asio::co_spawn(context_, listen(false), asio::detached);
    const auto outcome = start(std::chrono::milliseconds{300});
    ASSERT_FALSE(outcome);
    EXPECT_EQ(outcome.error().code, ErrorCode::timed_out) << outcome.error().to_string();
}

TEST(LauncherChoice, IsSpawnForRootAndSaysWhy) {
    if (::geteuid() != 0) GTEST_SKIP() << "what root gets is for root";
    asio::io_context context;
    const auto choice = choose_launcher("auto", context.get_executor(), "/usr/bin/labhub-runner", "/var/lib/labhub/x");
    ASSERT_TRUE(choice) << choice.error().to_string();
    EXPECT_EQ(choice->launcher->name(), "spawn");
    EXPECT_EQ(choice->why, "the coordinator is root");
}

TEST(LauncherChoice, RefusesSystemdWhereItCanNotWork) {
    asio::io_context context;
    const auto choice =
        choose_launcher("systemd", context.get_executor(), "/usr/bin/labhub-runner", "/nowhere/experiments");
    ASSERT_FALSE(choice);
    if (has_systemd_units()) {
        EXPECT_EQ(choice.error().code, ErrorCode::conflict) << choice.error().to_string();
        EXPECT_NE(choice.error().detail.find("jobs.folder"), std::string::npos);
    } else {
        EXPECT_EQ(choice.error().code, ErrorCode::unsupported) << choice.error().to_string();
    }
}

}  // namespace
}  // namespace labhub::coordinator::runner
