#include "agent/spool/batch_codec.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <limits>
#include <optional>

#include <boost/crc.hpp>

namespace labhub::agent::spool {
namespace {

constexpr char kNamesAndTimes = 1;  // of earlier agents
constexpr char kWithShape = 2;
constexpr char kWithNames = 3;
constexpr std::size_t kMaxReadings = 65'536;
constexpr std::size_t kChecksumEnd = 1 + sizeof(std::uint32_t);

constexpr std::uint8_t kUnsureClock = 1;
constexpr std::uint8_t kOneTime = 2;
constexpr std::uint8_t kAllGood = 4;

/// From decimal on: the exponent of ten is what the tag has more.
enum class Tag : std::uint8_t { null, no, yes, integer, small_number, number, text, decimal };
constexpr std::array<double, 7> kPowers{1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6};
/// Up to four bytes: what a float takes.
constexpr double kDecimalBound = 1 << 27;

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
        if (decimal(value)) return;
        const auto small = static_cast<float>(value);
        if (static_cast<double>(small) == value)
            tag(Tag::small_number), raw(small);
        else
            tag(Tag::number), raw(value);
    }
    void operator()(const std::string& value) { tag(Tag::text), text(value); }

  private:
    void tag(Tag value) { byte(static_cast<std::uint8_t>(value)); }
    bool decimal(double value) {
        if (value == 0 && std::signbit(value)) return false;
        for (std::size_t exponent = 0; exponent < kPowers.size(); ++exponent) {
            const double scaled = std::round(value * kPowers[exponent]);
            if (std::abs(scaled) >= kDecimalBound) return false;
            if (scaled / kPowers[exponent] != value) continue;
            byte(static_cast<std::uint8_t>(static_cast<std::size_t>(Tag::decimal) + exponent));
            varint(zigzag(static_cast<std::int64_t>(scaled)));
            return true;
        }
        return false;
    }
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
        const std::uint8_t tag = byte();
        switch (static_cast<Tag>(tag)) {
            case Tag::null: return {};
            case Tag::no: return false;
            case Tag::yes: return true;
            case Tag::integer: return unzigzag(varint());
            case Tag::small_number: return finite(raw<float>());
            case Tag::number: return finite(raw<double>());
            case Tag::text: return std::string(text());
            default: break;
        }
        const std::size_t exponent = tag - static_cast<std::size_t>(Tag::decimal);
        if (exponent < kPowers.size()) return static_cast<double>(unzigzag(varint())) / kPowers[exponent];
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

void write_shape(Writer& writer, const Shape& shape) {
    writer.varint(shape.size());
    std::string_view last;
    for (const std::string& name : shape) {
        const std::size_t shared = common_prefix(last, name);
        writer.byte(static_cast<std::uint8_t>(shared));
        writer.text(std::string_view(name).substr(shared));
        last = name;
    }
}

std::optional<Shape> read_shape(Reader& reader) {
    const std::uint64_t count = reader.varint();
    if (!reader.good() || count > kMaxReadings) return std::nullopt;
    Shape shape;
    std::string name;
    for (std::uint64_t i = 0; i < count && reader.good(); ++i) {
        const std::size_t shared = reader.byte();
        if (shared > name.size()) return std::nullopt;
        name = name.substr(0, shared) + std::string(reader.text());
        shape.push_back(name);
    }
    if (!reader.good()) return std::nullopt;
    return shape;
}

std::uint32_t checksum(std::string_view bytes) {
    boost::crc_32_type crc;
    crc.process_bytes(bytes.data(), bytes.size());
    return crc.checksum();
}

const Error& damaged() {
    static const Error error{ErrorCode::corrupt, "a row of the spool is damaged"};
    return error;
}

std::uint8_t flags_of(const Batch& batch) {
    std::uint8_t flags = kOneTime | kAllGood;
    if (batch.clock_unsure) flags |= kUnsureClock;
    for (const Reading& reading : batch.readings) {
        if (reading.time != batch.readings.front().time) flags &= static_cast<std::uint8_t>(~kOneTime);
        if (reading.quality != Quality::good) flags &= static_cast<std::uint8_t>(~kAllGood);
    }
    return flags;
}

/// What follows version, checksum and shape.
Result<Batch> read_readings(Reader& reader, const Shape& shape) {
    Batch batch;
    const std::uint8_t flags = reader.byte();
    batch.clock_unsure = flags & kUnsureClock;
    std::int64_t time = unzigzag(reader.varint());
    batch.readings.reserve(shape.size());
    for (const std::string& name : shape) {
        if (!(flags & kOneTime)) time += unzigzag(reader.varint());
        const auto quality = flags & kAllGood ? Quality::good : static_cast<Quality>(reader.varint());
        batch.readings.push_back(Reading{name, reader.value(), UtcMillis{time}, quality});
        if (!reader.good()) return damaged();
    }
    if (!reader.good() || !reader.at_end()) return damaged();
    return batch;
}

Result<Batch> decode_version_1(Reader reader) {
    Batch batch;
    batch.device = std::string(reader.text());
    const std::uint64_t count = reader.varint();
    if (!reader.good() || count > kMaxReadings) return damaged();
    std::string name;
    std::int64_t time = 0;
    for (std::uint64_t i = 0; i < count; ++i) {
        const std::size_t shared = reader.byte();
        if (shared > name.size()) return damaged();
        name = name.substr(0, shared) + std::string(reader.text());
        time += unzigzag(reader.varint());
        const auto quality = static_cast<Quality>(reader.varint());
        batch.readings.push_back(Reading{name, reader.value(), UtcMillis{time}, quality});
        if (!reader.good()) return damaged();
    }
    if (!reader.at_end()) return damaged();
    return batch;
}

}  // namespace

