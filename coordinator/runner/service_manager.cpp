#include "coordinator/runner/service_manager.hpp"

#include <poll.h>
#include <systemd/sd-bus.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <map>
#include <set>

#include <spdlog/spdlog.h>
#include <boost/asio/posix/stream_descriptor.hpp>

#include "shared/base/clock.hpp"
#include "shared/base/text.hpp"
#include "shared/runtime/task_group.hpp"

namespace labhub::coordinator::runner {
namespace {

constexpr const char* kService = "org.freedesktop.systemd1";
constexpr const char* kObject = "/org/freedesktop/systemd1";
constexpr const char* kManager = "org.freedesktop.systemd1.Manager";
constexpr std::chrono::seconds kAnswerLimit{25};
constexpr std::size_t kMaxText = 1000;

struct Unref {
    void operator()(sd_bus_message* message) const { sd_bus_message_unref(message); }
    void operator()(sd_bus_slot* slot) const { sd_bus_slot_unref(slot); }
    void operator()(sd_bus* bus) const { sd_bus_close_unref(bus); }
};
using Message = std::unique_ptr<sd_bus_message, Unref>;
using Slot = std::unique_ptr<sd_bus_slot, Unref>;
using Bus = std::unique_ptr<sd_bus, Unref>;

/// Something that is waited for, by one coroutine.
class Event {
  public:
    explicit Event(asio::any_io_executor executor) : timer_(executor, Steady::time_point::max()) {}
    void happen() {
        has_happened_ = true;
        timer_.cancel();
    }
    bool has_happened() const { return has_happened_; }
    /// False when the waiting task was cancelled.
    Task<bool> wait() {
        if (!has_happened_) co_await timer_.async_wait(as_result);
        co_return has_happened_;
    }

  private:
    asio::steady_timer timer_;
    bool has_happened_ = false;
};

/// systemd's work on one unit ("job" is its own word), from our asking to the signal that it is over.
struct UnitJob {
    explicit UnitJob(asio::any_io_executor executor) : over(executor) {}
    Event over;
    std::string result;  ///< empty: the connection was lost
};

struct Call {
    explicit Call(asio::any_io_executor executor) : answered(executor) {}
    Event answered;
    Message reply;
    /// Before anything that comes after the answer is looked at.
    std::function<void(sd_bus_message* reply)> on_success;
    Slot slot;  // last: unset first, so that no answer comes to what is gone
};

int take_reply(sd_bus_message* message, void* data, sd_bus_error*) {
    Call& call = *static_cast<Call*>(data);
    call.reply.reset(sd_bus_message_ref(message));
    if (call.on_success && !sd_bus_message_is_method_error(message, nullptr)) call.on_success(message);
    call.answered.happen();
    return 1;
}

Error bus_error(const std::string& doing, int failure) {
    return Error{ErrorCode::unavailable, doing + ": D-Bus: " + std::strerror(failure < 0 ? -failure : failure),
                 "dbus and systemd have to run on this host"};
}

/// What systemd or the bus said instead of an answer.
Error refusal(const std::string& doing, const sd_bus_message* reply) {
    const sd_bus_error* const error = sd_bus_message_get_error(const_cast<sd_bus_message*>(reply));
    const std::string name = error && error->name ? error->name : "";
    const std::string text = doing + ": " + printable(error && error->message ? error->message : name, kMaxText);
    const auto ends_with = [&](std::string_view word) { return name.ends_with(word); };
    if (ends_with(".AccessDenied") || ends_with(".InteractiveAuthorizationRequired"))
        return Error{ErrorCode::forbidden, text,
                     "polkitd and /usr/share/polkit-1/rules.d/labhub.rules let the user labhub do this"};
    if (ends_with(".NoSuchUnit") || ends_with(".LoadFailed") || ends_with(".UnitMasked"))
        return Error{ErrorCode::not_found, text, "the units of labhub have to be installed"};
    return Error{ErrorCode::unavailable, text};
}

}  // namespace

class ServiceManager::Impl : public std::enable_shared_from_this<Impl> {
  public:
    explicit Impl(asio::any_io_executor executor)
        : executor_(executor), wake_(executor, Steady::time_point::max()), tasks_(executor) {}

    Task<Result<UnitOutcome>> start_unit(std::string unit) {
        const std::string doing = "start " + unit;
        auto job = std::make_shared<UnitJob>(executor_);
        std::string path;
        auto request = unit_request("StartUnit", unit, true);
        if (!request) co_return std::move(request).error();
        auto asking = call(std::move(*request), doing, [this, job, &path](sd_bus_message* reply) {
            const char* object = nullptr;
            if (sd_bus_message_read(reply, "o", &object) < 0) return;
            path = object;
            jobs_[path] = job;
        });
        auto asked = co_await std::move(asking);
        if (!asked) co_return std::move(asked).error();
        auto waiting = job->over.wait();
        const bool is_over = co_await std::move(waiting);
        jobs_.erase(path);
        if (!is_over || job->result.empty()) {
            Error lost{ErrorCode::unavailable, doing + ": the connection to D-Bus was lost"};
            co_return lost;
        }
        auto describing = outcome(std::move(unit), job->result);
        co_return co_await std::move(describing);
    }

