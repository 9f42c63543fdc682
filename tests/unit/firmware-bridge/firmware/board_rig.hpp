#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "firmware-bridge/firmware/board.h"
#include "firmware-bridge/firmware/vessel_profile.h"

/// A firmware core on hardware that only remembers, and a host that speaks to it in nanopb messages.
class BoardRig {
  public:
    BoardRig() : hardware_(make_hal()) { started = board_init(&core, &hardware_); }

    using Reply = labhub_board_FromBoard;

    /// Sends one request and returns what the board sent back.
    std::vector<Reply> exchange(const labhub_board_ToBoard& request);
    Reply ask(const labhub_board_ToBoard& request);

    labhub_board_ToBoard request(pb_size_t which);
    Reply hello(std::uint64_t host_id = 1, unsigned protocol = BOARD_PROTOCOL);
    Reply heartbeat(unsigned dead_man_ms = 1000);
    Reply write(std::size_t channel, double value);
    Reply write_text(std::size_t channel, std::string_view text);
    Reply safe() { return ask(request(labhub_board_ToBoard_safe_tag)); }
    Reply read() { return ask(request(labhub_board_ToBoard_read_tag)); }

    /// Lets time pass, a millisecond at a time, and returns what the board said meanwhile.
    std::vector<Reply> wait(unsigned milliseconds);
    std::vector<Reply> receive(const std::vector<std::uint8_t>& bytes);

    board core{};
    bool started = false;
    std::uint32_t now = 0xFFFFF000u;  ///< soon to wrap, as it does after 49 days
    std::uint32_t next_id = 1;
    std::map<std::size_t, double> driven;  ///< what the outputs were last driven to
    std::vector<std::uint8_t> pixels;
    int failing_channel = -1;

  private:
    hal make_hal();
    std::vector<Reply> decode();

    hal hardware_;
    std::vector<std::uint8_t> sent_;
};
