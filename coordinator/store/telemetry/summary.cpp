#include "coordinator/store/telemetry/summary.hpp"

#include <xxhash.h>

#include <algorithm>

#include "coordinator/store/telemetry/bytes.hpp"

namespace labhub::coordinator::store::telemetry {
namespace {

constexpr std::uint8_t kFormat = 2;
constexpr std::uint8_t kWithoutQualities = 1;  ///< an earlier format, else the same

/// A block lies within one day, so that its chunks' times fit 32 bits from its first.
void write_chunk(ByteWriter& out, const Summary& chunk, std::int64_t origin) {
    for (const auto time : {chunk.first, chunk.last, chunk.minimum_time, chunk.maximum_time})
        out.fixed(static_cast<std::uint32_t>(std::max<std::int64_t>(0, time - origin)));
    out.fixed(static_cast<std::uint16_t>(chunk.count));
    out.fixed(static_cast<std::uint16_t>(chunk.numbers));
    for (const double number : {chunk.minimum, chunk.maximum, chunk.sum, chunk.last_number}) out.fixed(number);
    out.fixed(chunk.qualities.bits());
}

Qualities read_qualities(ByteReader& in, std::uint8_t format) {
    return format == kWithoutQualities ? Qualities() : Qualities::of_bits(in.fixed<std::uint8_t>());
}

Summary read_chunk(ByteReader& in, std::int64_t origin, std::uint8_t format) {
    Summary chunk;
    for (auto* time : {&chunk.first, &chunk.last, &chunk.minimum_time, &chunk.maximum_time})
        *time = origin + in.fixed<std::uint32_t>();
    chunk.count = in.fixed<std::uint16_t>();
    chunk.numbers = in.fixed<std::uint16_t>();
    for (auto* number : {&chunk.minimum, &chunk.maximum, &chunk.sum, &chunk.last_number}) *number = in.fixed<double>();
    chunk.qualities = read_qualities(in, format);
    return chunk;
}

void write_whole(ByteWriter& out, const Summary& whole) {
    for (const auto time : {whole.first, whole.last, whole.minimum_time, whole.maximum_time}) out.fixed(time);
    out.fixed(whole.count);
    out.fixed(whole.numbers);
    for (const double number : {whole.minimum, whole.maximum, whole.sum, whole.last_number}) out.fixed(number);
    out.fixed(whole.qualities.bits());
}

Summary read_whole(ByteReader& in, std::uint8_t format) {
    Summary whole;
    for (auto* time : {&whole.first, &whole.last, &whole.minimum_time, &whole.maximum_time})
        *time = in.fixed<std::int64_t>();
    whole.count = in.fixed<std::uint32_t>();
    whole.numbers = in.fixed<std::uint32_t>();
    for (auto* number : {&whole.minimum, &whole.maximum, &whole.sum, &whole.last_number}) *number = in.fixed<double>();
    whole.qualities = read_qualities(in, format);
    return whole;
}

}  // namespace

void Summary::add(PackedSample sample) {
    first = std::min(first, sample.time());
    last = std::max(last, sample.time());
    ++count;
    qualities.add(sample);
    const auto number = sample.number();
    if (!number) return;
    ++numbers;
    sum += *number;
    last_number = *number;
    if (*number < minimum) {
        minimum = *number;
        minimum_time = sample.time();
    }
    if (*number > maximum) {
        maximum = *number;
        maximum_time = sample.time();
    }
}

void Summary::add(const Summary& later) {
    first = std::min(first, later.first);
    last = std::max(last, later.last);
    count += later.count;
    qualities.add(later.qualities);
    if (later.numbers == 0) return;
    numbers += later.numbers;
    sum += later.sum;
    last_number = later.last_number;
    if (later.minimum < minimum) {
        minimum = later.minimum;
        minimum_time = later.minimum_time;
    }
    if (later.maximum > maximum) {
        maximum = later.maximum;
        maximum_time = later.maximum_time;
    }
}

BlockSummary summarise(SeriesId series, const SampleList& list, std::uint64_t packed_hash) {
    BlockSummary summary;
    summary.series = series;
    summary.packed_hash = packed_hash;
    for (std::size_t begin = 0; begin < list.size(); begin += kChunkSamples) {
        Summary chunk;
        const std::size_t end = std::min(list.size(), begin + kChunkSamples);
        for (std::size_t i = begin; i < end; ++i) chunk.add(list.samples[i]);
        summary.whole.add(chunk);
        if (list.size() > kChunkSamples) summary.chunks.push_back(chunk);
    }
    return summary;
}

std::string encode_summary(const BlockSummary& summary) {
    std::string bytes;
    ByteWriter out(bytes);
    out.fixed(kFormat);
    out.fixed(static_cast<std::uint32_t>(summary.series));
    out.fixed(summary.packed_hash);
    write_whole(out, summary.whole);
    out.fixed(static_cast<std::uint32_t>(summary.chunks.size()));
    for (const auto& chunk : summary.chunks) write_chunk(out, chunk, summary.whole.first);
    out.fixed(hash_of(bytes));
    return bytes;
}

std::optional<BlockSummary> decode_summary(std::string_view bytes) {
    if (bytes.size() < sizeof(std::uint64_t)) return std::nullopt;
    const std::string_view body = bytes.substr(0, bytes.size() - sizeof(std::uint64_t));
    if (ByteReader(bytes.substr(body.size())).fixed<std::uint64_t>() != hash_of(body)) return std::nullopt;
    ByteReader in(body);
    const auto format = in.fixed<std::uint8_t>();
    if (format != kFormat && format != kWithoutQualities) return std::nullopt;
    BlockSummary summary;
    summary.series = static_cast<SeriesId>(in.fixed<std::uint32_t>());
    summary.packed_hash = in.fixed<std::uint64_t>();
    summary.whole = read_whole(in, format);
    const auto chunks = in.fixed<std::uint32_t>();
    summary.chunks.reserve(std::min<std::size_t>(chunks, body.size() / 16));
    for (std::uint32_t i = 0; i < chunks && in.is_good(); ++i)
        summary.chunks.push_back(read_chunk(in, summary.whole.first, format));
    if (!in.is_good() || !in.is_at_end()) return std::nullopt;
    return summary;
}

std::uint64_t hash_of(std::string_view bytes) { return XXH3_64bits(bytes.data(), bytes.size()); }

}  // namespace labhub::coordinator::store::telemetry
