#include "coordinator/ingest/unpack.hpp"

#include <algorithm>

#include <zlib.h>

#include "shared/sparkplug/codec.hpp"

namespace labhub::coordinator::ingest {
namespace {

constexpr int kEitherFraming = 15 + 32;  // zlib.h: the largest window; gzip or zlib by the header
constexpr std::size_t kChunk = 64 * 1024;

/// Ends the stream whatever happens.
struct Inflater {
    z_stream stream{};
    bool is_ready = inflateInit2(&stream, kEitherFraming) == Z_OK;
    ~Inflater() {
        if (is_ready) inflateEnd(&stream);
    }
};

}  // namespace

Result<std::string> unpack(std::string_view body) {
    Inflater inflater;
    if (!inflater.is_ready) return Error{ErrorCode::internal, "zlib does not start"};
    z_stream& stream = inflater.stream;
    stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(body.data()));
    stream.avail_in = static_cast<uInt>(body.size());
    std::string unpacked;
    while (true) {
        const std::size_t had = unpacked.size();
        unpacked.resize(std::min(had + kChunk, sparkplug::kMaxPayloadBytes + 1));
        stream.next_out = reinterpret_cast<Bytef*>(unpacked.data() + had);
        stream.avail_out = static_cast<uInt>(unpacked.size() - had);
        const int code = inflate(&stream, Z_NO_FLUSH);
        unpacked.resize(unpacked.size() - stream.avail_out);
        if (unpacked.size() > sparkplug::kMaxPayloadBytes)
            return Error{ErrorCode::too_large, "a compressed payload is too large when it is unpacked",
                         "at most " + std::to_string(sparkplug::kMaxPayloadBytes) + " bytes"};
        if (code == Z_STREAM_END) return unpacked;
        if (code != Z_OK || (stream.avail_in == 0 && stream.avail_out > 0))
            return Error{ErrorCode::malformed, "a compressed payload can't be unpacked: it is damaged or cut short"};
    }
}

}  // namespace labhub::coordinator::ingest
