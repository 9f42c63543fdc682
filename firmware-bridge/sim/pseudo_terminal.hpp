#pragma once

#include <filesystem>
#include <span>
#include <string>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>

#include "shared/base/files.hpp"
#include "shared/base/result.hpp"
#include "shared/runtime/task.hpp"

namespace labhub::firmware_bridge::sim {

/// The board's end of a serial line that isn't there: a pseudo-terminal, and a symbolic link by which the
/// host finds its other end. The link is removed with the object. Runs on its executor.
class PseudoTerminal {
  public:
    /// `link` may be empty, or an old link, which is replaced; anything else at that path is a `conflict`.
    static Result<PseudoTerminal> open(asio::any_io_executor executor, const std::filesystem::path& link);
    PseudoTerminal(PseudoTerminal&&) noexcept = default;
    PseudoTerminal& operator=(PseudoTerminal&&) = delete;
    ~PseudoTerminal();

    /// Where the host connects: the link, or the terminal itself.
    const std::filesystem::path& path() const { return link_.empty() ? terminal_ : link_; }

    /// Waits for bytes of the host. Error unavailable when the terminal is closed.
    Task<Result<std::size_t>> read(std::span<std::uint8_t> into);
    /// Sends what the line takes now; the rest is lost, as on a real line nobody reads from.
    void send(std::span<const std::uint8_t> bytes);

  private:
    PseudoTerminal(asio::any_io_executor executor, UniqueFd master, UniqueFd slave, std::filesystem::path terminal,
                   std::filesystem::path link);

    asio::posix::stream_descriptor master_;
    /// Held open, or the master would fail whenever no host is connected.
    UniqueFd slave_;
    std::filesystem::path terminal_, link_;
};

}  // namespace labhub::firmware_bridge::sim
