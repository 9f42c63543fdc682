#pragma once

#include "coordinator/runner/job_report.hpp"
#include "coordinator/runner/job_socket.hpp"
#include "shared/proto/runner.pb.h"

namespace labhub::coordinator::runner {

// Between the messages of shared/proto/runner.proto (namespace labhub::runner) and our own structs.

inline constexpr std::uint32_t kRunnerProtocol = 1;

labhub::runner::Started to_wire(const Started& started);
labhub::runner::Ended to_wire(const Ended& ended);
labhub::runner::PauseState to_wire(const PauseState& state);
labhub::runner::Hello to_wire(const Hello& hello);
labhub::runner::SnapshotTaken to_wire(const SnapshotTaken& taken);
SnapshotTaken from_wire(const labhub::runner::SnapshotTaken& taken);
Started from_wire(const labhub::runner::Started& started);
Ended from_wire(const labhub::runner::Ended& ended);
PauseState from_wire(const labhub::runner::PauseState& state);
/// Error unsupported for another protocol number, malformed for a job id that can't be one.
Result<Hello> from_wire(const labhub::runner::Hello& hello);

/// The message framed, ready to be sent.
std::string framed(const google::protobuf::MessageLite& message);

/// A Unix socket's address for a path of any length: sun_path holds 107 bytes, and a deep data folder exceeds that, so
/// a long path is reached through an open descriptor of its folder.
class SocketAddress {
  public:
    /// Errors as open(2) of the path's folder.
    static Result<SocketAddress> of(const std::filesystem::path& path);
    /// Valid while this object lives.
    const std::string& text() const { return text_; }

  private:
    UniqueFd folder_;
    std::string text_;
};

}  // namespace labhub::coordinator::runner
