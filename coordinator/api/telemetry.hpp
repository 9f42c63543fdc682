#pragma once

#include <cstddef>
#include <vector>

#include "coordinator/api/operation.hpp"
#include "coordinator/domain/telemetry/query_selection.hpp"

namespace labhub::coordinator::api {

/// A part of a list of series.
struct ListPage {
    static constexpr std::size_t kMost = 5'000;
    std::size_t offset = 0;     ///< series before it
    std::size_t limit = kMost;  ///< of it, at most
};

/// What GET /api/telemetry/series and GET /api/telemetry/latest answer. The list may hold all series of the store: it
/// is looked through and written on `pool`, and what the caller's thread does does not grow with it. Errors as
/// telemetry::find_series; the store's.
Task<Result<http::Response>> series_answer(const store::TelemetryStore& store, asio::thread_pool& pool,
                                           telemetry::Selection selection, ListPage page);
Task<Result<http::Response>> latest_answer(store::TelemetryStore& store, asio::thread_pool& pool,
                                           telemetry::Selection selection, ListPage page);

/// Parts of add_telemetry (operations.hpp).
void add_telemetry_query(std::vector<Operation>& list);
void add_telemetry_export(std::vector<Operation>& list);
void add_telemetry_stream(std::vector<Operation>& list);

}  // namespace labhub::coordinator::api
