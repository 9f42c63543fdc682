#include "firmware-bridge/sim/pseudo_terminal.hpp"

#include <array>
#include <cerrno>
#include <cstdlib>
#include <utility>

#include <fcntl.h>
#include <termios.h>
#include <unistd.h>

namespace labhub::firmware_bridge::sim {
namespace {

namespace fs = std::filesystem;

/// Puts the link in place in one step, so that a host never sees it missing while an old one is replaced.
Result<void> make_link(const fs::path& target, const fs::path& link) {
    std::error_code failure;
    const auto present = fs::symlink_status(link, failure);
    if (fs::exists(present) && !fs::is_symlink(present))
        return Error{ErrorCode::conflict, link.string() + " exists and is no symbolic link", "name another path"};
    const fs::path temporary = link.string() + "." + std::to_string(::getpid());
    fs::remove(temporary, failure);
    fs::create_symlink(target, temporary, failure);
    if (!failure) fs::rename(temporary, link, failure);
    if (failure) return system_error("make the link " + link.string(), failure.value());
    return {};
}

Result<UniqueFd> open_slave(const char* terminal) {
    UniqueFd slave(::open(terminal, O_RDWR | O_NOCTTY | O_CLOEXEC));
    termios settings{};
    if (!slave || ::tcgetattr(slave.get(), &settings) != 0) return system_error(std::string("open ") + terminal, errno);
    ::cfmakeraw(&settings);
    if (::tcsetattr(slave.get(), TCSANOW, &settings) != 0)
        return system_error(std::string("set up ") + terminal, errno);
    return slave;
}

}  // namespace

Result<PseudoTerminal> PseudoTerminal::open(asio::any_io_executor executor, const fs::path& link) {
    UniqueFd master(::posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC));
    if (!master || ::grantpt(master.get()) != 0 || ::unlockpt(master.get()) != 0)
        return system_error("make a pseudo-terminal", errno);
    std::array<char, 64> name{};
    if (const int error = ::ptsname_r(master.get(), name.data(), name.size()); error != 0)
        return system_error("name the pseudo-terminal", error);
    LABHUB_TRY(UniqueFd slave, open_slave(name.data()));
    if (!link.empty()) LABHUB_CHECK(make_link(name.data(), link));
    return PseudoTerminal(std::move(executor), std::move(master), std::move(slave), name.data(), link);
}

PseudoTerminal::PseudoTerminal(asio::any_io_executor executor, UniqueFd master, UniqueFd slave, fs::path terminal,
                               fs::path link)
    : master_(std::move(executor), master.release()),
      slave_(std::move(slave)),
      terminal_(std::move(terminal)),
      link_(std::move(link)) {
    master_.non_blocking(true);
}

PseudoTerminal::~PseudoTerminal() {
    // Moved from, or somebody else's by now: another simulator may have taken the path over.
    std::error_code failure;
    if (!link_.empty() && fs::read_symlink(link_, failure) == terminal_) fs::remove(link_, failure);
}

Task<Result<std::size_t>> PseudoTerminal::read(std::span<std::uint8_t> into) {
    auto buffer = asio::buffer(into.data(), into.size());
    const auto [failure, size] = co_await master_.async_read_some(buffer, as_result);
    if (!failure) co_return size;
    Error error{ErrorCode::unavailable, "the pseudo-terminal is closed: " + failure.message()};
    co_return error;
}

void PseudoTerminal::send(std::span<const std::uint8_t> bytes) {
    boost::system::error_code line_is_full;
    master_.write_some(asio::buffer(bytes.data(), bytes.size()), line_is_full);
}

}  // namespace labhub::firmware_bridge::sim
