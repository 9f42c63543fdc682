#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <boost/asio/steady_timer.hpp>

#include "firmware-bridge/drivers/board/board_driver.hpp"
#include "firmware-bridge/drivers/board/board_link.hpp"
#include "firmware-bridge/drivers/board/board_reader.hpp"
#include "firmware-bridge/drivers/board/doubtful_outputs.hpp"
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
    /// Says that the host lives, until the board has answered, or nothing of it was heard for the dead-man time.
    Task<Result<void>> beat(Link link);
    Task<void> keep_alive(Link link);
    void start_reader(const Link& link);
    /// Whether nothing was heard of the board for so long that its outputs must be taken for safe.
    bool is_lost(const BoardLink& link) const { return link.since_answer() >= options_.dead_man; }
    void report_noise();

    Error away() const;
    Task<Result<labhub::board::FromBoard>> command(Link link, labhub::board::ToBoard message);
    /// Adds to the write what is in doubt besides, as far as there is room, and says what was added.
    DoubtfulOutputs::Batch add_doubtful(labhub::board::Write& write, const std::vector<Setpoint>& asked) const;
    DoubtfulOutputs::Batch to_settle() const;
    /// Completes the error of a command whose outcome is unknown, and sees to it that the outputs get settled.
    void doubt(Error& error, const std::string& outputs);
    void start_settling();
    Task<void> settle(Link link);
    void take_settled(const Result<labhub::board::FromBoard>& reply, const DoubtfulOutputs::Batch& batch);
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
    BoardReader reader_{metrics_, counters_, clock_};
    DoubtfulOutputs doubtful_;
    bool is_settling_ = false;
    unsigned commands_under_way_ = 0;
    BoardCounters reported_;  ///< as they were when noise was last spoken of
    Steady::time_point next_report_;
    asio::steady_timer first_attempt_;
    std::optional<Result<void>> first_result_;
    TaskGroup tasks_;
};

}  // namespace labhub::firmware_bridge
