#pragma once

#include <gtest/gtest.h>

#include "coordinator/domain/reservations/reservations.hpp"
#include "coordinator/store/migrations/migrations.hpp"
#include "shared/sqlite/migrate.hpp"
#include "tests/unit/shared/run_task.hpp"

namespace labhub::coordinator::reservations {

/// Reservations over a real database, on a clock that stands still, in a lab whose other parts say what a test lets
/// them say.
class CalendarTest : public testing::Test {
  protected:
    using hours = std::chrono::hours;
    using minutes = std::chrono::minutes;
    using seconds = std::chrono::seconds;

    CalendarTest() {
        auto database = sqlite::Database::open(":memory:");
        EXPECT_TRUE(sqlite::migrate(*database, store::main_migrations::migrations()));
        writer_ = std::move(*sqlite::Writer::start(std::move(*database)));
        store_ = std::make_unique<store::ReservationStore>(*writer_);
        commands_ = std::make_unique<store::CommandStore>(*writer_);
        for (const auto& device : {kVessel, kOther}) {
            link::Enrolment enrolment;
            enrolment.node = device.node;
            enrolment.ssh_host = "127.0.0.1";
            enrolment.ssh_port = 1;
            fleet_.enrol(std::move(enrolment), "coordinator", "/nonexistent/key");
            fleet_.device_born(device, clock_.utc_now(), {}, {});
        }
        settings_.channels = {"mail"};
        restart();
    }
    ~CalendarTest() override { test::run_task(io_, fleet_.stop()); }

    void restart() {
        Surroundings around;
        around.held_by_another = [this](const DeviceAddress&, const std::string&) { return hold_; };
        around.has_job = [this](const Reservation& of) { return has_job_ && of.owner == "user:ada"; };
        around.end_manual_hold = [this](Reservation of) { return end_hold(std::move(of)); };
        around.changed = [this] { ++changed_; };
        around.wake_notifier = [this] { ++woken_; };
        calendar_ = std::make_unique<Reservations>(settings_, *store_, *commands_, fleet_, clock_, std::move(around));
        const auto started = test::run_task(io_, calendar_->start());
        ASSERT_TRUE(started) << started.error().to_string();
    }
    Task<void> end_hold(Reservation of) {
        holds_ended_.push_back(of.id.value);
        co_return;
    }

    UtcMillis in(std::chrono::milliseconds time) const { return clock_.utc_now() + time; }
    Result<Reservation> make(UtcMillis from, UtcMillis to, std::string owner = "user:ada",
                             DeviceAddress device = kVessel) {
        return test::run_task(io_, calendar_->make({std::move(device), std::move(owner), from, to, "a note"}));
    }
    Reservation made(UtcMillis from, UtcMillis to, std::string owner = "user:ada", DeviceAddress device = kVessel) {
        auto done = make(from, to, std::move(owner), std::move(device));
        EXPECT_TRUE(done) << done.error().to_string();
        return done ? *done : Reservation{};
    }
    Result<Reservation> change(const ReservationId& id, Change change) {
        return test::run_task(io_, calendar_->change(id, std::move(change), "user:ada"));
    }
    Result<void> cancel(const ReservationId& id) { return test::run_task(io_, calendar_->cancel(id, "user:ada")); }
    void look() { test::run_task(io_, calendar_->look()); }
    void pass(std::chrono::milliseconds time) {
        clock_.advance(time);
        look();
    }
    /// Lets the owner, or another, command the device by hand.
    void command(const std::string& principal) {
        store::CommandRecord record;
        record.id = CommandId{new_id()};
        record.device = kVessel;
        record.principal = principal;
        record.asked_at = record.answered_at = clock_.utc_now();
        record.outcome = "applied";
        commands_->append(std::move(record));
    }
    std::string state(const ReservationId& id) {
        const auto found = test::run_task(io_, calendar_->find(id));
        return found ? std::string(state_of(*found, clock_.utc_now())) : found.error().to_string();
    }
    std::vector<Event> events() { return *test::run_task(io_, calendar_->events({})); }
    std::vector<std::string> kinds() {
        std::vector<std::string> all;
        for (const auto& event : events()) all.push_back(event.kind);
        return all;
    }
    std::size_t to_be_told() { return test::run_task(io_, store_->undelivered("mail", 1'000))->size(); }

    static inline const DeviceAddress kVessel{NodeId{"sim-1"}, "vessel"};
    static inline const DeviceAddress kOther{NodeId{"sim-2"}, "vessel"};
    asio::io_context io_;
    ManualClock clock_;
    std::unique_ptr<sqlite::Writer> writer_;
    std::unique_ptr<store::ReservationStore> store_;
    std::unique_ptr<store::CommandStore> commands_;
    fleet::Fleet fleet_{io_.get_executor(), clock_};
    Settings settings_;
    std::optional<Hold> hold_;
    bool has_job_ = false;
    std::vector<std::string> holds_ended_;
    int changed_ = 0, woken_ = 0;
    std::unique_ptr<Reservations> calendar_;
};

}  // namespace labhub::coordinator::reservations