    Task<Result<void>> ask(const char* method, std::string unit, bool has_mode) {
        auto request = unit_request(method, unit, has_mode);
        if (!request) co_return std::move(request).error();
        auto asking = call(std::move(*request), std::string(method) + " " + unit, {});
        auto asked = co_await std::move(asking);
        if (!asked) co_return std::move(asked).error();
        co_return Result<void>{};
    }

    Task<void> close() {
        disconnect();
        co_await tasks_.stop();
    }

  private:
    struct Connection {
        Connection(Bus bus_in, asio::any_io_executor executor)
            : bus(std::move(bus_in)), descriptor(executor, ::dup(sd_bus_get_fd(bus.get()))) {}
        Bus bus;
        asio::posix::stream_descriptor descriptor;  ///< a copy: the bus closes its own
        bool is_read_armed = false, is_write_armed = false;
    };

    Result<void> connect() {
        if (connection_) return {};
        sd_bus* raw = nullptr;
        int status = sd_bus_open_system(&raw);
        Bus bus{raw};
        // In this order on one connection: nothing that is asked later can be over before its end is heard.
        if (status >= 0)
            status = sd_bus_match_signal_async(raw, nullptr, kService, kObject, kManager, "JobRemoved", &job_removed,
                                               nullptr, this);
        if (status >= 0)
            status =
                sd_bus_call_method_async(raw, nullptr, kService, kObject, kManager, "Subscribe", nullptr, nullptr, "");
        if (status < 0) return bus_error("connect to systemd", status);
        connection_ = std::make_shared<Connection>(std::move(bus), executor_);
        tasks_.spawn("D-Bus", pump(shared_from_this(), connection_));
        return {};
    }

    /// Whoever waits for an answer hears that there will be none.
    void disconnect() {
        if (!connection_) return;
        boost::system::error_code ignored;
        connection_->descriptor.close(ignored);
        connection_->bus.reset();
        connection_.reset();
        wake();
        for (auto& [path, job] : std::exchange(jobs_, {})) job->over.happen();
        for (Call* const waiting : std::exchange(calls_, {})) waiting->answered.happen();
    }

    static Task<void> pump(std::shared_ptr<Impl> self, std::shared_ptr<Connection> mine) {
        while (mine->bus) {
            int status = 0;
            while ((status = sd_bus_process(mine->bus.get(), nullptr)) > 0) {
            }
            if (status < 0) {
                spdlog::warn("{}", bus_error("the connection to systemd is lost", status).to_string());
                self->disconnect();
                co_return;
            }
            co_await self->wait(mine);
            const auto state = co_await asio::this_coro::cancellation_state;
            if (state.cancelled() != asio::cancellation_type::none) co_return;
        }
    }

    /// Until the bus has something to do: bytes came or can go, a deadline has passed, or something was asked.
    Task<void> wait(std::shared_ptr<Connection> connection) {
        const int wanted = sd_bus_get_events(connection->bus.get());
        std::uint64_t until_us = 0;
        if (sd_bus_get_timeout(connection->bus.get(), &until_us) < 0) until_us = UINT64_MAX;
        const auto never = Steady::time_point::max();
        wake_.expires_at(until_us == UINT64_MAX ? never : Steady::time_point{std::chrono::microseconds{until_us}});
        if (wanted & POLLIN) arm(connection, asio::posix::stream_descriptor::wait_read, connection->is_read_armed);
        if (wanted & POLLOUT) arm(connection, asio::posix::stream_descriptor::wait_write, connection->is_write_armed);
        if (!is_wanted_) co_await wake_.async_wait(as_result);
        is_wanted_ = false;
    }

    void arm(const std::shared_ptr<Connection>& connection, asio::posix::stream_descriptor::wait_type what,
             bool& is_armed) {
        if (std::exchange(is_armed, true)) return;
        connection->descriptor.async_wait(what, [self = shared_from_this(), connection, &is_armed](auto failure) {
            is_armed = false;
            if (!failure) self->wake();
        });
    }

    void wake() {
        is_wanted_ = true;
        wake_.cancel();
    }

    Result<Message> unit_request(const char* method, const std::string& unit, bool has_mode) {
        LABHUB_CHECK(connect());
        sd_bus_message* raw = nullptr;
        int status = sd_bus_message_new_method_call(connection_->bus.get(), &raw, kService, kObject, kManager, method);
        Message message{raw};
        if (status >= 0) status = sd_bus_message_append(raw, "s", unit.c_str());
        if (status >= 0 && has_mode) status = sd_bus_message_append(raw, "s", "replace");
        if (status < 0) return bus_error(method, status);
        return message;
    }

