#pragma once

#include <filesystem>
#include <memory>

#include <gtest/gtest.h>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_future.hpp>

#include "coordinator/domain/accounts/accounts.hpp"
#include "coordinator/store/migrations/migrations.hpp"
#include "shared/base/random.hpp"

namespace labhub::coordinator::accounts {

/// Accounts over a real database in a folder of the test's own.
class AccountsLab : public testing::Test {
  protected:
    void SetUp() override {
        std::filesystem::create_directories(folder_);
        restart();
    }
    void TearDown() override {
        accounts_.reset();
        store_.reset();
        writer_.reset();
        std::filesystem::remove_all(folder_);
    }
    /// As after the end of the coordinator.
    void restart() {
        accounts_.reset();
        store_.reset();
        writer_.reset();
        auto database = sqlite::Database::open(folder_ / "labhub.db");
        ASSERT_TRUE(sqlite::migrate(*database, store::main_migrations::migrations()));
        writer_ = std::move(*sqlite::Writer::start(std::move(*database)));
        store_ = std::make_unique<store::AccountStore>(*writer_);
        accounts_ = std::make_unique<Accounts>(context_.get_executor(), *store_, clock_, kFile);
        const auto started = run(accounts_->start());
        ASSERT_TRUE(started) << started.error().to_string();
    }
    template <class T>
    T run(Task<T> task) {
        auto future = asio::co_spawn(context_, std::move(task), asio::use_future);
        context_.restart();
        while (future.wait_for(std::chrono::seconds{0}) != std::future_status::ready) context_.run_one();
        return future.get();
    }
    User add(std::string name, UserChange wanted = {}) {
        auto added = run(accounts_->add_user(std::move(name), std::move(wanted), "user:admin"));
        EXPECT_TRUE(added) << added.error().to_string();
        return added ? *added : User{};
    }
    std::string token_of(std::string user, std::string name = "laptop", std::optional<UtcMillis> expires = {}) {
        auto issued = run(accounts_->issue_token(std::move(user), std::move(name), expires, "user:admin"));
        EXPECT_TRUE(issued) << issued.error().to_string();
        return issued ? issued->secret : std::string{};
    }
    Result<User> change(std::string name, UserChange change) {
        return run(accounts_->change_user(std::move(name), std::move(change)));
    }

    static constexpr const char* kFile = "the-secret-of-the-file";
    const std::filesystem::path folder_ =
        std::filesystem::path(testing::TempDir()) / ("labhub-accounts-" + random_hex(4));
    asio::io_context context_;
    ManualClock clock_;
    std::unique_ptr<sqlite::Writer> writer_;
    std::unique_ptr<store::AccountStore> store_;
    std::unique_ptr<Accounts> accounts_;
};

}  // namespace labhub::coordinator::accounts
