#include "firmware-bridge/transport/serial_port.hpp"

#include <array>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include <fcntl.h>
#include <unistd.h>

#include <gtest/gtest.h>

#include "shared/base/files.hpp"
#include "tests/unit/firmware-bridge/drivers/board/driver_loop.hpp"

namespace labhub::firmware_bridge {
namespace {

using namespace std::chrono_literals;

/// The far end of a line, in the hands of the test.
struct FarEnd {
    FarEnd() : master(::posix_openpt(O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC)) {
        EXPECT_EQ(::grantpt(master.get()), 0);
        EXPECT_EQ(::unlockpt(master.get()), 0);
        std::array<char, 64> buffer{};
        EXPECT_EQ(::ptsname_r(master.get(), buffer.data(), buffer.size()), 0);
        name = buffer.data();
    }
    std::string take() {
        std::array<char, 65536> buffer;
        const auto size = ::read(master.get(), buffer.data(), buffer.size());
        return size > 0 ? std::string(buffer.data(), static_cast<std::size_t>(size)) : std::string();
    }
    UniqueFd master;
    std::string name;
};

std::span<const std::uint8_t> bytes_of(const std::string& text) {
    return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

TEST(SerialPort, CarriesEveryByteAsItIs) {
    DriverLoop loop;
    FarEnd far;
    auto port = SerialPort::open(loop.executor(), far.name, 115200);
    ASSERT_TRUE(port) << port.error().to_string();
    std::string all;
    for (int byte = 0; byte < 256; ++byte) all += static_cast<char>(byte);
    ASSERT_TRUE(port->send(bytes_of(all)));
    EXPECT_EQ(far.take(), all);
    ASSERT_EQ(::write(far.master.get(), all.data(), all.size()), 256);
    std::array<std::uint8_t, 512> buffer;
    const auto came = loop.run(port->read(buffer));
    ASSERT_TRUE(came);
    EXPECT_EQ(std::string(buffer.begin(), buffer.begin() + static_cast<long>(*came)), all);
}

TEST(SerialPort, SaysWhyItCannotBeOpened) {
    DriverLoop loop;
    FarEnd far;
    EXPECT_EQ(SerialPort::open(loop.executor(), "/dev/no-such-line", 115200).error().code, ErrorCode::not_found);
    EXPECT_EQ(SerialPort::open(loop.executor(), "/dev/null", 115200).error().code, ErrorCode::malformed);
    const auto odd = SerialPort::open(loop.executor(), far.name, 12345);
    EXPECT_EQ(odd.error().code, ErrorCode::malformed);
    EXPECT_NE(odd.error().detail.find("115200"), std::string::npos);
}

TEST(SerialPort, IsOpenForOneOnlyAndFreeAfterwards) {
    DriverLoop loop;
    FarEnd far;
    {
        auto port = SerialPort::open(loop.executor(), far.name, 115200);
        ASSERT_TRUE(port);
        EXPECT_EQ(SerialPort::open(loop.executor(), far.name, 115200).error().code, ErrorCode::conflict);
    }
    EXPECT_TRUE(SerialPort::open(loop.executor(), far.name, 115200));
}

TEST(SerialPort, NoticesThatTheDeviceWasUnplugged) {
    DriverLoop loop;
    FarEnd far;
    auto port = SerialPort::open(loop.executor(), far.name, 115200);
    ASSERT_TRUE(port);
    far.master.reset();
    std::array<std::uint8_t, 16> buffer;
    EXPECT_EQ(loop.run(port->read(buffer)).error().code, ErrorCode::unavailable);
}

TEST(SerialPort, SendsInOrderWhatTheLineCouldNotTakeAtOnceAndBoundsIt) {
    DriverLoop loop;
    FarEnd far;
    auto port = SerialPort::open(loop.executor(), far.name, 115200);
    ASSERT_TRUE(port);
    std::string sent;
    Result<void> last;
    for (int n = 0; n < 1000 && last; ++n) {
        const std::string piece(1000, static_cast<char>('a' + n % 26));
        last = port->send(bytes_of(piece));
        if (last) sent += piece;
    }
    ASSERT_FALSE(last) << "nobody reads, and no bound was met";
    EXPECT_EQ(last.error().code, ErrorCode::too_many);
    std::string got;
    loop.turn_until([&] { return (got += far.take()).size() >= sent.size(); }, 5s);
    EXPECT_EQ(got, sent);
}

}  // namespace
}  // namespace labhub::firmware_bridge
