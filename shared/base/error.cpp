#include "shared/base/error.hpp"

#include <array>
#include <cerrno>
#include <system_error>

namespace labhub {
namespace {

struct Row {
    ErrorCode code;
    std::string_view name;
    int http_status;
};

constexpr std::array kTable{
    Row{ErrorCode::malformed, "malformed", 400},     Row{ErrorCode::unauthenticated, "unauthenticated", 401},
    Row{ErrorCode::forbidden, "forbidden", 403},     Row{ErrorCode::not_found, "not_found", 404},
    Row{ErrorCode::conflict, "conflict", 409},       Row{ErrorCode::out_of_range, "out_of_range", 422},
    Row{ErrorCode::too_large, "too_large", 413},     Row{ErrorCode::too_many, "too_many", 429},
    Row{ErrorCode::unavailable, "unavailable", 503}, Row{ErrorCode::timed_out, "timed_out", 504},
    Row{ErrorCode::corrupt, "corrupt", 500},         Row{ErrorCode::storage_full, "storage_full", 507},
    Row{ErrorCode::unsupported, "unsupported", 501}, Row{ErrorCode::internal, "internal", 500},
};

const Row& row_of(ErrorCode code) {
    for (const Row& row : kTable)
        if (row.code == code) return row;
    return kTable.back();
}

}  // namespace

Error Error::within(std::string_view context) const {
    return Error{code, std::string(context) + ": " + message, detail};
}

std::string Error::to_string() const { return detail.empty() ? message : message + " (" + detail + ")"; }

std::string_view code_name(ErrorCode code) { return row_of(code).name; }

ErrorCode code_from_name(std::string_view name) {
    for (const Row& row : kTable)
        if (row.name == name) return row.code;
    return ErrorCode::internal;
}

int http_status(ErrorCode code) { return row_of(code).http_status; }

ErrorCode code_from_http_status(int status) {
    // From the end: of those that share status 500, `internal` claims least.
    for (auto row = kTable.rbegin(); row != kTable.rend(); ++row)
        if (row->http_status == status) return row->code;
    return status >= 400 && status < 500 ? ErrorCode::malformed : ErrorCode::internal;
}

Error system_error(std::string_view doing, int error_number) {
    ErrorCode code = ErrorCode::internal;
    switch (error_number) {
        case ENOENT: code = ErrorCode::not_found; break;
        case EACCES:
        case EPERM: code = ErrorCode::forbidden; break;
        case ENOSPC:
        case EDQUOT: code = ErrorCode::storage_full; break;
        case ETIMEDOUT: code = ErrorCode::timed_out; break;
        case ECONNREFUSED:
        case ECONNRESET:
        case EHOSTUNREACH:
        case ENETUNREACH:
        case EPIPE:
        case ENODEV:
        case ENXIO:
        case EIO: code = ErrorCode::unavailable; break;
        default: break;
    }
    return Error{code, std::string(doing) + ": " + std::generic_category().message(error_number)};
}

}  // namespace labhub
