#include "coordinator/store/telemetry/block.hpp"

#include <bit>
#include <unordered_map>

#include "coordinator/store/telemetry/bytes.hpp"
#include "coordinator/store/telemetry/integer_codec.hpp"
#include "coordinator/store/telemetry/number_codec.hpp"

namespace labhub::coordinator::store::telemetry {
namespace {

constexpr std::size_t kTextBound = 64u << 20;

/// A block's values by kind: booleans and integers share a stream; texts are places in a dictionary.
struct Streams {
    std::vector<std::int64_t> times, integers, places;
    std::vector<double> numbers;

    void clear() {
        times.clear();
        integers.clear();
        places.clear();
        numbers.clear();
    }
};

void write_tags(const SampleList& list, ByteWriter& out) {
    for (std::size_t i = 0; i < list.size();) {
        const std::uint8_t tag = list.samples[i].tag();
        std::size_t end = i + 1;
        while (end < list.size() && list.samples[end].tag() == tag) ++end;
        out.fixed(tag);
        out.varint(end - i);
        i = end;
    }
}

void write_dictionary(const std::vector<const std::string*>& words, ByteWriter& out) {
    std::string joined;
    ByteWriter each(joined);
    for (const auto* word : words) each.text(*word);
    out.varint(words.size());
    encode_bytes(joined, out);
}

void split(const SampleList& list, Streams& streams, std::vector<const std::string*>& words) {
    std::unordered_map<std::string_view, std::int64_t> places;
    for (const auto& sample : list.samples) {
        streams.times.push_back(sample.time());
        switch (sample.kind()) {
            case Kind::null: break;
            case Kind::boolean:
            case Kind::integer: streams.integers.push_back(static_cast<std::int64_t>(sample.bits)); break;
            case Kind::number: streams.numbers.push_back(std::bit_cast<double>(sample.bits)); break;
            case Kind::text: {
                const std::string& text = list.texts[sample.bits];
                const auto [place, is_new] = places.emplace(text, static_cast<std::int64_t>(words.size()));
                if (is_new) words.push_back(&text);
                streams.places.push_back(place->second);
                break;
            }
        }
    }
}

bool read_tags(ByteReader& in, std::size_t count, std::vector<std::uint8_t>& tags) {
    tags.clear();
    while (tags.size() < count) {
        const auto tag = in.fixed<std::uint8_t>();
        const auto run = in.varint();
        if (!in.is_good() || run == 0 || run > count - tags.size() || (tag >> 4) > static_cast<int>(Kind::text))
            return false;
        tags.insert(tags.end(), run, tag);
    }
    return true;
}

bool read_dictionary(ByteReader& in, std::vector<std::string>& words) {
    const auto count = in.varint();
    std::string joined;
    if (!decode_bytes(in, joined, kTextBound) || count > kBlockSamples) return false;
    ByteReader each(joined);
    for (std::uint64_t i = 0; i < count; ++i) words.emplace_back(each.text());
    return each.is_good();
}

bool read_streams(ByteReader& in, const std::vector<std::uint8_t>& tags, Streams& streams, SampleList& list) {
    std::size_t numbers = 0, integers = 0, texts = 0;
    for (const auto tag : tags) {
        const auto kind = static_cast<Kind>(tag >> 4);
        numbers += kind == Kind::number;
        integers += kind == Kind::integer || kind == Kind::boolean;
        texts += kind == Kind::text;
    }
    streams.times.resize(tags.size());
    streams.numbers.resize(numbers);
    streams.integers.resize(integers);
    streams.places.resize(texts);
    if (!decode_integers(in, streams.times) || !decode_numbers(in, streams.numbers) ||
        !decode_integers(in, streams.integers) || !decode_integers(in, streams.places))
        return false;
    if (texts > 0 && !read_dictionary(in, list.texts)) return false;
    for (const auto place : streams.places)
        if (place < 0 || static_cast<std::size_t>(place) >= list.texts.size()) return false;
    return in.is_at_end();
}

void join(const std::vector<std::uint8_t>& tags, const Streams& streams, SampleList& list) {
    list.samples.reserve(tags.size());
    std::size_t numbers = 0, integers = 0, texts = 0;
    for (std::size_t i = 0; i < tags.size(); ++i) {
        std::uint64_t bits = 0;
        switch (static_cast<Kind>(tags[i] >> 4)) {
            case Kind::null: break;
            case Kind::boolean:
            case Kind::integer: bits = static_cast<std::uint64_t>(streams.integers[integers++]); break;
            case Kind::number: bits = std::bit_cast<std::uint64_t>(streams.numbers[numbers++]); break;
            case Kind::text: bits = static_cast<std::uint64_t>(streams.places[texts++]); break;
        }
        list.samples.push_back(PackedSample::of(streams.times[i], tags[i], bits));
    }
}

}  // namespace

EncodedBlock encode_block(SeriesId series, const SampleList& list) {
    EncodedBlock block;
    thread_local Streams streams;
    streams.clear();
    std::vector<const std::string*> words;
    split(list, streams, words);
    ByteWriter out(block.packed);
    write_tags(list, out);
    encode_integers(streams.times, out);
    encode_numbers(streams.numbers, out);
    encode_integers(streams.integers, out);
    encode_integers(streams.places, out);
    if (!words.empty()) write_dictionary(words, out);
    const BlockSummary summary = summarise(series, list, hash_of(block.packed));
    block.whole = summary.whole;
    block.summary = encode_summary(summary);
    return block;
}

std::optional<SampleList> decode_block(const BlockSummary& summary, std::string_view packed) {
    if (hash_of(packed) != summary.packed_hash || summary.whole.count > kBlockSamples) return std::nullopt;
    thread_local Streams streams;
    thread_local std::vector<std::uint8_t> tags;
    SampleList list;
    ByteReader in(packed);
    if (!read_tags(in, summary.whole.count, tags) || !read_streams(in, tags, streams, list)) return std::nullopt;
    join(tags, streams, list);
    return list;
}

}  // namespace labhub::coordinator::store::telemetry
