#include "coordinator/runner/network.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>
#include <thread>

namespace labhub::coordinator::runner {
namespace {

Result<void> raise_loopback() {
    const UniqueFd control{::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)};
    if (!control) return system_error("make a socket in the new network", errno);
    ifreq request{};
    std::strncpy(request.ifr_name, "lo", IFNAMSIZ - 1);
    request.ifr_flags = IFF_UP | IFF_RUNNING;
    if (::ioctl(control.get(), SIOCSIFFLAGS, &request) != 0) return system_error("raise the sandbox's loopback", errno);
    return {};
}

Result<UniqueFd> listen_on(std::uint16_t port) {
    UniqueFd listener{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)};
    if (!listener) return system_error("make the sandbox's listening socket", errno);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (::bind(listener.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
        ::listen(listener.get(), SOMAXCONN) != 0)
        return system_error("listen on 127.0.0.1:" + std::to_string(port) + " in the sandbox", errno);
    return listener;
}

Result<SandboxNetwork> make_in_this_thread(std::uint16_t port) {
    if (::unshare(CLONE_NEWNET) != 0) {
        if (errno == EPERM) return Error{ErrorCode::forbidden, "making a network namespace needs root (CAP_SYS_ADMIN)"};
        return system_error("make a network namespace", errno);
    }
    LABHUB_CHECK(raise_loopback());
    SandboxNetwork network;
    LABHUB_TRY(network.listener, listen_on(port));
    network.name_space = UniqueFd{::open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC)};
    if (!network.name_space) return system_error("open the new network namespace", errno);
    return network;
}

}  // namespace

Result<SandboxNetwork> make_sandbox_network(std::uint16_t port) {
    Result<SandboxNetwork> made = Error{ErrorCode::internal, "no network was made"};
    std::thread([&made, port] { made = make_in_this_thread(port); }).join();
    return made;
}

}  // namespace labhub::coordinator::runner
