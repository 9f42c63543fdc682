#pragma once

#include <string>
#include <string_view>

namespace labhub {

/// Everything that can go wrong, as far as a caller would act on it differently. One table (error.cpp) maps each to its
/// name on the wire, HTTP status and process exit status.
enum class ErrorCode {
    malformed,        ///< the request can't be understood: syntax, type, unknown field
    unauthenticated,  ///< no credential, or a wrong one
    forbidden,        ///< known, but not allowed
    not_found,        ///< no such thing
    conflict,         ///< the thing is in a state that excludes this (leased by another, already ended)
    out_of_range,     ///< understood, but a value is outside its limits
    too_large,        ///< more bytes than accepted
    too_many,         ///< a rate, quota or queue bound is reached
    unavailable,      ///< what is needed can't be reached now; trying again may help
    timed_out,        ///< the deadline passed first
    corrupt,          ///< stored or received bytes fail their check
    storage_full,     ///< disk or database has no room
    unsupported,      ///< valid, but this build, host or peer can't do it
    internal,         ///< a fault of ours or of the system below
};

/// A failure with what is needed to act on it. `message` says what is wrong and where in one sentence without a final
/// stop; `detail` what would be right, where that is known (a range, a list of choices, who holds it).
struct Error {
    ErrorCode code = ErrorCode::internal;
    std::string message;
    std::string detail;

    Error() = default;
    Error(ErrorCode code_in, std::string message_in, std::string detail_in = {})
        : code(code_in), message(std::move(message_in)), detail(std::move(detail_in)) {}

    /// The same failure seen from further out: "open spool: no space left on device".
    Error within(std::string_view context) const;
    /// "message (detail)" for logs and terminals.
    std::string to_string() const;
};

/// The code's name on the wire and in logs: "out_of_range".
std::string_view code_name(ErrorCode code);
/// The reverse of code_name; `internal` for a name this build doesn't know.
ErrorCode code_from_name(std::string_view name);
/// The HTTP status a code is reported with.
int http_status(ErrorCode code);
/// The code an HTTP status of a peer stands for.
ErrorCode code_from_http_status(int status);

/// An Error from errno, with what was being done: "open /dev/ttyACM0: Permission denied".
Error system_error(std::string_view doing, int error_number);

}  // namespace labhub
