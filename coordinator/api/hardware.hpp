#pragma once

#include <string>
#include <vector>

#include "coordinator/api/operation.hpp"

namespace labhub::coordinator::api {

/// The part of add_hardware (operations.hpp) that moves actuators.
void add_hardware_control(std::vector<Operation>& list);

/// A row of "/api/hardware/…" without its handler.
Operation hardware_operation(std::string verb, std::string path, std::string id, std::string summary);

template <class Request, class Reply>
Operation hardware_row(std::string verb, std::string path, std::string id, std::string summary,
                       Task<Result<Reply>> (*handler)(Services&, Call, Request)) {
    return with_handler(hardware_operation(std::move(verb), std::move(path), std::move(id), std::move(summary)),
                        handler);
}

}  // namespace labhub::coordinator::api
