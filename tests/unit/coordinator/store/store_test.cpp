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
    job.params = {{"setpoint", 0.6}, {"pumps", boost::json::array{"A_in", "A_out"}}};
    job.inputs = {{"feed profile.csv", 1'234, std::string(64, 'a')}};
    job.restarted_from = JobId{"j0"};
    job.labels = {{"growth", "étude"}, "first try\n\"quoted\""};
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

jobs::Event some_event(std::string kind) {
    jobs::Event event;
    event.time = UtcMillis{7};
    event.kind = std::move(kind);
    event.who = "user:ada";
    return event;
}

TEST_F(Store, KeepsWhatAJobNeedsAndWhichDeviceItWasGiven) {
    jobs::Job job = some_job("j1");
    job.device = {};
    job.needs = jobs::Needs{{}, {"ph"}, {"stirrer"}};
    const auto reread = [this] {
        const auto writer = open();
        return run(JobStore(*writer).load());
    };
    {
        const auto writer = open();
        ASSERT_TRUE(run(JobStore(*writer).insert(job, some_event("queued"))));
    }
    auto loaded = reread();
    ASSERT_TRUE(loaded) << loaded.error().to_string();
    EXPECT_FALSE(loaded->front().has_device());
    EXPECT_EQ(loaded->front().needs, job.needs);
    {
        const auto writer = open();
        job.device = kVessel;
        job.status = jobs::Status::preparing;
        ASSERT_TRUE(run(JobStore(*writer).update_with_new_lease(job, some_lease("l1"), some_event("preparing"))));
    }
    loaded = reread();
    ASSERT_TRUE(loaded) << loaded.error().to_string();
    EXPECT_EQ(loaded->front().device, kVessel);
}

TEST_F(Store, TakesTheDeviceOfAJobOfBeforeThereWereNeedsAsTheOneItNames) {
    {
        const auto writer = open();
        JobStore store(*writer);
        ASSERT_TRUE(run(store.insert(some_job("j1"), some_event("queued"))));
        ASSERT_TRUE(run(writer->write([](sqlite::Database& database) {
            return database.execute("UPDATE jobs SET request = json_remove(request, '$.needs')");
        })));
    }
    const auto writer = open();
    const auto loaded = run(JobStore(*writer).load());
    ASSERT_TRUE(loaded) << loaded.error().to_string();
    EXPECT_TRUE(loaded->front().needs.names_its_device());
    EXPECT_EQ(loaded->front().needs.devices.front(), kVessel);
}

TEST_F(Store, GivesAJobBackAsItWasAfterARestart) {
    jobs::Job job = some_job("j1");
    {
        const auto writer = open();
        JobStore store(*writer);
        ASSERT_TRUE(run(store.insert(job, some_event("queued"))));
        job.status = jobs::Status::running;
        job.started = UtcMillis{2'000};
        job.lease = LeaseId{"l1"};
        job.runtime = "runc 1.1";
        ASSERT_TRUE(run(store.update(job, some_event("running"))));
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
    EXPECT_EQ(read.params, job.params);
    EXPECT_EQ(read.inputs, job.inputs);
    EXPECT_EQ(read.restarted_from, job.restarted_from);
    EXPECT_EQ(read.labels, job.labels);
    EXPECT_EQ(read.started, job.started);
    EXPECT_EQ(read.lease, job.lease);
    EXPECT_EQ(read.exit_code, std::nullopt);
}

TEST_F(Store, KeepsTheLastPauseOfAJobWithEachOfItsChanges) {
    jobs::Job job = some_job("j1");
    const auto paused = [](std::int64_t since, std::optional<UtcMillis> until) {
        return jobs::Pause{UtcMillis{since}, until, jobs::Actuators::safe, "user:ada", "foam"};
    };
    {
        const auto writer = open();
        JobStore store(*writer);
        ASSERT_TRUE(run(store.insert(job, some_event("queued"))));
        ASSERT_TRUE(run(store.insert(some_job("j2"), some_event("queued"))));
        job.pauses = {paused(10, {})};
        ASSERT_TRUE(run(store.update(job, some_event("paused"))));
        job.pauses.back().until = UtcMillis{20};
        ASSERT_TRUE(run(store.update(job, some_event("resumed"))));
        job.pauses.push_back(paused(30, {}));
        ASSERT_TRUE(run(store.update(job, some_event("paused"))));
    }
    const auto writer = open();
    JobStore store(*writer);
    const auto loaded = run(store.load());
    ASSERT_TRUE(loaded) << loaded.error().to_string();
    ASSERT_EQ(loaded->size(), 2u);
    const auto& pauses = loaded->at(0).pauses;
    ASSERT_EQ(pauses.size(), 2u);
    EXPECT_EQ(pauses[0].until, UtcMillis{20});
    EXPECT_EQ(pauses[1].since, UtcMillis{30});
    EXPECT_FALSE(pauses[1].until);
    EXPECT_EQ(pauses[1].actuators, jobs::Actuators::safe);
    EXPECT_EQ(pauses[1].who + pauses[1].reason, "user:adafoam");
    EXPECT_TRUE(loaded->at(1).pauses.empty());
    ASSERT_TRUE(run(store.remove(JobId{"j1"})));
    EXPECT_EQ(run(store.load())->size(), 1u);
}

TEST_F(Store, TakesAJobAndItsLeaseTogetherOrNotAtAll) {
    const auto writer = open();
    JobStore store(*writer);
    jobs::Job first = some_job("j1"), second = some_job("j2");
    ASSERT_TRUE(run(store.insert(first, some_event("queued"))));
    ASSERT_TRUE(run(store.insert(second, some_event("queued"))));
    first.status = second.status = jobs::Status::preparing;
    ASSERT_TRUE(run(store.update_with_new_lease(first, some_lease("l1"), some_event("preparing"))));
    const auto refused = run(store.update_with_new_lease(second, some_lease("l2"), some_event("preparing")));
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, ErrorCode::conflict);
    const auto loaded = run(store.load());
    EXPECT_EQ(loaded->at(0).status, jobs::Status::preparing);
    EXPECT_EQ(loaded->at(1).status, jobs::Status::queued);
    EXPECT_EQ(run(store.load_open_leases())->size(), 1u);
    // Nor is there a word of what did not happen.
    EXPECT_EQ(run(store.events(JobId{"j1"}, 0, 9))->size(), 2u);
    EXPECT_EQ(run(store.events(JobId{"j2"}, 0, 9))->size(), 1u);
}

TEST_F(Store, KeepsWhatDecidesAJobsTurn) {
    jobs::Job job = some_job("j1");
    job.priority = -7;
    job.not_before = UtcMillis{5'000};
    job.is_held = true;
    {
        const auto writer = open();
        ASSERT_TRUE(run(JobStore(*writer).insert(job, some_event("queued"))));
    }
    const auto writer = open();
    JobStore store(*writer);
    jobs::Job read = run(store.load())->front();
    EXPECT_EQ(read.priority, -7);
    EXPECT_EQ(read.not_before, UtcMillis{5'000});
    EXPECT_TRUE(read.is_held);
    read.is_held = false;
    ASSERT_TRUE(run(store.update(read, some_event("released"))));
    EXPECT_FALSE(run(store.load())->front().is_held);
}

TEST_F(Store, ChangesLabelsWithoutTheJobAndTheJobWithoutLabels) {
    const auto writer = open();
    JobStore store(*writer);
    jobs::Job job = some_job("j1");
    ASSERT_TRUE(run(store.insert(job, some_event("queued"))));
    const jobs::Labels labels{{"kept"}, "written while it ran"};
    ASSERT_TRUE(run(store.set_labels(job.id, labels, some_event("labelled"))));
    job.status = jobs::Status::completed;
    job.ended = UtcMillis{9'000};
    ASSERT_TRUE(run(store.update(job, some_event("completed"))));
    const jobs::Job read = run(store.load())->front();
    EXPECT_EQ(read.labels, labels);
    EXPECT_EQ(read.status, jobs::Status::completed);
    EXPECT_EQ(run(store.events(job.id, 0, 9))->size(), 3u);
}

TEST_F(Store, KeepsTheScriptOfAnEndedJobToBeRunAgain) {
    const auto writer = open();
    JobStore store(*writer);
    jobs::Job job = some_job("j1");
    ASSERT_TRUE(run(store.insert(job, some_event("queued"))));
    job.status = jobs::Status::completed;
    job.ended = UtcMillis{9'000};
    ASSERT_TRUE(run(store.update(job, some_event("completed"))));
    EXPECT_EQ(run(store.load())->front().script, "");
    EXPECT_EQ(run(store.script_of(job.id)).value(), some_job("j1").script);
    EXPECT_EQ(run(store.script_of(JobId{"j2"})).error().code, ErrorCode::not_found);
}

TEST_F(Store, GivesTheEventsOfAJobInOrderAndAfterANumber) {
    const auto writer = open();
    JobStore store(*writer);
    ASSERT_TRUE(run(store.insert(some_job("j1"), some_event("queued"))));
    ASSERT_TRUE(run(store.insert(some_job("j2"), some_event("queued"))));
    ASSERT_TRUE(run(store.add_event(JobId{"j1"}, some_event("note"))));
    const auto all = run(store.events(JobId{"j1"}, 0, 9));
    ASSERT_EQ(all->size(), 2u);
    EXPECT_EQ(all->at(0).kind, "queued");
    EXPECT_EQ(all->at(1).kind, "note");
    EXPECT_EQ(all->at(1).who, "user:ada");
    EXPECT_EQ(run(store.events(JobId{"j1"}, all->at(0).number, 9))->size(), 1u);
    EXPECT_EQ(run(store.events(JobId{"j1"}, 0, 1))->size(), 1u);
    ASSERT_TRUE(run(store.remove(JobId{"j1"})));
    EXPECT_EQ(run(store.events(JobId{"j1"}, 0, 9))->size(), 2u) << "the record outlasts the job";
}

TEST_F(Store, RemembersThatTheQueueIsPaused) {
    {
        const auto writer = open();
        EXPECT_FALSE(run(JobStore(*writer).load_pause())->has_value());
        ASSERT_TRUE(run(JobStore(*writer).set_pause(jobs::QueuePause{"new tubing", "user:ada", UtcMillis{5}})));
    }
    const auto writer = open();
    const auto pause = run(JobStore(*writer).load_pause());
    ASSERT_TRUE(pause->has_value());
    EXPECT_EQ((*pause)->reason, "new tubing");
    EXPECT_EQ((*pause)->since, UtcMillis{5});
    ASSERT_TRUE(run(JobStore(*writer).set_pause(std::nullopt)));
    EXPECT_FALSE(run(JobStore(*writer).load_pause())->has_value());
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
