#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include <boost/asio/thread_pool.hpp>

#include "coordinator/domain/leases/leases.hpp"
#include "coordinator/domain/telemetry/recorder.hpp"
#include "coordinator/ingest/ingest.hpp"
#include "coordinator/link/enrolment.hpp"

namespace labhub::coordinator::daemon {

/// By which a node's births are told from somebody else's.
std::map<NodeId, std::string> host_keys_of(const std::vector<link::Enrolment>& enrolments);

/// Brings the registry and the ingest to what the enrolment list says, while the coordinator runs: nodes that are new
/// in it are enrolled, the session to those with another address or host key is opened anew, those that are gone are
/// let go, as soon as nobody leases a device of theirs.
///
/// A change of the file is taken when the file has been the same at two looks, as somebody may be writing it; reload()
/// asks for it at once. Thread: main; the file is read on the pool. Ownership: what it works on must outlive it.
/// Failure: a file that is missing or has a mistake is refused as a whole, once in the log and in
/// Fleet::enrolment_list.problem, and what was in force stays in force.
class EnrolmentWatch {
  public:
    struct Login {
        std::string user;
        std::filesystem::path key;
    };
    struct Others {
        fleet::Fleet& fleet;
        const leases::Leases& leases;
        telemetry::Recorder& recorder;
        ingest::Ingest& ingest;
        asio::thread_pool& pool;
        const Clock& clock;
    };

    EnrolmentWatch(std::filesystem::path file, Login login, Others others);

    /// Enrols what was read from the file before the first look, of whose host keys the ingest has been told.
    void begin(std::vector<link::Enrolment> list);
    /// The next look takes the file as it is.
    void reload() { is_asked_ = true; }
    /// Idempotent; to be called every few seconds, and after reload().
    Task<void> look();

  private:
    /// By which a change of the file is noticed without reading it.
    struct Stamp {
        bool is_there = false;
        std::int64_t changed_s = 0, changed_ns = 0, size = 0;
        std::uint64_t inode = 0;
        bool operator==(const Stamp&) const = default;
    };
    struct Found {
        Stamp before, after;
        Result<std::vector<link::Enrolment>> list;
    };
    static Stamp stamp_of(const std::filesystem::path& file);
    static Found read(const std::filesystem::path& file);

    void let_go_of_the_free();
    bool has_lease(const NodeId& node) const;
    void refuse(const Error& why);
    void take(std::vector<link::Enrolment> list);
    void add(const link::Enrolment& added, std::vector<NodeId>& anew);
    void change(const link::Enrolment& was, const link::Enrolment& now, std::vector<NodeId>& anew);
    void remove(const link::Enrolment& removed);
    void tell_ingest(std::vector<NodeId> anew);
    void enrol(const link::Enrolment& enrolment);

    std::filesystem::path file_;
    Login login_;
    Others others_;
    std::map<NodeId, link::Enrolment> in_force_;
    std::map<NodeId, link::Enrolment> leaving_;  ///< listed no more, and leased still
    Stamp seen_, taken_;                         ///< at the last look; of what was last taken or refused
    bool is_asked_ = false;
};

}  // namespace labhub::coordinator::daemon
