#include "coordinator/store/telemetry/number_codec.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdlib>
#include <limits>
#include <numeric>
#include <utility>
#include <vector>

#include "coordinator/store/telemetry/integer_codec.hpp"

namespace labhub::coordinator::store::telemetry {
namespace {

enum class Form : std::uint8_t { plain, fraction, float_fraction };

constexpr std::size_t kLooksAt = 48;
constexpr std::size_t kComparesBy = 128;
constexpr std::int64_t kLargestDenominator = 10'000'000;
constexpr std::int64_t kNearly = 16;                // last places a quotient may be off
constexpr double kExact = 4'503'599'627'370'496.0;  // 2^52: integers up to here are exact
constexpr double kLargestCount = 1e12;              // beyond, any number would be near some fraction

/// The doubles' order as that of integers, one to one; neighbours differ by 1.
std::int64_t ordinal(double number) {
    const auto bits = std::bit_cast<std::int64_t>(number);
    return bits < 0 ? bits ^ std::numeric_limits<std::int64_t>::max() : bits;
}
double from_ordinal(std::int64_t ordinal) {
    return std::bit_cast<double>(ordinal < 0 ? ordinal ^ std::numeric_limits<std::int64_t>::max() : ordinal);
}

double quotient(std::int64_t count, std::int64_t denominator, Form form) {
    const double exact = static_cast<double>(count) / static_cast<double>(denominator);
    return form == Form::float_fraction ? static_cast<double>(static_cast<float>(exact)) : exact;
}

std::int64_t rest_of(double number, std::int64_t count, std::int64_t denominator, Form form) {
    return static_cast<std::int64_t>(static_cast<std::uint64_t>(ordinal(number)) -
                                     static_cast<std::uint64_t>(ordinal(quotient(count, denominator, form))));
}

std::int64_t count_of(double number, std::int64_t denominator) {
    const double scaled = number * static_cast<double>(denominator);
    // To the nearest without a library call: adding 1.5 · 2^52 leaves no bits for a fraction.
    constexpr double kRounder = 1.5 * kExact;
    return std::abs(scaled) < kExact / 2 ? static_cast<std::int64_t>((scaled + kRounder) - kRounder) : 0;
}

bool fits(double number, std::int64_t denominator, Form form) {
    if (std::abs(number) * static_cast<double>(denominator) > kLargestCount) return false;
    const std::int64_t off = rest_of(number, count_of(number, denominator), denominator, form);
    return off <= kNearly && off >= -kNearly;
}

/// The smallest denominator by which the number is a fraction, by its continued fraction; 0: none.
std::int64_t denominator_of(double number) {
    double rest = std::abs(number);
    std::int64_t before = 0, now = 1;
    for (int step = 0; step < 24; ++step) {
        if (fits(number, now, Form::fraction)) return now;
        const double fraction = rest - std::floor(rest);
        if (fraction < 1e-12) return 0;
        rest = 1 / fraction;
        const double next = std::floor(rest) * static_cast<double>(now) + static_cast<double>(before);
        if (next > static_cast<double>(kLargestDenominator)) return 0;
        before = std::exchange(now, static_cast<std::int64_t>(next));
    }
    return 0;
}

std::vector<double> a_few(std::span<const double> numbers) {
    std::vector<double> few;
    const std::size_t stride = std::max<std::size_t>(1, numbers.size() / kLooksAt);
    for (std::size_t i = 0; i < numbers.size(); i += stride) few.push_back(numbers[i]);
    return few;
}

bool all_fit(std::span<const double> numbers, std::int64_t denominator, Form form) {
    return std::all_of(numbers.begin(), numbers.end(), [=](double number) { return fits(number, denominator, form); });
}

struct Fraction {
    Form form = Form::plain;
    std::int64_t denominator = 1;
};

Fraction common_fraction(std::span<const double> numbers) {
    const bool are_floats = std::all_of(numbers.begin(), numbers.end(), [](double number) {
        return static_cast<double>(static_cast<float>(number)) == number;
    });
    for (std::int64_t decimal = 1; decimal <= 1'000'000'000; decimal *= 10) {
        if (all_fit(numbers, decimal, Form::fraction)) return {Form::fraction, decimal};
        if (are_floats && decimal <= 100'000 && all_fit(numbers, decimal, Form::float_fraction))
            return {Form::float_fraction, decimal};
    }
    std::int64_t common = 1;
    for (const double number : numbers) {
        const std::int64_t own = fits(number, common, Form::fraction) ? common : denominator_of(number);
        if (own == 0) return {};
        common = std::lcm(common, own);
        if (common > kLargestDenominator) return {};
    }
    return {all_fit(numbers, common, Form::fraction) ? Form::fraction : Form::plain, common};
}

void split(std::span<const double> numbers, Fraction fraction, std::vector<std::int64_t>& counts,
           std::vector<std::int64_t>& rests) {
    counts.clear();
    rests.clear();
    for (const double number : numbers) {
        const std::int64_t count = count_of(number, fraction.denominator);
        counts.push_back(count);
        rests.push_back(rest_of(number, count, fraction.denominator, fraction.form));
    }
}

std::vector<std::int64_t> ordinals(std::span<const double> numbers) {
    std::vector<std::int64_t> out(numbers.size());
    std::transform(numbers.begin(), numbers.end(), out.begin(), ordinal);
    return out;
}

Fraction choose(std::span<const double> numbers) {
    const Fraction fraction = common_fraction(a_few(numbers));
    if (fraction.form == Form::plain) return fraction;
    const auto part =
        numbers.size() <= kComparesBy ? numbers : numbers.subspan((numbers.size() - kComparesBy) / 2, kComparesBy);
    std::vector<std::int64_t> counts, rests;
    split(part, fraction, counts, rests);
    const bool pays = estimated_bits(counts) + estimated_bits(rests) < estimated_bits(ordinals(part));
    return pays ? fraction : Fraction{};
}

}  // namespace

void encode_numbers(std::span<const double> numbers, ByteWriter& out) {
    if (numbers.empty()) return;
    const Fraction fraction = choose(numbers);
    out.fixed(fraction.form);
    if (fraction.form == Form::plain) return encode_integers(ordinals(numbers), out);
    out.varint(static_cast<std::uint64_t>(fraction.denominator));
    std::vector<std::int64_t> counts, rests;
    split(numbers, fraction, counts, rests);
    encode_integers(counts, out);
    encode_integers(rests, out);
}

bool decode_numbers(ByteReader& in, std::span<double> numbers) {
    if (numbers.empty()) return true;
    const auto form = in.fixed<Form>();
    if (form > Form::float_fraction) return false;
    thread_local std::vector<std::int64_t> counts, rests;
    counts.resize(numbers.size());
    if (form == Form::plain) {
        if (!decode_integers(in, counts)) return false;
        std::transform(counts.begin(), counts.end(), numbers.begin(), from_ordinal);
        return true;
    }
    const auto denominator = static_cast<std::int64_t>(in.varint());
    rests.resize(numbers.size());
    if (denominator <= 0 || !decode_integers(in, counts) || !decode_integers(in, rests)) return false;
    for (std::size_t i = 0; i < numbers.size(); ++i) {
        const double nearly = quotient(counts[i], denominator, form);
        const auto place = static_cast<std::uint64_t>(ordinal(nearly)) + static_cast<std::uint64_t>(rests[i]);
        numbers[i] = rests[i] == 0 ? nearly : from_ordinal(static_cast<std::int64_t>(place));
    }
    return true;
}

}  // namespace labhub::coordinator::store::telemetry
