#include "coordinator/cli/up/ports.hpp"

#include <cerrno>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "shared/base/files.hpp"
#include "shared/base/json.hpp"

namespace labhub::cli::up {
namespace {

sockaddr_in loopback(std::uint16_t port) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(port);
    return address;
}

/// Binds 127.0.0.1:port as a server would (SO_REUSEADDR: connections of yesterday's server in TIME_WAIT don't count)
/// and returns the port.
Result<std::uint16_t> bind_loopback(std::uint16_t port) {
    const UniqueFd socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    if (!socket) return system_error("open a socket", errno);
    const int on = 1;
    ::setsockopt(socket.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    sockaddr_in address = loopback(port);
    socklen_t size = sizeof address;
    if (::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), size) != 0 ||
        ::listen(socket.get(), 1) != 0 ||
        ::getsockname(socket.get(), reinterpret_cast<sockaddr*>(&address), &size) != 0) {
        const int why = errno;
        if (why == EADDRINUSE)
            return Error{ErrorCode::conflict,
                         "port " + std::to_string(port) + " of 127.0.0.1 is in use by another program",
                         "choose another with --port, or stop that program"};
        return system_error("listen on 127.0.0.1:" + std::to_string(port), why);
    }
    return ntohs(address.sin_port);
}

}  // namespace

Result<void> check_port_is_free(std::uint16_t port) {
    LABHUB_CHECK(bind_loopback(port));
    return {};
}

Result<std::uint16_t> free_port() { return bind_loopback(0); }

bool is_listened_on(std::uint16_t port) {
    const UniqueFd socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    const sockaddr_in address = loopback(port);
    return socket && ::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
}

Ports::Ports(std::filesystem::path file) : file_(std::move(file)) {
    const auto text = read_file(file_, 64 * 1024);
    if (!text) return;
    const auto json = parse_json(*text);
    if (!json || !json->is_object()) return;
    for (const auto& [name, port] : json->get_object())
        if (port.is_int64() && port.get_int64() > 0 && port.get_int64() <= 65'535)
            ports_[name] = static_cast<std::uint16_t>(port.get_int64());
}

Result<std::uint16_t> Ports::take(const std::string& name) {
    if (const auto known = ports_.find(name); known != ports_.end() && check_port_is_free(known->second))
        return known->second;
    LABHUB_TRY(const std::uint16_t port, free_port());
    ports_[name] = port;
    LABHUB_CHECK(save());
    return port;
}

Result<void> Ports::save() const {
    boost::json::object all;
    for (const auto& [name, port] : ports_) all[name] = port;
    return write_file(file_, to_pretty_json(all) + "\n", 0600);
}

}  // namespace labhub::cli::up
