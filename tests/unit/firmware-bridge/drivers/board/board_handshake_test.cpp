// The driver against boards that behave as no board of ours does.

#include <array>
#include <functional>
#include <vector>

#include <gtest/gtest.h>

#include "firmware-bridge/drivers/board/board_driver.hpp"
#include "firmware-bridge/frame/frame.h"
#include "firmware-bridge/sim/pseudo_terminal.hpp"
#include "shared/proto/board.pb.h"
#include "shared/runtime/task_group.hpp"
#include "tests/unit/firmware-bridge/drivers/board/driver_loop.hpp"

namespace labhub::firmware_bridge {
namespace {

namespace wire = labhub::board;
using namespace std::chrono_literals;

/// Answers as it is told, on a pseudo-terminal.
class StrangeBoard {
  public:
    using Answer = std::function<wire::FromBoard(const wire::ToBoard&)>;

    StrangeBoard(DriverLoop& loop, Answer answer)
        : loop_(loop),
          terminal_(*sim::PseudoTerminal::open(loop.executor(), {})),
          answer_(std::move(answer)),
          tasks_(loop.executor()) {
        frame_decoder_init(&decoder_);
        tasks_.spawn("strange board", listen());
    }
    ~StrangeBoard() { loop_.run(tasks_.stop()); }

    BoardOptions options() const { return {.port = terminal_.path(), .request_timeout = 100ms}; }

  private:
    Task<void> listen() {
        std::array<std::uint8_t, 512> buffer;
        while (true) {
            auto came = co_await terminal_.read(buffer);
            if (!came) co_return;
            for (std::size_t i = 0; i < *came; ++i)
                if (frame_decode(&decoder_, buffer[i])) reply();
        }
    }
    void reply() {
        wire::ToBoard request;
        if (!request.ParseFromArray(decoder_.bytes, static_cast<int>(decoder_.size))) return;
        auto reply = answer_(request);
        reply.set_id(request.id());
        const auto payload = reply.SerializeAsString();
        std::vector<std::uint8_t> frame(FRAME_MAX_ENCODED);
        frame.resize(frame_encode(reinterpret_cast<const std::uint8_t*>(payload.data()), payload.size(), frame.data()));
        terminal_.send(frame);
    }

    DriverLoop& loop_;
    sim::PseudoTerminal terminal_;
    Answer answer_;
    frame_decoder decoder_{};
    TaskGroup tasks_;
};

wire::FromBoard hello(unsigned protocol, unsigned channels) {
    wire::FromBoard reply;
    reply.mutable_hello()->set_protocol(protocol);
    reply.mutable_hello()->set_firmware("0.9");
    reply.mutable_hello()->set_model("strange");
    reply.mutable_hello()->set_channels(channels);
    return reply;
}

Error open_error(DriverLoop& loop, StrangeBoard& board) {
    auto driver = BoardDriver::make(loop.executor(), board.options());
    const auto opened = loop.run(driver->open());
    loop.run(driver->close());
    return opened ? Error{} : opened.error();
}

TEST(BoardHandshake, NamesBothVersionsWhenTheBoardSpeaksAnotherProtocol) {
    DriverLoop loop;
    StrangeBoard board(loop, [](const wire::ToBoard&) { return hello(2, 0); });
    const auto error = open_error(loop, board);
    EXPECT_EQ(error.code, ErrorCode::unsupported);
    EXPECT_NE(error.message.find("speaks protocol 2"), std::string::npos) << error.to_string();
    EXPECT_NE(error.message.find("firmware 0.9"), std::string::npos);
    EXPECT_NE(error.detail.find("labhub must be updated"), std::string::npos);
}

TEST(BoardHandshake, GivesUpOnADescriptionThatNeverEnds) {
    DriverLoop loop;
    StrangeBoard board(loop, [](const wire::ToBoard& request) {
        if (request.has_hello()) return hello(1, 1000);
        wire::FromBoard empty_page;
        empty_page.mutable_describe()->set_first(request.describe().first());
        return empty_page;
    });
    EXPECT_EQ(open_error(loop, board).code, ErrorCode::corrupt);
}

TEST(BoardHandshake, RefusesAChannelWhoseNameNobodyCouldUse) {
    DriverLoop loop;
    StrangeBoard board(loop, [](const wire::ToBoard& request) {
        if (request.has_hello()) return hello(1, 1);
        wire::FromBoard page;
        page.mutable_describe()->add_channels()->set_name("../etc");
        return page;
    });
    const auto error = open_error(loop, board);
    EXPECT_EQ(error.code, ErrorCode::corrupt) << error.to_string();
}

TEST(BoardHandshake, SaysThatADeviceOfAnotherKindDoesNotAnswer) {
    DriverLoop loop;
    StrangeBoard board(loop, [](const wire::ToBoard&) { return wire::FromBoard(); });
    const auto error = open_error(loop, board);
    EXPECT_EQ(error.code, ErrorCode::corrupt);
    EXPECT_NE(error.message.find("Hello"), std::string::npos);
}

}  // namespace
}  // namespace labhub::firmware_bridge
