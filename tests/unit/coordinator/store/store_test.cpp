#include <filesystem>

#include <gtest/gtest.h>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_future.hpp>

#include "coordinator/store/command_store.hpp"
#include "coordinator/store/job_store.hpp"
#include "coordinator/store/migrations/migrations.hpp"
#include "shared/base/random.hpp"

namespace labhub::coordinator::store {
namespace {

namespace fs = std::filesystem;

const DeviceAddress kVessel{NodeId{"n1"}, "vessel"};

class Store : public testing::Test {
  protected:
    void SetUp() override { fs::create_directories(folder_); }
    void TearDown() override { fs::remove_all(folder_); }

    template <class T>
    T run(Task<T> task) {
        asio::io_context context;
        auto future = asio::co_spawn(context, std::move(task), asio::use_future);
        context.run();
        return future.get();
    }
    std::unique_ptr<sqlite::Writer> open() {
        auto database = sqlite::Database::open(folder_ / "labhub.db");
        EXPECT_TRUE(sqlite::migrate(*database, main_migrations::migrations()));
        return std::move(*sqlite::Writer::start(std::move(*database)));
    }

    const fs::path folder_ = fs::path(testing::TempDir()) / ("labhub-store-" + random_hex(4));
};

jobs::Job some_job(std::string id) {
    jobs::Job job;
    job.id = JobId{std::move(id)};
    job.device = kVessel;
    job.requested_by = "user:admin";
    job.script = "print('é')\n";
    job.secret = "s3cret";
    job.limits.memory_bytes = 64 << 20;
    job.limits.cpus = 0.5;
    job.environment = {{"SETPOINT", "0.6"}};
    job.created = UtcMillis{1'000};
    return job;
}

leases::Lease some_lease(std::string id) {
    leases::Lease lease;
    lease.id = LeaseId{std::move(id)};
    lease.device = kVessel;
    lease.holder = "job:j1";
    lease.granted = UtcMillis{1};
    lease.expires = UtcMillis{2};
    return lease;
}

TEST_F(Store, GivesAJobBackAsItWasAfterARestart) {
    jobs::Job job = some_job("j1");
    {
        const auto writer = open();
        JobStore store(*writer);
        ASSERT_TRUE(run(store.insert(job)));
        job.status = jobs::Status::running;
        job.started = UtcMillis{2'000};
        job.lease = LeaseId{"l1"};
        job.runtime = "runc 1.1";
        ASSERT_TRUE(run(store.update(job)));
    }
    const auto writer = open();
    const auto loaded = run(JobStore(*writer).load());
    ASSERT_TRUE(loaded) << loaded.error().to_string();
    ASSERT_EQ(loaded->size(), 1u);
    const jobs::Job& read = loaded->front();
    EXPECT_EQ(read.status, jobs::Status::running);
    EXPECT_EQ(read.script, job.script);
    EXPECT_EQ(read.limits.memory_bytes, job.limits.memory_bytes);
    EXPECT_EQ(read.limits.cpus, job.limits.cpus);
    EXPECT_EQ(read.environment, job.environment);
    EXPECT_EQ(read.started, job.started);
    EXPECT_EQ(read.lease, job.lease);
    EXPECT_EQ(read.exit_code, std::nullopt);
}

TEST_F(Store, TakesAJobAndItsLeaseTogetherOrNotAtAll) {
    const auto writer = open();
    JobStore store(*writer);
    jobs::Job first = some_job("j1"), second = some_job("j2");
    ASSERT_TRUE(run(store.insert(first)));
    ASSERT_TRUE(run(store.insert(second)));
    first.status = second.status = jobs::Status::preparing;
    ASSERT_TRUE(run(store.update_with_new_lease(first, some_lease("l1"))));
    const auto refused = run(store.update_with_new_lease(second, some_lease("l2")));
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, ErrorCode::conflict);
    const auto loaded = run(store.load());
    EXPECT_EQ(loaded->at(0).status, jobs::Status::preparing);
    EXPECT_EQ(loaded->at(1).status, jobs::Status::queued);
    EXPECT_EQ(run(store.load_open_leases())->size(), 1u);
}

TEST_F(Store, AnEndedLeaseLetsTheNextOneIn) {
    const auto writer = open();
    JobStore store(*writer);
    auto lease = some_lease("l1");
    ASSERT_TRUE(run(store.insert_lease(lease)));
    EXPECT_FALSE(run(store.insert_lease(some_lease("l2"))));
    lease.ended = UtcMillis{9};
    lease.end_reason = "experiment ended";
    ASSERT_TRUE(run(store.update_lease(lease)));
    EXPECT_TRUE(run(store.insert_lease(some_lease("l2"))));
}

TEST_F(Store, KeepsCommandsInTheOrderTheyWereAsked) {
    const auto writer = open();
    CommandStore store(*writer);
    for (const int i : {1, 2, 3}) {
        CommandRecord record;
        record.id = CommandId{"c" + std::to_string(i)};
        record.device = kVessel;
        record.principal = "job:j1";
        record.asked_at = record.answered_at = UtcMillis{100 * i};
        record.asked = {{"stirrer", 40.0 + i}, {"led", true}};
        record.applied = record.asked;
        record.outcome = "applied";
        store.append(std::move(record));
    }
    const auto read = run(store.of_device(kVessel, UtcMillis{150}, UtcMillis{300}));
    ASSERT_TRUE(read) << read.error().to_string();
    ASSERT_EQ(read->size(), 2u);
    EXPECT_EQ(read->front().id.value, "c2");
    EXPECT_EQ(as_number(read->front().asked.at("stirrer")), 42.0);
    EXPECT_EQ(read->front().asked.at("led"), Value{true});
}

}  // namespace
}  // namespace labhub::coordinator::store
