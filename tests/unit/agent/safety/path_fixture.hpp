#pragma once

#include <memory>
#include <string>

#include <gtest/gtest.h>

#include "agent/safety/command_path.hpp"
#include "tests/unit/agent/support/coroutines.hpp"
#include "tests/unit/agent/support/fake_driver.hpp"

namespace labhub::agent::safety {

inline const Asker kPerson{Origin::ssh, "user:ada", Role::operates};
inline const Asker kCoordinator{Origin::rpc, "coordinator", Role::coordinator};

/// A command path over one fake vessel, with a real state database and a clock that stands still.
class PathTest : public testing::Test {
  protected:
    PathTest() { restart_agent(); }
    ~PathTest() override {
        if (path_) test::run(io_, path_->stop());
    }

    /// As after kill -9: the state file is all that is left, and the board comes back safe.
    void restart_agent() {
        if (path_) test::run(io_, path_->stop());
        path_.reset();
        audit_.reset();
        state_.reset();
        auto driver = std::make_unique<test::FakeDriver>(clock_);
        driver_ = driver.get();
        device_ = std::make_unique<sampling::Device>("vessel", std::move(driver), clock_);
        auto opened = state::StateDatabase::open(folder_.path(), clock_);
        if (!opened) throw std::runtime_error(opened.error().to_string());
        state_ = std::make_unique<state::StateDatabase>(std::move(*opened));
        audit_ = std::make_unique<AuditLog>(state_->writer(), clock_);
        path_ = std::make_unique<CommandPath>(io_.get_executor(), clock_, *audit_, CommandPath::Limits{});
        path_->add(*device_);
        device_->listen_to_link([this](sampling::Device& device, sampling::LinkChange change) -> Task<void> {
            if (change == sampling::LinkChange::found) return path_->device_found(device);
            return nothing();
        });
        test::run(io_, device_->look());
    }

    static Task<void> nothing() { co_return; }

    Command command(std::string metric, Value value, std::string lease = {}) {
        Command made;
        made.id = CommandId{"command-" + std::to_string(++commands_)};
        made.asker = lease.empty() ? kPerson : kCoordinator;
        made.device = "vessel";
        made.lease = LeaseId{std::move(lease)};
        made.setpoints = {Setpoint{std::move(metric), std::move(value)}};
        return made;
    }
    Result<Applied> apply(Command command) { return test::run(io_, path_->apply(std::move(command))); }

    LeaseGrant grant(std::string lease, std::chrono::milliseconds ttl) {
        LeaseGrant made;
        made.asker = kCoordinator;
        made.device = "vessel";
        made.lease = LeaseId{std::move(lease)};
        made.holder = "job:1";
        made.ttl = ttl;
        return made;
    }
    Result<void> lease(LeaseGrant grant) { return test::run(io_, path_->lease(std::move(grant))); }
    Result<std::vector<Reading>> hold(Asker asker) {
        Hold wish{std::move(asker), "vessel", "test"};
        return test::run(io_, path_->hold(std::move(wish)));
    }
    /// Time passes, and the dead-man looks.
    void pass(std::chrono::milliseconds time) {
        clock_.advance(time);
        test::run(io_, path_->enforce());
    }
    /// One number from the state database.
    std::int64_t count(std::string sql) {
        auto counted = state_->writer().write_and_wait([sql](sqlite::Database& database) -> Result<std::int64_t> {
            LABHUB_TRY(sqlite::Statement row, database.prepare(sql));
            LABHUB_TRY(const bool has_row, row.step());
            return has_row ? row.column_int64(0) : -1;
        });
        return counted ? *counted : -1;
    }

    test::TemporaryFolder folder_;
    asio::io_context io_{1};
    ManualClock clock_;
    test::FakeDriver* driver_ = nullptr;
    std::unique_ptr<sampling::Device> device_;
    std::unique_ptr<state::StateDatabase> state_;
    std::unique_ptr<AuditLog> audit_;
    std::unique_ptr<CommandPath> path_;
    int commands_ = 0;
};

}  // namespace labhub::agent::safety