std::string_view to_string(Class of) {
    switch (of) {
        case Class::alarm: return "alarms";
        case Class::state_change: return "state changes";
        case Class::reading: return "readings";
    }
    return "readings";
}

Shape shape_of(const Batch& batch) {
    Shape shape;
    shape.reserve(batch.readings.size());
    for (const Reading& reading : batch.readings) shape.push_back(reading.metric);
    return shape;
}

std::string encode_shape(const Shape& shape) {
    Writer writer;
    write_shape(writer, shape);
    return std::move(writer.bytes);
}

Result<Shape> decode_shape(std::string_view bytes) {
    Reader reader(bytes);
    auto shape = read_shape(reader);
    if (!shape || !reader.at_end()) return damaged();
    return std::move(*shape);
}

std::string encode_batch(const Batch& batch, std::uint32_t shape) {
    Writer writer;
    writer.byte(static_cast<std::uint8_t>(shape ? kWithShape : kWithNames));
    writer.raw(std::uint32_t{0});
    if (shape)
        writer.varint(shape);
    else
        write_shape(writer, shape_of(batch));
    const std::uint8_t flags = flags_of(batch);
    writer.byte(flags);
    std::int64_t time = batch.readings.empty() ? 0 : batch.readings.front().time.count;
    writer.varint(zigzag(time));
    for (const Reading& reading : batch.readings) {
        if (!(flags & kOneTime)) writer.varint(zigzag(reading.time.count - time));
        if (!(flags & kAllGood)) writer.varint(static_cast<std::uint64_t>(reading.quality));
        std::visit(writer, reading.value);
        time = reading.time.count;
    }
    const std::uint32_t sum = checksum(std::string_view(writer.bytes).substr(kChecksumEnd));
    std::memcpy(writer.bytes.data() + 1, &sum, sizeof sum);
    return std::move(writer.bytes);
}

Result<std::uint32_t> shape_in(std::string_view bytes) {
    if (bytes.empty()) return damaged();
    if (bytes.front() != kWithShape) return 0;
    if (bytes.size() <= kChecksumEnd) return damaged();
    Reader reader(bytes.substr(kChecksumEnd));
    const std::uint64_t shape = reader.varint();
    if (!reader.good() || shape == 0 || shape > std::numeric_limits<std::uint32_t>::max()) return damaged();
    return static_cast<std::uint32_t>(shape);
}

Result<Batch> decode_batch(std::string_view bytes, const Shape* shape) {
    Reader reader(bytes);
    const auto version = static_cast<char>(reader.byte());
    if (!reader.good()) return damaged();
    if (version == kNamesAndTimes) return decode_version_1(reader);
    if (version != kWithShape && version != kWithNames) return damaged();
    const auto sum = reader.raw<std::uint32_t>();
    if (!reader.good() || sum != checksum(bytes.substr(kChecksumEnd))) return damaged();
    if (version == kWithNames) {
        const auto names = read_shape(reader);
        if (!names) return damaged();
        return read_readings(reader, *names);
    }
    reader.varint();
    if (!shape) return damaged();
    return read_readings(reader, *shape);
}

}  // namespace labhub::agent::spool
