#pragma once

#include <bit>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

namespace labhub::coordinator::store::telemetry {

static_assert(std::endian::native == std::endian::little, "fixed-width numbers are stored as the machine has them");

inline std::uint64_t zigzag(std::int64_t value) {
    return (static_cast<std::uint64_t>(value) << 1) ^ static_cast<std::uint64_t>(value >> 63);
}
inline std::int64_t unzigzag(std::uint64_t value) {
    return static_cast<std::int64_t>(value >> 1) ^ -static_cast<std::int64_t>(value & 1);
}

/// Appends numbers to bytes: fixed width (little-endian) or as varints (7 bits a byte, lowest first).
class ByteWriter {
  public:
    explicit ByteWriter(std::string& out) : out_(out) {}
    template <class T>
    void fixed(T value) {
        if constexpr (sizeof value == 1)
            out_.push_back(static_cast<char>(value));
        else
            out_.append(reinterpret_cast<const char*>(&value), sizeof value);
    }
    void varint(std::uint64_t value) {
        char buffer[10];
        std::size_t n = 0;
        for (; value >= 0x80; value >>= 7) buffer[n++] = static_cast<char>(value | 0x80);
        buffer[n++] = static_cast<char>(value);
        if (n == 1)
            out_.push_back(buffer[0]);
        else
            out_.append(buffer, n);
    }
    void text(std::string_view bytes) {
        varint(bytes.size());
        out_.append(bytes);
    }
    void raw(std::string_view bytes) { out_.append(bytes); }

  private:
    std::string& out_;
};

/// Reads them back. Past the end it gives zeros and `is_good` turns false; what was read is then to be thrown away.
class ByteReader {
  public:
    explicit ByteReader(std::string_view bytes) : bytes_(bytes) {}
    template <class T>
    T fixed() {
        T value{};
        const std::string_view part = raw(sizeof value);
        if (part.size() == sizeof value) std::memcpy(&value, part.data(), sizeof value);
        return value;
    }
    std::uint64_t varint() {
        std::uint64_t value = 0;
        for (unsigned shift = 0; shift < 64; shift += 7) {
            const auto byte = fixed<std::uint8_t>();
            value |= static_cast<std::uint64_t>(byte & 0x7F) << shift;
            if (byte < 0x80) return value;
        }
        is_good_ = false;
        return 0;
    }
    std::string_view text() { return raw(varint()); }
    std::string_view raw(std::uint64_t size) {
        if (size > bytes_.size()) {
            is_good_ = false;
            bytes_ = {};
            return {};
        }
        const std::string_view part = bytes_.substr(0, size);
        bytes_.remove_prefix(size);
        return part;
    }
    bool is_good() const { return is_good_; }
    bool is_at_end() const { return bytes_.empty(); }

  private:
    std::string_view bytes_;
    bool is_good_ = true;
};

}  // namespace labhub::coordinator::store::telemetry
