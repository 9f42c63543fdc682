#include "coordinator/runner/wire.hpp"

#include <fcntl.h>
#include <sys/un.h>

#include <cerrno>

#include "shared/base/framing.hpp"

namespace labhub::coordinator::runner {
namespace {

static_assert(static_cast<int>(Phase::preparing) == labhub::runner::PREPARING);
static_assert(static_cast<int>(Phase::running) == labhub::runner::RUNNING);
static_assert(static_cast<int>(Phase::ended) == labhub::runner::ENDED);

}  // namespace

labhub::runner::Started to_wire(const Started& started) {
    labhub::runner::Started wire;
    wire.set_time_ms(started.time.count);
    wire.set_runtime(started.runtime);
    wire.set_disk_limit_by(started.disk_limit_by);
    return wire;
}

labhub::runner::Ended to_wire(const Ended& ended) {
    labhub::runner::Ended wire;
    wire.set_time_ms(ended.time.count);
    wire.set_exit_code(ended.exit_code);
    wire.set_signal(ended.signal);
    wire.set_reason(ended.reason);
    wire.set_message(ended.message);
    wire.set_peak_memory_bytes(ended.peak_memory_bytes);
    wire.set_cpu_ms(ended.cpu_ms);
    return wire;
}

labhub::runner::PauseState to_wire(const PauseState& state) {
    labhub::runner::PauseState wire;
    wire.set_is_frozen(state.is_frozen);
    wire.set_time_ms(state.time.count);
    wire.set_failure(state.failure);
    return wire;
}

labhub::runner::Hello to_wire(const Hello& hello) {
    labhub::runner::Hello wire;
    wire.set_protocol(kRunnerProtocol);
    wire.set_job_id(hello.job_id.value);
    wire.set_secret(hello.secret);
    wire.set_pid(hello.pid);
    wire.set_phase(static_cast<labhub::runner::Phase>(hello.phase));
    if (hello.started) *wire.mutable_started() = to_wire(*hello.started);
    if (hello.ended) *wire.mutable_ended() = to_wire(*hello.ended);
    if (hello.pause) *wire.mutable_pause_state() = to_wire(*hello.pause);
    return wire;
}

Started from_wire(const labhub::runner::Started& wire) {
    return Started{{wire.time_ms()}, wire.runtime(), wire.disk_limit_by()};
}

Ended from_wire(const labhub::runner::Ended& wire) {
    return Ended{{wire.time_ms()}, wire.exit_code(),         wire.signal(), wire.reason(),
                 wire.message(),   wire.peak_memory_bytes(), wire.cpu_ms()};
}

PauseState from_wire(const labhub::runner::PauseState& wire) {
    return PauseState{wire.is_frozen(), {wire.time_ms()}, wire.failure()};
}

Result<Hello> from_wire(const labhub::runner::Hello& wire) {
    if (wire.protocol() != kRunnerProtocol)
        return Error{ErrorCode::unsupported, "a runner speaks protocol " + std::to_string(wire.protocol()),
                     "this coordinator speaks " + std::to_string(kRunnerProtocol)};
    LABHUB_CHECK(check_name("job id", wire.job_id()));
    if (!labhub::runner::Phase_IsValid(wire.phase()))
        return Error{ErrorCode::malformed, "a runner is in no known phase"};
    Hello hello{JobId{wire.job_id()}, wire.secret(), wire.pid(), static_cast<Phase>(wire.phase()), {}, {}, {}};
    if (wire.has_started()) hello.started = from_wire(wire.started());
    if (wire.has_ended()) hello.ended = from_wire(wire.ended());
    if (wire.has_pause_state()) hello.pause = from_wire(wire.pause_state());
    return hello;
}

labhub::runner::SnapshotTaken to_wire(const SnapshotTaken& taken) {
    labhub::runner::SnapshotTaken wire;
    wire.set_time_ms(taken.time.count);
    wire.set_bytes(taken.bytes);
    wire.set_files(taken.files);
    for (const auto& note : taken.notes) wire.add_notes(note);
    wire.set_failure(taken.failure);
    return wire;
}

SnapshotTaken from_wire(const labhub::runner::SnapshotTaken& wire) {
    return SnapshotTaken{
        {wire.time_ms()}, wire.bytes(), wire.files(), {wire.notes().begin(), wire.notes().end()}, wire.failure()};
}

std::string framed(const google::protobuf::MessageLite& message) { return encode_frame(message.SerializeAsString()); }

Result<SocketAddress> SocketAddress::of(const std::filesystem::path& path) {
    SocketAddress address;
    address.text_ = path.string();
    if (address.text_.size() < sizeof(sockaddr_un::sun_path)) return address;
    address.folder_ = UniqueFd{::open(path.parent_path().c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC)};
    if (!address.folder_) return system_error("open " + path.parent_path().string(), errno);
    address.text_ = "/proc/self/fd/" + std::to_string(address.folder_.get()) + "/" + path.filename().string();
    if (address.text_.size() >= sizeof(sockaddr_un::sun_path))
        return Error{ErrorCode::out_of_range, "the name of socket " + path.string() + " is too long"};
    return address;
}

}  // namespace labhub::coordinator::runner
