// What other people's encoders send, bit by bit, and what we make of it.
#include <limits>

#include <gtest/gtest.h>

#include "shared/proto/sparkplug_b.pb.h"
#include "shared/sparkplug/codec.hpp"

namespace labhub::sparkplug {
namespace {

namespace pb = labhub::sparkplug_b;

pb::Metric integer(std::uint32_t datatype, std::uint32_t bits) {
    pb::Metric metric;
    metric.set_name("m");
    metric.set_datatype(datatype);
    metric.set_int_value(bits);
    return metric;
}

pb::Metric long_integer(std::uint32_t datatype, std::uint64_t bits) {
    pb::Metric metric = integer(datatype, 0);
    metric.set_long_value(bits);
    return metric;
}

Decoded received(const std::vector<pb::Metric>& metrics, const MetricCatalog* births = nullptr) {
    pb::Payload payload;
    for (const auto& metric : metrics) *payload.add_metrics() = metric;
    return decode(payload.SerializeAsString(), births).value();
}

Value value_of(const pb::Metric& metric) { return received({metric}).payload.metrics.at(0).value; }

Value int_value(std::int64_t number) { return number; }

TEST(Receiving, ExtendsTheSignByTheDeclaredWidthHoweverFarTheSenderDid) {
    EXPECT_EQ(value_of(integer(1, 0xfb)), int_value(-5)) << "Int8 as Tahu Python sends it";
    EXPECT_EQ(value_of(integer(1, 0xfffffffb)), int_value(-5)) << "Int8 as Tahu Java sends it";
    EXPECT_EQ(value_of(integer(2, 0xfffb)), int_value(-5));
    EXPECT_EQ(value_of(integer(3, 0xfffffffb)), int_value(-5));
    EXPECT_EQ(value_of(long_integer(4, ~0ull)), int_value(-1));
    EXPECT_EQ(value_of(integer(5, 0xffffffff)), int_value(255));
    EXPECT_EQ(value_of(integer(6, 0xffff)), int_value(65535));
}

TEST(Receiving, TakesUInt32FromEitherField) {
    EXPECT_EQ(value_of(integer(7, 0xffffffff)), int_value(4'294'967'295));
    EXPECT_EQ(value_of(long_integer(7, 0xffffffff)), int_value(4'294'967'295));
}

TEST(Receiving, KeepsUInt64AboveInt64AsANumber) {
    EXPECT_EQ(value_of(long_integer(8, 5)), int_value(5));
    EXPECT_EQ(value_of(long_integer(8, 1ull << 63)), Value{9223372036854775808.0});
}

TEST(Receiving, TakesFloatsAndMakesNaNNull) {
    pb::Metric metric = integer(9, 0);
    metric.set_float_value(0.5F);
    EXPECT_EQ(value_of(metric), Value{0.5});
    metric.set_float_value(std::numeric_limits<float>::infinity());
    EXPECT_EQ(value_of(metric), Value{});
    metric.set_datatype(10);
    metric.set_double_value(std::numeric_limits<double>::quiet_NaN());
    EXPECT_EQ(value_of(metric), Value{});
}

TEST(Receiving, TrustsNoNumberThatIsNotFinite) {
    pb::Metric metric = integer(10, 0);
    metric.set_double_value(std::numeric_limits<double>::quiet_NaN());
    EXPECT_EQ(received({metric}).payload.metrics.at(0).quality, Quality::bad);
    metric.set_double_value(1.0);
    EXPECT_EQ(received({metric}).payload.metrics.at(0).quality, Quality::good);
}

TEST(Receiving, TakesTextsAndTimes) {
    pb::Metric metric = integer(14, 0);
    metric.set_string_value("text");
    EXPECT_EQ(value_of(metric), Value{std::string("text")});
    metric.set_datatype(15);
    EXPECT_EQ(value_of(metric), Value{std::string("text")});
    EXPECT_EQ(value_of(long_integer(13, 1'700'000'000'000)), int_value(1'700'000'000'000));
}

TEST(Receiving, ReadsNullWithAndWithoutAValueBesideIt) {
    pb::Metric metric = integer(3, 5);
    metric.set_is_null(true);
    EXPECT_EQ(value_of(metric), Value{});
    metric.clear_value();
    EXPECT_EQ(value_of(metric), Value{});
}

TEST(Receiving, CountsWhatItDoesNotDecode) {
    pb::Metric table = integer(16, 0);
    table.mutable_dataset_value()->set_num_of_columns(2);
    pb::Metric array = integer(25, 0);
    array.set_bytes_value("\x01");
    const auto birth = received({table, array, integer(3, 1)});
    EXPECT_EQ(birth.unsupported, 2u);
    EXPECT_EQ(birth.payload.metrics.size(), 3u) << "kept with null, so that the catalog learns their names";
    MetricCatalog catalog;
    catalog.learn(birth.payload);
    const auto later = received({table, integer(3, 1)}, &catalog);
    EXPECT_EQ(later.unsupported, 1u);
    EXPECT_EQ(later.payload.metrics.size(), 1u);
    EXPECT_EQ(later.unknown, 0u);
}

TEST(Receiving, TakesNamesAndTypesFromTheBirthWhereDataLeavesThemOut) {
    pb::Metric named = integer(1, 1);
    named.set_alias(42);
    MetricCatalog catalog;
    catalog.learn(received({named}).payload);
    pb::Metric bare;
    bare.set_alias(42);
    bare.set_int_value(0xfe);
    const auto back = received({bare}, &catalog);
    ASSERT_EQ(back.payload.metrics.size(), 1u);
    EXPECT_EQ(back.payload.metrics[0].name, "m");
    EXPECT_EQ(back.payload.metrics[0].value, int_value(-2));
    bare.set_alias(43);
    EXPECT_EQ(received({bare}, &catalog).unknown, 1u);
    bare.set_name("other");
    EXPECT_EQ(received({bare}, &catalog).unknown, 1u);
    EXPECT_EQ(received({bare}).unknown, 1u) << "no datatype to be had";
}

TEST(Receiving, MapsQualities) {
    const std::vector<std::pair<int, Quality>> cases{{192, Quality::good},     {216, Quality::good},
                                                     {500, Quality::stale},    {0, Quality::bad},
                                                     {64, Quality::uncertain}, {3, Quality::bad}};
    for (const auto& [number, quality] : cases) {
        pb::Metric metric = integer(3, 1);
        metric.mutable_properties()->add_keys("Quality");
        auto& value = *metric.mutable_properties()->add_values();
        value.set_type(3);
        value.set_int_value(static_cast<std::uint32_t>(number));
        EXPECT_EQ(received({metric}).payload.metrics[0].quality, quality) << number;
    }
}

TEST(Receiving, ForgivesPropertyListsOfUnequalLength) {
    pb::Metric metric = integer(3, 1);
    metric.mutable_properties()->add_keys("engUnit");
    metric.mutable_properties()->add_keys("more");
    metric.mutable_properties()->add_values()->set_string_value("V");
    const auto back = received({metric}).payload.metrics.at(0);
    EXPECT_EQ(back.properties.size(), 1u);
    EXPECT_EQ(back.properties.at("engUnit"), Value{std::string("V")});
}

TEST(Receiving, RefusesBytesThatAreNoPayload) {
    EXPECT_EQ(decode("\xff\xff\xff\xff\xff").error().code, ErrorCode::malformed);
    pb::Payload packed;
    packed.set_uuid("SPBV1.0_COMPRESSED");
    EXPECT_EQ(decode(packed.SerializeAsString()).error().code, ErrorCode::unsupported);
    EXPECT_EQ(decode(std::string(kMaxPayloadBytes + 1, 'a')).error().code, ErrorCode::too_large);
    pb::Payload wild;
    wild.set_seq(300);
    EXPECT_FALSE(decode(wild.SerializeAsString()));
}

TEST(Receiving, LosesOnlyTheMetricWhoseTextIsNotUtf8) {
    pb::Metric broken = integer(12, 0), nameless = integer(3, 1);
    broken.set_string_value("\xff\xfe");
    nameless.set_name("\xff");
    const auto back = received({broken, nameless, integer(3, 1)});
    EXPECT_EQ(back.unsupported, 1u);
    EXPECT_EQ(back.unknown, 1u);
    ASSERT_EQ(back.payload.metrics.size(), 2u);
    EXPECT_EQ(back.payload.metrics[0].value, Value{});
    EXPECT_EQ(back.payload.metrics[1].value, int_value(1));
}

/// Any bytes at all: an Error or a payload, never worse. The seed is fixed, so a failure comes again.
TEST(Receiving, SurvivesEveryMutilationOfAPayload) {
    pb::Payload payload;
    *payload.add_metrics() = long_integer(4, ~0ull);
    payload.set_seq(3);
    const std::string good = payload.SerializeAsString();
    std::uint32_t state = 12345;
    for (int round = 0; round < 5000; ++round) {
        std::string bytes = good;
        for (int change = 0; change < 3; ++change) {
            state = state * 1664525 + 1013904223;
            bytes[(state >> 8) % bytes.size()] = static_cast<char>(state >> 24);
        }
        bytes.resize((state >> 4) % (bytes.size() + 1));
        [[maybe_unused]] const auto decoded = decode(bytes);
    }
}

}  // namespace
}  // namespace labhub::sparkplug
