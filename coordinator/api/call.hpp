#pragma once

#include <map>
#include <memory>
#include <string>

#include "coordinator/broker/broker_watch.hpp"
#include "coordinator/domain/accounts/accounts.hpp"
#include "coordinator/domain/alarms/alarms.hpp"
#include "coordinator/domain/commands/commander.hpp"
#include "coordinator/domain/fleet/fleet.hpp"
#include "coordinator/domain/images/images.hpp"
#include "coordinator/domain/jobs/engine.hpp"
#include "coordinator/domain/jobs/results_retention.hpp"
#include "coordinator/domain/leases/leases.hpp"
#include "coordinator/domain/reservations/reservations.hpp"
#include "coordinator/domain/telemetry/export.hpp"
#include "coordinator/domain/telemetry/recorder.hpp"
#include "coordinator/domain/telemetry/stream.hpp"
#include "coordinator/notify/notifier.hpp"
#include "shared/http/message.hpp"

namespace labhub::coordinator::api {

class Metrics;

/// Who asks. A job is known by the listener its request came in by, before any token; a user by the bearer token.
struct Caller {
    enum class Kind { anonymous, user, job };
    Kind kind = Kind::anonymous;
    std::string name;  ///< "admin", or the job's id
    JobId job;         ///< set for jobs
    std::string role;  ///< set for users
    bool is_admin = false;
    std::shared_ptr<accounts::Standing> standing;  ///< of the user's token

    /// "user:admin" or "job:01hq…": as leases and the audit trail name it.
    std::string principal() const { return (kind == Kind::job ? "job:" : "user:") + name; }
};

/// One request on its way to an operation.
struct Call {
    Caller caller;
    std::map<std::string, std::string> path;  ///< the path's parameters, decoded: {"id": "01hq…"}
    http::Request request;
};

/// What the operations work on.
struct Services {
    accounts::Accounts& accounts;
    fleet::Fleet& fleet;
    leases::Leases& leases;
    commands::Commander& commander;
    jobs::Engine& jobs;
    reservations::Reservations& reservations;
    jobs::Results& results;
    const jobs::Retention& retention;
    images::Images& images;
    jobs::Inputs& inputs;
    telemetry::Recorder& recorder;
    Metrics& metrics;
    const broker::BrokerWatch& broker;
    alarms::Alarms& alarms;
    const notify::Notifier& notifier;
    store::TelemetryStore& telemetry_store;
    telemetry::LiveFeed& live;
    telemetry::Exporter& exporter;
    const Clock& clock;
    asio::thread_pool& pool;
};

/// The device a request means: `?device=node/vessel`, else the caller's leased device, else the only one there is.
/// Errors not_found, conflict (ambiguous: names the choices; or the job's lease has ended).
Result<DeviceAddress> device_of(const Call& call, const Services& services);
/// The same where a body may name the device too.
Result<DeviceAddress> device_of(const Call& call, const Services& services, const std::optional<std::string>& named);

/// The id a command is known by: the caller's own, which is told apart from other callers' of the same text; empty
/// where none was given. Error malformed.
Result<CommandId> command_id_of(const Call& call, const std::optional<std::string>& given);

/// A whole number in the query, `otherwise` when it isn't there. Errors malformed, out_of_range.
Result<std::int64_t> query_integer(const Call& call, std::string_view name, std::int64_t otherwise,
                                   std::int64_t minimum, std::int64_t maximum);

}  // namespace labhub::coordinator::api
