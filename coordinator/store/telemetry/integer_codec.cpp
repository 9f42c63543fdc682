#include "coordinator/store/telemetry/integer_codec.hpp"

#include <zstd.h>

#include <algorithm>
#include <array>
#include <bit>
#include <memory>
#include <vector>

namespace labhub::coordinator::store::telemetry {
namespace {

enum class Prediction : std::uint8_t { base, previous, slope, exclusive_or };
constexpr std::array kPredictions{Prediction::base, Prediction::previous, Prediction::slope, Prediction::exclusive_or};
enum class PlaneMode : std::uint8_t { constant, plain, packed };

constexpr std::size_t kLooksAt = 128;
constexpr std::size_t kWorthPacking = 64;
constexpr int kLevel = 1;  // higher ones gain less than a hundredth on noise, which is most of what is left

struct FreeContexts {
    void operator()(ZSTD_CCtx* context) const { ZSTD_freeCCtx(context); }
    void operator()(ZSTD_DCtx* context) const { ZSTD_freeDCtx(context); }
};

ZSTD_CCtx* compressor() {
    thread_local const std::unique_ptr<ZSTD_CCtx, FreeContexts> context{ZSTD_createCCtx()};
    return context.get();
}

ZSTD_DCtx* decompressor() {
    thread_local const std::unique_ptr<ZSTD_DCtx, FreeContexts> context{ZSTD_createDCtx()};
    return context.get();
}

/// What a prediction starts from: the base, or the first value and the first difference.
struct Seeds {
    std::int64_t first = 0;
    std::int64_t second = 0;
};

std::int64_t minus(std::int64_t a, std::int64_t b) {
    return static_cast<std::int64_t>(static_cast<std::uint64_t>(a) - static_cast<std::uint64_t>(b));
}
std::int64_t plus(std::int64_t a, std::int64_t b) {
    return static_cast<std::int64_t>(static_cast<std::uint64_t>(a) + static_cast<std::uint64_t>(b));
}

Seeds seeds_of(Prediction prediction, std::span<const std::int64_t> values) {
    if (prediction == Prediction::base) return {*std::min_element(values.begin(), values.end()), 0};
    return {values[0], values.size() > 1 ? minus(values[1], values[0]) : 0};
}

/// Calls `emit` with the unsigned rest of each value.
template <class Emit>
void predict(Prediction prediction, Seeds seeds, std::span<const std::int64_t> values, Emit emit) {
    std::int64_t before = minus(seeds.first, seeds.second), slope = seeds.second;
    switch (prediction) {
        case Prediction::base:
            for (const auto value : values) emit(static_cast<std::uint64_t>(minus(value, seeds.first)));
            return;
        case Prediction::previous:
            // The usual difference is taken off, so that a steady clock leaves nothing.
            for (const auto value : values) {
                emit(zigzag(minus(minus(value, before), slope)));
                before = value;
            }
            return;
        case Prediction::slope:
            for (const auto value : values) {
                const std::int64_t difference = minus(value, before);
                emit(zigzag(minus(difference, slope)));
                slope = difference;
                before = value;
            }
            return;
        case Prediction::exclusive_or:
            before = seeds.first;
            for (const auto value : values) {
                emit(static_cast<std::uint64_t>(value) ^ static_cast<std::uint64_t>(before));
                before = value;
            }
            return;
    }
}

void restore(Prediction prediction, Seeds seeds, std::span<std::int64_t> values) {
    std::int64_t before = minus(seeds.first, seeds.second), slope = seeds.second;
    switch (prediction) {
        case Prediction::base:
            for (auto& value : values) value = plus(seeds.first, value);
            return;
        case Prediction::previous:
            for (auto& value : values)
                value = before = plus(plus(before, slope), unzigzag(static_cast<std::uint64_t>(value)));
            return;
        case Prediction::slope:
            for (auto& value : values) {
                slope = plus(slope, unzigzag(static_cast<std::uint64_t>(value)));
                value = before = plus(before, slope);
            }
            return;
        case Prediction::exclusive_or:
            before = seeds.first;
            for (auto& value : values) value = before = value ^ before;
            return;
    }
}

std::uint64_t cost_of(Prediction prediction, std::span<const std::int64_t> values) {
    std::uint64_t bits = 0;
    predict(prediction, seeds_of(prediction, values), values,
            [&bits](std::uint64_t rest) { bits += static_cast<std::uint64_t>(std::bit_width(rest)); });
    return bits;
}

/// The middle stands for the whole: the beginning may be a start-up.
std::span<const std::int64_t> typical_part(std::span<const std::int64_t> values) {
    if (values.size() <= kLooksAt) return values;
    return values.subspan((values.size() - kLooksAt) / 2, kLooksAt);
}

std::pair<Prediction, std::uint64_t> best_prediction(std::span<const std::int64_t> values) {
    const auto part = typical_part(values);
    std::pair<Prediction, std::uint64_t> best{Prediction::base, ~std::uint64_t{0}};
    for (const auto prediction : kPredictions) {
        if (const auto cost = cost_of(prediction, part); cost < best.second) best = {prediction, cost};
        if (best.second == 0) break;  // as with steady clocks and numbers that are fractions
    }
    return {best.first, best.second * values.size() / part.size()};
}

void encode_plane(std::string_view plane, ByteWriter& out) {
    if (plane.find_first_not_of(plane[0]) == std::string_view::npos) {
        out.fixed(PlaneMode::constant);
        out.raw(plane.substr(0, 1));
        return;
    }
    if (plane.size() >= kWorthPacking) {
        thread_local std::string packed;
        packed.resize(ZSTD_compressBound(plane.size()));
        const std::size_t size =
            ZSTD_compressCCtx(compressor(), packed.data(), packed.size(), plane.data(), plane.size(), kLevel);
        if (!ZSTD_isError(size) && size + 4 < plane.size()) {
            out.fixed(PlaneMode::packed);
            out.text(std::string_view(packed).substr(0, size));
            return;
        }
    }
    out.fixed(PlaneMode::plain);
    out.raw(plane);
}

bool decode_plane(ByteReader& in, std::span<char> plane) {
    switch (in.fixed<PlaneMode>()) {
        case PlaneMode::constant: std::fill(plane.begin(), plane.end(), in.fixed<char>()); return in.is_good();
        case PlaneMode::plain: {
            const auto bytes = in.raw(plane.size());
            if (!in.is_good()) return false;
            std::copy(bytes.begin(), bytes.end(), plane.begin());
            return true;
        }
        case PlaneMode::packed: {
            const auto bytes = in.text();
            if (!in.is_good()) return false;
            return ZSTD_decompressDCtx(decompressor(), plane.data(), plane.size(), bytes.data(), bytes.size()) ==
                   plane.size();
        }
    }
    return false;
}

}  // namespace

std::uint64_t estimated_bits(std::span<const std::int64_t> values) {
    return values.empty() ? 0 : best_prediction(values).second;
}

void encode_integers(std::span<const std::int64_t> values, ByteWriter& out) {
    if (values.empty()) return;
    const Prediction prediction = best_prediction(values).first;
    const Seeds seeds = seeds_of(prediction, values);
    thread_local std::vector<std::uint64_t> rests;
    rests.clear();
    std::uint64_t all = 0;
    predict(prediction, seeds, values, [&all](std::uint64_t rest) {
        rests.push_back(rest);
        all |= rest;
    });
    const int planes = (std::bit_width(all) + 7) / 8;
    out.fixed(static_cast<std::uint8_t>(static_cast<unsigned>(prediction) << 4 | static_cast<unsigned>(planes)));
    out.varint(zigzag(seeds.first));
    if (prediction != Prediction::base) out.varint(zigzag(seeds.second));
    thread_local std::string plane;
    plane.resize(rests.size());
    for (int p = 0; p < planes; ++p) {
        for (std::size_t i = 0; i < rests.size(); ++i) plane[i] = static_cast<char>(rests[i] >> (8 * p));
        encode_plane(plane, out);
    }
}

bool decode_integers(ByteReader& in, std::span<std::int64_t> values) {
    if (values.empty()) return true;
    const auto head = in.fixed<std::uint8_t>();
    const auto prediction = static_cast<Prediction>(head >> 4);
    const int planes = head & 15;
    if (prediction > Prediction::exclusive_or || planes > 8) return false;
    Seeds seeds{unzigzag(in.varint()), 0};
    if (prediction != Prediction::base) seeds.second = unzigzag(in.varint());
    std::fill(values.begin(), values.end(), 0);
    thread_local std::vector<char> plane;
    plane.resize(values.size());
    for (int p = 0; p < planes; ++p) {
        if (!decode_plane(in, plane)) return false;
        for (std::size_t i = 0; i < values.size(); ++i)
            values[i] =
                static_cast<std::int64_t>(static_cast<std::uint64_t>(values[i]) |
                                          static_cast<std::uint64_t>(static_cast<unsigned char>(plane[i])) << (8 * p));
    }
    restore(prediction, seeds, values);
    return in.is_good();
}

void encode_bytes(std::string_view bytes, ByteWriter& out) {
    out.varint(bytes.size());
    if (!bytes.empty()) encode_plane(bytes, out);
}

bool decode_bytes(ByteReader& in, std::string& bytes, std::size_t bound) {
    const auto size = in.varint();
    if (!in.is_good() || size > bound) return false;
    bytes.resize(size);
    return size == 0 || decode_plane(in, bytes);
}

}  // namespace labhub::coordinator::store::telemetry
