// Publishes a fixed number of messages to a broker as fast as it takes them: what scripts/bench feeds the takers of
// readings with. Everything is encoded before it begins, and MQTT is written by hand, so that on a small machine as
// much as possible is left for those that are measured.
//
//     labhub_bench_feed PORT GROUP NODES METRICS MESSAGES START_MS sparkplug|json
//
// Prints "ready" once connected (and the births are out), waits for a line on stdin, publishes, prints the seconds it
// took, and stays connected until stdin ends.

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <string>
#include <vector>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "shared/base/clock.hpp"
#include "shared/base/text.hpp"
#include "shared/sparkplug/codec.hpp"
#include "shared/sparkplug/sequence.hpp"

namespace {

using namespace labhub;
using sparkplug::MessageType;

struct Wanted {
    std::uint16_t port = 0;
    std::string group;
    std::size_t nodes = 0, metrics = 0, messages = 0;
    UtcMillis start;
    bool json = false;
};

/// MQTT 3.1.1, 2.2.3: seven bits a byte.
void add_length(std::string& out, std::size_t length) {
    do {
        const std::size_t rest = length >> 7;
        out += static_cast<char>((length & 0x7F) | (rest > 0 ? 0x80 : 0));
        length = rest;
    } while (length > 0);
}

void add_text(std::string& out, const std::string& text) {
    out += static_cast<char>(text.size() >> 8);
    out += static_cast<char>(text.size() & 0xFF);
    out += text;
}

void add_publish(std::string& out, const std::string& topic, const std::string& payload) {
    out += '\x30';
    add_length(out, 2 + topic.size() + payload.size());
    add_text(out, topic);
    out += payload;
}

std::string connect_packet() {
    std::string rest;
    add_text(rest, "MQTT");
    rest += std::string("\x04\x02\x00\x00", 4);  // version 3.1.1, clean session, no keepalive
    add_text(rest, "labhub-bench-feed");
    std::string out = "\x10";
    add_length(out, rest.size());
    return out + rest;
}

std::string metric_name(std::size_t metric) { return "signal_" + std::to_string(metric + 1); }

double value_of(std::size_t node, std::size_t metric, std::size_t turn) {
    const double wave = std::sin(static_cast<double>(turn) / 300 + static_cast<double>(node * 7 + metric));
    return std::round((37 + wave + 0.01 * static_cast<double>((turn * 2'654'435'761u) % 7)) * 100) / 100;
}

class Node {
  public:
    Node(const Wanted& wanted, std::size_t number)
        : wanted_(wanted), number_(number), name_("bench-" + std::to_string(number + 1)) {}

    void births(std::string& out) {
        sparkplug::Payload birth;
        birth.metrics.push_back(metric("bdSeq", std::int64_t{0}));
        birth.metrics.push_back(metric(sparkplug::node_metric::kRebirth, false));
        add(out, MessageType::nbirth, std::move(birth), wanted_.start);
        sparkplug::Payload device;
        for (std::size_t i = 0; i < wanted_.metrics; ++i) device.metrics.push_back(metric(metric_name(i), Value{0.0}));
        add(out, MessageType::dbirth, std::move(device), wanted_.start);
    }
    void data(std::string& out, std::size_t turn) {
        const UtcMillis time = wanted_.start + std::chrono::milliseconds(turn + 1);
        if (wanted_.json) return json(out, turn, time);
        sparkplug::Payload data;
        for (std::size_t i = 0; i < wanted_.metrics; ++i)
            data.metrics.push_back(metric(metric_name(i), value_of(number_, i, turn)));
        add(out, MessageType::ddata, std::move(data), time);
    }

  private:
    static sparkplug::Metric metric(std::string name, Value value) {
        sparkplug::Metric made;
        made.name = std::move(name);
        made.value = std::move(value);
        return made;
    }
    void add(std::string& out, MessageType type, sparkplug::Payload payload, UtcMillis time) {
        payload.timestamp = time;
        payload.seq = seq_.current();
        seq_.advance();
        const std::string device = sparkplug::is_device_message(type) ? "vessel" : "";
        add_publish(out, sparkplug::format_topic({wanted_.group, type, name_, device}).value(),
                    sparkplug::encode(type, payload).value());
    }
    void json(std::string& out, std::size_t turn, UtcMillis time) const {
        std::string text = "{\"time\":" + std::to_string(time.count) + ",\"values\":{";
        for (std::size_t i = 0; i < wanted_.metrics; ++i)
            text += (i == 0 ? "\"" : ",\"") + metric_name(i) + "\":" + format_number(value_of(number_, i, turn));
        add_publish(out, wanted_.group + "/" + name_ + "/vessel", text + "}}");
    }

    const Wanted& wanted_;
    std::size_t number_;
    std::string name_;
    sparkplug::SeqCounter seq_;
};

void write_all(int socket, const std::string& bytes) {
    for (std::size_t done = 0; done < bytes.size();) {
        const ssize_t written = ::write(socket, bytes.data() + done, bytes.size() - done);
        if (written <= 0) std::perror("feed: write"), std::exit(1);
        done += static_cast<std::size_t>(written);
    }
}

int connect_to(std::uint16_t port) {
    const int handle = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(port);
    if (::connect(handle, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0)
        std::perror("feed: connect"), std::exit(1);
    write_all(handle, connect_packet());
    char connack[4];
    if (::recv(handle, connack, sizeof connack, MSG_WAITALL) != sizeof connack || connack[3] != 0)
        std::fprintf(stderr, "feed: the broker refuses the connection\n"), std::exit(1);
    return handle;
}

int feed(const Wanted& wanted) {
    std::vector<Node> nodes;
    for (std::size_t i = 0; i < wanted.nodes; ++i) nodes.emplace_back(wanted, i);
    std::string births, data;
    if (!wanted.json)
        for (Node& node : nodes) node.births(births);
    for (std::size_t i = 0; i < wanted.messages; ++i) nodes[i % wanted.nodes].data(data, i / wanted.nodes);
    const int socket = connect_to(wanted.port);
    write_all(socket, births);
    std::string line;
    std::cout << "ready " << data.size() << std::endl;
    std::getline(std::cin, line);
    const auto begun = Steady::now();
    write_all(socket, data);
    std::cout << std::chrono::duration<double>(Steady::now() - begun).count() << std::endl;
    while (std::getline(std::cin, line)) {
    }
    ::close(socket);
    return 0;
}

}  // namespace

int main(int argc, char** argv) {
    if (argc != 8) return std::fprintf(stderr, "feed: PORT GROUP NODES METRICS MESSAGES START_MS sparkplug|json\n"), 2;
    Wanted wanted;
    wanted.port = static_cast<std::uint16_t>(std::atoi(argv[1]));
    wanted.group = argv[2];
    wanted.nodes = std::strtoul(argv[3], nullptr, 10);
    wanted.metrics = std::strtoul(argv[4], nullptr, 10);
    wanted.messages = std::strtoul(argv[5], nullptr, 10);
    wanted.start = UtcMillis{std::strtoll(argv[6], nullptr, 10)};
    wanted.json = std::string(argv[7]) == "json";
    return feed(wanted);
}
