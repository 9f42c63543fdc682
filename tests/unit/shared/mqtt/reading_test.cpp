#include <gtest/gtest.h>
#include <boost/asio.hpp>

#include <algorithm>
#include <random>

#include "shared/mqtt/connection.hpp"

namespace labhub::mqtt {
namespace {

using namespace std::chrono_literals;
using namespace std::string_literals;
using asio::ip::tcp;

constexpr auto kTestLimit = 20s;
constexpr int kPublished = 10;  // by the client, at QoS 1: their acknowledgements come between the messages

std::string with_length(char type, const std::string& body) {
    std::string packet(1, type);
    for (std::size_t left = body.size(), is_more = 1; is_more != 0;) {
        is_more = left >= 128;
        packet += static_cast<char>(left % 128 + 128 * is_more);
        left /= 128;
    }
    return packet + body;
}

struct Stream {
    std::string bytes;
    std::vector<Message> messages;

    void add(int qos, std::size_t payload_size) {
        const auto number = messages.size();
        Message message{"n/" + std::to_string(number), std::string(payload_size, static_cast<char>('a' + number % 26)),
                        qos, false};
        std::string body = "\0"s + static_cast<char>(message.topic.size()) + message.topic;
        if (qos > 0) body += "\0"s + static_cast<char>(number % 200 + 1);
        bytes += with_length(qos > 0 ? '\x32' : '\x30', body + message.payload);
        messages.push_back(std::move(message));
    }
};

/// Small and large messages of both kinds, and packets of other types between them.
Stream mixed_stream(std::mt19937& random) {
    Stream stream;
    for (int i = 0; i < 600; ++i) {
        const std::size_t largest = i % 250 == 0 ? 150'000 : 500;
        stream.add(random() % 5 == 0 ? 1 : 0, random() % largest);
        if (i % 50 == 0) stream.bytes += "\xD0\x00"s;
        if (i % 60 == 0) stream.bytes += "\x40\x02\x00"s + static_cast<char>(i / 60 + 1);
    }
    return stream;
}

/// Speaks MQTT as far as needed: lets everyone in, waits for the client's last message, and then sends the stream in
/// pieces of up to `piece` bytes, each on its way before the next.
Task<void> serve(tcp::acceptor* acceptor, const std::string* bytes, std::size_t piece) {
    auto socket = co_await acceptor->async_accept(asio::use_awaitable);
    socket.set_option(tcp::no_delay(true));
    const std::string welcome("\x20\x02\x00\x00", 4);
    co_await asio::async_write(socket, asio::buffer(welcome), as_result);
    std::string heard;
    co_await asio::async_read_until(socket, asio::dynamic_buffer(heard), "the last", as_result);
    std::mt19937 random(static_cast<unsigned>(piece));
    for (std::size_t at = 0; at < bytes->size();) {
        const std::size_t size = std::min<std::size_t>(bytes->size() - at, random() % piece + 1);
        co_await asio::async_write(socket, asio::buffer(bytes->data() + at, size), as_result);
        at += size;
        co_await asio::post(asio::use_awaitable);
    }
    co_await sleep_for(1h);
}

Task<void> expect_all(std::uint16_t port, const Stream* stream, bool in_batches) {
    ConnectOptions options;
    options.host = "127.0.0.1";
    options.port = port;
    options.max_waiting_messages = 64;
    auto connecting = Connection::connect(std::move(options));
    auto connection = co_await std::move(connecting);
    if (!connection) ADD_FAILURE() << connection.error().to_string();
    if (!connection) co_return;
    for (int i = 1; i <= kPublished; ++i)
        EXPECT_TRUE((*connection)->publish("t", i < kPublished ? "another" : "the last", 1));
    std::vector<Message> got;
    while (got.size() < stream->messages.size()) {
        if (in_batches) {
            auto some = co_await (*connection)->receive_all();
            if (!some) ADD_FAILURE() << some.error().to_string();
            if (!some) co_return;
            EXPECT_FALSE(some->empty());
            std::move(some->begin(), some->end(), std::back_inserter(got));
        } else {
            auto one = co_await (*connection)->receive();
            if (!one) ADD_FAILURE() << one.error().to_string();
            if (!one) co_return;
            got.push_back(std::move(*one));
        }
    }
    for (std::size_t i = 0; i < got.size(); ++i) {
        const Message& wanted = stream->messages[i];
        EXPECT_EQ(got[i].topic, wanted.topic);
        EXPECT_EQ(got[i].qos, wanted.qos);
        EXPECT_TRUE(got[i].payload == wanted.payload) << wanted.topic;
    }
    EXPECT_EQ((*connection)->unsent_bytes(), 0u);
}

Task<void> client_and_server(tcp::acceptor acceptor, const Stream* stream, std::size_t piece, bool in_batches) {
    using namespace asio::experimental::awaitable_operators;
    auto expecting = expect_all(acceptor.local_endpoint().port(), stream, in_batches);
    auto serving = serve(&acceptor, &stream->bytes, piece);
    co_await (std::move(expecting) || std::move(serving));
}

class ReadingInPieces : public testing::TestWithParam<std::size_t> {};

TEST_P(ReadingInPieces, GivesEveryMessageWholeAndInOrder) {
    std::mt19937 random(7);
    const Stream stream = mixed_stream(random);
    for (const bool in_batches : {false, true}) {
        asio::io_context io;
        tcp::acceptor acceptor(io, tcp::endpoint(asio::ip::address_v4::loopback(), 0));
        bool ended = false;
        asio::co_spawn(io, client_and_server(std::move(acceptor), &stream, GetParam(), in_batches),
                       [&](std::exception_ptr failure) {
                           ended = true;
                           if (failure) std::rethrow_exception(failure);
                       });
        io.run_for(kTestLimit);
        EXPECT_TRUE(ended) << "messages are missing";
    }
}

INSTANTIATE_TEST_SUITE_P(OfSizes, ReadingInPieces, testing::Values(7, 100, 1'000, 30'000, 500'000));

}  // namespace
}  // namespace labhub::mqtt
