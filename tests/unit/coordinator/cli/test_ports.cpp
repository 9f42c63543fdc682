#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <gtest/gtest.h>

#include "coordinator/cli/up/ports.hpp"
#include "shared/base/files.hpp"
#include "shared/base/ids.hpp"

namespace labhub::cli::up {
namespace {

/// Somebody else's server on a port of 127.0.0.1.
struct Occupied {
    UniqueFd socket{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    std::uint16_t port = 0;

    explicit Occupied(std::uint16_t wanted = 0) {
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        address.sin_port = htons(wanted);
        socklen_t size = sizeof address;
        EXPECT_EQ(::bind(socket.get(), reinterpret_cast<sockaddr*>(&address), size), 0);
        EXPECT_EQ(::listen(socket.get(), 1), 0);
        ::getsockname(socket.get(), reinterpret_cast<sockaddr*>(&address), &size);
        port = ntohs(address.sin_port);
    }
};

class PortsTest : public ::testing::Test {
  protected:
    void TearDown() override { std::filesystem::remove(file_); }
    std::filesystem::path file_ = std::filesystem::path(::testing::TempDir()) / ("ports-" + new_id() + ".json");
};

TEST_F(PortsTest, SeeAPortThatIsTaken) {
    const Occupied other;
    const auto checked = check_port_is_free(other.port);
    ASSERT_FALSE(checked);
    EXPECT_EQ(checked.error().code, ErrorCode::conflict);
    EXPECT_NE(checked.error().message.find(std::to_string(other.port)), std::string::npos);
    EXPECT_TRUE(is_listened_on(other.port));
    EXPECT_FALSE(is_listened_on(*free_port()));
}

TEST_F(PortsTest, StayTheSameFromStartToStart) {
    const auto first = Ports(file_).take("broker");
    ASSERT_TRUE(first);
    EXPECT_EQ(Ports(file_).take("broker").value_or(0), *first);
}

TEST_F(PortsTest, ChangeWhenAnotherProgramHasTakenOne) {
    const auto first = Ports(file_).take("broker");
    ASSERT_TRUE(first);
    const Occupied other(*first);
    const auto second = Ports(file_).take("broker");
    ASSERT_TRUE(second);
    EXPECT_NE(*second, *first);
}

TEST_F(PortsTest, BeginAnewWhenTheFileIsDamaged) {
    ASSERT_TRUE(write_file(file_, "{\"broker\": 99999999, "));
    EXPECT_TRUE(Ports(file_).take("broker"));
}

}  // namespace
}  // namespace labhub::cli::up
