#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include <sys/types.h>

namespace labhub::test {

/// A real mosquitto of its own for one test: loopback only, anonymous, on a free port, with its files in a temporary
/// folder. The constructor returns when it answers, or throws std::runtime_error with mosquitto's output; the
/// destructor ends it and removes the folder.
class PrivateBroker {
  public:
    /// `more_configuration` is appended to mosquitto.conf: "max_queued_messages 10\n".
    explicit PrivateBroker(std::string more_configuration = {});
    ~PrivateBroker();
    PrivateBroker(const PrivateBroker&) = delete;
    PrivateBroker& operator=(const PrivateBroker&) = delete;

    /// The same after a restart.
    std::uint16_t port() const { return port_; }
    /// kill -9: the sockets are closed, nothing else happens. Fine when it is dead already.
    void kill();
    /// Stops it from answering without closing anything (SIGSTOP), and the reverse.
    void freeze();
    void thaw();
    /// Starts it again, on the same port and with nothing retained.
    void restart();
    /// What mosquitto has printed, for a failing test to show.
    std::string log() const;

  private:
    void start();

    std::filesystem::path folder_;
    std::string more_configuration_;
    std::uint16_t port_ = 0;
    pid_t pid_ = -1;
};

}  // namespace labhub::test