    /// One question, one answer. Error refusal() when the answer is one.
    Task<Result<Message>> call(Message request, std::string doing, std::function<void(sd_bus_message*)> on_success) {
        Call asked{executor_};
        asked.on_success = std::move(on_success);
        sd_bus_slot* slot = nullptr;
        const int sent = sd_bus_call_async(connection_->bus.get(), &slot, request.get(), &take_reply, &asked,
                                           std::chrono::microseconds{kAnswerLimit}.count());
        asked.slot.reset(slot);
        request.reset();
        if (sent < 0) {
            Error failed = bus_error(doing, sent);
            co_return failed;
        }
        calls_.insert(&asked);
        wake();
        auto waiting = asked.answered.wait();
        co_await std::move(waiting);
        calls_.erase(&asked);
        if (!asked.reply) {
            Error lost{ErrorCode::unavailable, doing + ": the connection to D-Bus was lost"};
            co_return lost;
        }
        if (sd_bus_message_is_method_error(asked.reply.get(), nullptr)) {
            Error refused = refusal(doing, asked.reply.get());
            co_return refused;
        }
        co_return std::move(asked.reply);
    }

    static int job_removed(sd_bus_message* message, void* data, sd_bus_error*) {
        auto& jobs = static_cast<Impl*>(data)->jobs_;
        std::uint32_t number = 0;
        const char *path = nullptr, *unit = nullptr, *result = nullptr;
        if (sd_bus_message_read(message, "uoss", &number, &path, &unit, &result) < 0) return 0;
        const auto found = jobs.find(path);
        if (found == jobs.end()) return 0;
        found->second->result = result;
        found->second->over.happen();
        return 0;
    }

    Task<Result<UnitOutcome>> outcome(std::string unit, std::string job_result) {
        UnitOutcome outcome;
        outcome.is_started = job_result == "done";
        outcome.job_result = std::move(job_result);
        if (outcome.is_started) co_return outcome;
        // What can't be asked stays empty: the job's result says what matters.
        const char* text = nullptr;
        auto asking_result = property(unit, "Result");
        auto result = co_await std::move(asking_result);
        if (result && sd_bus_message_read(result->get(), "v", "s", &text) >= 0) outcome.unit_result = text;
        auto asking_status_text = property(unit, "StatusText");
        auto status_text = co_await std::move(asking_status_text);
        if (status_text && sd_bus_message_read(status_text->get(), "v", "s", &text) >= 0)
            outcome.status_text = printable(text, kMaxText);
        auto asking_exit_status = property(unit, "ExecMainStatus");
        auto exit_status = co_await std::move(asking_exit_status);
        std::int32_t number = 0;
        if (exit_status && sd_bus_message_read(exit_status->get(), "v", "i", &number) >= 0)
            outcome.exit_status = number;
        co_return outcome;
    }

    Task<Result<Message>> property(std::string unit, std::string name) {
        auto request = property_request(unit, name);
        if (!request) co_return std::move(request).error();
        auto asking = call(std::move(*request), "ask for " + name + " of " + unit, {});
        co_return co_await std::move(asking);
    }

    Result<Message> property_request(const std::string& unit, const std::string& name) {
        LABHUB_CHECK(connect());
        char* path = nullptr;
        int status = sd_bus_path_encode("/org/freedesktop/systemd1/unit", unit.c_str(), &path);
        const std::unique_ptr<char, decltype(&std::free)> freed{path, &std::free};
        sd_bus_message* raw = nullptr;
        if (status >= 0)
            status = sd_bus_message_new_method_call(connection_->bus.get(), &raw, kService, path,
                                                    "org.freedesktop.DBus.Properties", "Get");
        Message message{raw};
        if (status >= 0) status = sd_bus_message_append(raw, "ss", "org.freedesktop.systemd1.Service", name.c_str());
        if (status < 0) return bus_error("ask about " + unit, status);
        return message;
    }

    asio::any_io_executor executor_;
    std::shared_ptr<Connection> connection_;
    asio::steady_timer wake_;
    bool is_wanted_ = false;
    std::map<std::string, std::shared_ptr<UnitJob>> jobs_;  ///< by the path of systemd's object for it
    std::set<Call*> calls_;
    TaskGroup tasks_;
};

ServiceManager::ServiceManager(asio::any_io_executor executor) : impl_(std::make_shared<Impl>(executor)) {}
ServiceManager::~ServiceManager() = default;

Task<Result<UnitOutcome>> ServiceManager::start_unit(std::string unit, std::chrono::milliseconds limit) {
    auto starting = impl_->start_unit(unit);
    return within(limit, "start " + unit, std::move(starting));
}

Task<Result<void>> ServiceManager::stop_unit(std::string unit) { return impl_->ask("StopUnit", std::move(unit), true); }

Task<Result<void>> ServiceManager::forget_failure(std::string unit) {
    return impl_->ask("ResetFailedUnit", std::move(unit), false);
}

Task<void> ServiceManager::close() { return impl_->close(); }

}  // namespace labhub::coordinator::runner
