#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <boost/asio/steady_timer.hpp>

#include "firmware-bridge/drivers/board/board_driver.hpp"
#include "firmware-bridge/drivers/board/board_link.hpp"
#include "shared/runtime/task_group.hpp"

namespace labhub::firmware_bridge {

/// Looks for the board, greets it, keeps its dead-man at bay, and begins anew when the link is lost.
class BoardDriver::Impl {
  public:
    Impl(asio::any_io_executor executor, BoardOptions options);

    Task<Result<void>> open();
    Task<void> close();
    Task<Result<std::vector<Reading>>> read();
    Task<Result<std::vector<Reading>>> write(std::vector<Setpoint> setpoints);
    Task<Result<std::vector<Reading>>> safe();

    bool is_connected() const { return link_ && link_->is_open(); }
    unsigned session() const { return session_; }
    const std::vector<MetricInfo>& metrics() const { return metrics_; }
    const BoardCounters& counters() const { return counters_; }
    Result<Identity> identify() const;

  private:
    using Link = std::shared_ptr<BoardLink>;

    Task<void> run();
    /// One attempt: the port, the greeting, the description and the first heartbeat.
    Task<Result<Link>> connect();
    Task<Result<void>> handshake(Link link);
    Task<Result<labhub::board::HelloReply>> greet(Link link);
    Task<Result<std::vector<MetricInfo>>> describe(Link link, std::size_t channels);
    Task<Result<void>> beat(Link link);
    Task<void> keep_alive(Link link);

    Task<Result<labhub::board::FromBoard>> ask(labhub::board::ToBoard message);
    void start_reader(const Link& link);
    Result<void> adopt(const labhub::board::HelloReply& hello, std::vector<MetricInfo> metrics);
    /// The board's own count since its start.
    void note_firings(unsigned firings);
    void first_attempt_ended(Result<void> result);
    void note_problem(const Error& problem);

    asio::any_io_executor executor_;
    BoardOptions options_;
    SystemClock clock_;
    std::uint64_t host_id_;
    std::uint32_t last_id_ = 0;
    BoardCounters counters_;
    std::vector<MetricInfo> metrics_;
    std::optional<Identity> identity_;
    std::uint64_t boot_id_ = 0;
    std::optional<unsigned> firings_;  ///< as the board counts since its start; none until it has told us once
    unsigned session_ = 0;
    std::string problem_ = "it has not been opened";
    Link link_;  ///< set while the board is greeted and answers
    asio::steady_timer first_attempt_;
    std::optional<Result<void>> first_result_;
    TaskGroup tasks_;
};

}  // namespace labhub::firmware_bridge
