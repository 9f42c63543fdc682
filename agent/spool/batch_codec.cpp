#include "agent/spool/batch_codec.hpp"

#include <algorithm>
#include <cstring>

namespace labhub::agent::spool {
namespace {

constexpr char kVersion = 1;
constexpr std::size_t kMaxReadings = 65'536;
enum class Tag : std::uint8_t { null = 0, no = 1, yes = 2, integer = 3, small_number = 4, number = 5, text = 6 };

std::uint64_t zigzag(std::int64_t value) {
    return (static_cast<std::uint64_t>(value) << 1) ^ static_cast<std::uint64_t>(value >> 63);
}
std::int64_t unzigzag(std::uint64_t value) {
    return static_cast<std::int64_t>(value >> 1) ^ -static_cast<std::int64_t>(value & 1);
}

class Writer {
  public:
    std::string bytes;

    void byte(std::uint8_t value) { bytes += static_cast<char>(value); }
    void varint(std::uint64_t value) {
        for (; value >= 0x80; value >>= 7) byte(static_cast<std::uint8_t>(value | 0x80));
        byte(static_cast<std::uint8_t>(value));
    }
    void text(std::string_view value) {
        varint(value.size());
        bytes += value;
    }
    template <class T>
    void raw(T value) {
        char buffer[sizeof value];
        std::memcpy(buffer, &value, sizeof value);
        bytes.append(buffer, sizeof value);
    }

    void operator()(std::monostate) { tag(Tag::null); }
    void operator()(bool value) { tag(value ? Tag::yes : Tag::no); }
    void operator()(std::int64_t value) { tag(Tag::integer), varint(zigzag(value)); }
    void operator()(double value) {
        const auto small = static_cast<float>(value);
        if (static_cast<double>(small) == value)
            tag(Tag::small_number), raw(small);
        else
            tag(Tag::number), raw(value);
    }
    void operator()(const std::string& value) { tag(Tag::text), text(value); }

  private:
    void tag(Tag value) { byte(static_cast<std::uint8_t>(value)); }
};

class Reader {
  public:
    explicit Reader(std::string_view bytes) : rest_(bytes) {}
    bool good() const { return good_; }
    bool at_end() const { return rest_.empty(); }

    std::uint8_t byte() {
        const auto one = take(1);
        return one.empty() ? 0 : static_cast<std::uint8_t>(one[0]);
    }
    std::uint64_t varint() {
        std::uint64_t value = 0;
        for (int shift = 0; shift < 64; shift += 7) {
            const std::uint8_t next = byte();
            value |= static_cast<std::uint64_t>(next & 0x7F) << shift;
            if (next < 0x80) return value;
        }
        good_ = false;
        return 0;
    }
    std::string_view take(std::size_t count) {
        if (count > rest_.size()) {
            good_ = false;
            return {};
        }
        const auto taken = rest_.substr(0, count);
        rest_.remove_prefix(count);
        return taken;
    }
    std::string_view text() { return take(varint()); }
    template <class T>
    T raw() {
        T value{};
        const auto bytes = take(sizeof value);
        if (!bytes.empty()) std::memcpy(&value, bytes.data(), sizeof value);
        return value;
    }
    Value value() {
        switch (static_cast<Tag>(byte())) {
            case Tag::null: return {};
            case Tag::no: return false;
            case Tag::yes: return true;
            case Tag::integer: return unzigzag(varint());
            case Tag::small_number: return finite(raw<float>());
            case Tag::number: return finite(raw<double>());
            case Tag::text: return std::string(text());
        }
        good_ = false;
        return {};
    }

  private:
    std::string_view rest_;
    bool good_ = true;
};

std::size_t common_prefix(std::string_view a, std::string_view b) {
    const auto end =
        std::mismatch(a.begin(), a.begin() + static_cast<std::ptrdiff_t>(std::min(a.size(), b.size())), b.begin());
    return std::min<std::size_t>(static_cast<std::size_t>(end.first - a.begin()), 255);
}

}  // namespace

std::string encode_batch(const Batch& batch) {
    Writer writer;
    writer.byte(kVersion);
    writer.text(batch.device);
    writer.varint(batch.readings.size());
    std::string_view name;
    std::int64_t time = 0;
    for (const Reading& reading : batch.readings) {
        const std::size_t shared = common_prefix(name, reading.metric);
        writer.byte(static_cast<std::uint8_t>(shared));
        writer.text(std::string_view(reading.metric).substr(shared));
        writer.varint(zigzag(reading.time.count - time));
        writer.varint(static_cast<std::uint64_t>(reading.quality));
        std::visit(writer, reading.value);
        name = reading.metric;
        time = reading.time.count;
    }
    return std::move(writer.bytes);
}

Result<Batch> decode_batch(std::string_view bytes) {
    const Error damaged{ErrorCode::corrupt, "a row of the spool is damaged"};
    Reader reader(bytes);
    if (reader.byte() != kVersion) return damaged;
    Batch batch;
    batch.device = std::string(reader.text());
    const std::uint64_t count = reader.varint();
    if (!reader.good() || count > kMaxReadings) return damaged;
    std::string name;
    std::int64_t time = 0;
    for (std::uint64_t i = 0; i < count; ++i) {
        const std::size_t shared = reader.byte();
        if (shared > name.size()) return damaged;
        name = name.substr(0, shared) + std::string(reader.text());
        time += unzigzag(reader.varint());
        const auto quality = static_cast<Quality>(reader.varint());
        batch.readings.push_back(Reading{name, reader.value(), UtcMillis{time}, quality});
        if (!reader.good()) return damaged;
    }
    if (!reader.at_end()) return damaged;
    return batch;
}

}  // namespace labhub::agent::spool
