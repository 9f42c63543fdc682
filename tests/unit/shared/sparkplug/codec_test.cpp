#include "shared/sparkplug/codec.hpp"

#include <limits>

#include <gtest/gtest.h>

#include "shared/proto/sparkplug_b.pb.h"

namespace labhub::sparkplug {
namespace {

namespace pb = labhub::sparkplug_b;

constexpr UtcMillis kNow{1'700'000'000'123};

Payload data(std::vector<Metric> metrics) {
    Payload payload;
    payload.timestamp = kNow;
    payload.seq = 7;
    payload.metrics = std::move(metrics);
    return payload;
}

Metric metric(std::string name, Value value) {
    Metric made;
    made.name = std::move(name);
    made.value = std::move(value);
    return made;
}

pb::Payload raw(const std::string& bytes) {
    pb::Payload parsed;
    EXPECT_TRUE(parsed.ParseFromString(bytes));
    return parsed;
}

TEST(Encoding, KeepsEveryKindOfValueThroughARoundTrip) {
    Payload sent =
        data({metric("b", true), metric("i", std::int64_t{-5}), metric("d", 0.25), metric("s", std::string("Grün"))});
    sent.metrics.push_back(data_metric({"n", Value{}, UtcMillis{5}, Quality::bad}, ValueType::number, true));
    const auto back = decode(encode(MessageType::ddata, sent).value()).value();
    ASSERT_EQ(back.payload.metrics.size(), 5u);
    EXPECT_EQ(back.payload.seq, 7);
    EXPECT_EQ(back.payload.timestamp, kNow);
    for (std::size_t i = 0; i < 4; ++i) {
        EXPECT_EQ(back.payload.metrics[i].value, sent.metrics[i].value);
        EXPECT_EQ(back.payload.metrics[i].timestamp, kNow) << "a metric without a time gets the payload's";
    }
    const Metric& null = back.payload.metrics[4];
    EXPECT_EQ(null.value, Value{});
    EXPECT_EQ(null.datatype, DataType::float64);
    EXPECT_EQ(null.quality, Quality::bad);
    EXPECT_EQ(null.timestamp, UtcMillis{5});
    EXPECT_TRUE(null.is_historical);
}

TEST(Encoding, UsesOnlyTheFourTypesEveryDecoderReads) {
    const auto parsed = raw(encode(MessageType::ddata, data({metric("b", true), metric("i", std::int64_t{-5}),
                                                             metric("d", 1.5), metric("s", std::string("x"))}))
                                .value());
    EXPECT_EQ(parsed.metrics(0).datatype(), 11u);
    EXPECT_EQ(parsed.metrics(1).datatype(), 4u);
    EXPECT_EQ(parsed.metrics(1).long_value(), static_cast<std::uint64_t>(-5));
    EXPECT_EQ(parsed.metrics(2).datatype(), 10u);
    EXPECT_EQ(parsed.metrics(3).datatype(), 12u);
    Metric wide = metric("u", std::int64_t{5});
    wide.datatype = DataType::uint32;
    EXPECT_FALSE(encode(MessageType::ddata, data({wide})));
}

TEST(Encoding, SendsQualityOnlyWhereItIsNotGood) {
    Metric stale = metric("a", 1.0);
    stale.quality = Quality::stale;
    const auto parsed = raw(encode(MessageType::ddata, data({stale, metric("b", 1.0)})).value());
    ASSERT_EQ(parsed.metrics(0).properties().keys_size(), 1);
    EXPECT_EQ(parsed.metrics(0).properties().keys(0), "Quality");
    EXPECT_EQ(parsed.metrics(0).properties().values(0).type(), 3u);
    EXPECT_EQ(parsed.metrics(0).properties().values(0).int_value(), 500u);
    EXPECT_FALSE(parsed.metrics(1).has_properties());
}

TEST(Encoding, SendsAnIntegerForANumberAsDouble) {
    Metric number = metric("a", std::int64_t{3});
    number.datatype = DataType::float64;
    EXPECT_EQ(raw(encode(MessageType::ddata, data({number})).value()).metrics(0).double_value(), 3.0);
}

TEST(Encoding, RefusesWhatWouldBeMisread) {
    EXPECT_FALSE(encode(MessageType::ddata, data({metric("", 1.0)})));
    EXPECT_FALSE(encode(MessageType::ddata, data({metric("n", Value{})})));
    EXPECT_FALSE(encode(MessageType::ddata, data({metric("n", std::numeric_limits<double>::quiet_NaN())})));
    EXPECT_FALSE(encode(MessageType::ddata, data({metric("n", std::string("\xff"))})));
    Metric mismatch = metric("n", true);
    mismatch.datatype = DataType::string;
    EXPECT_FALSE(encode(MessageType::ddata, data({mismatch})));
}

TEST(Encoding, KeepsTheRulesOfSeqAndBdSeq) {
    Payload no_seq = data({metric("a", 1.0)});
    no_seq.seq.reset();
    EXPECT_FALSE(encode(MessageType::ddata, no_seq));
    EXPECT_FALSE(encode(MessageType::ncmd, data({metric("a", 1.0)}))) << "commands carry no seq";
    EXPECT_TRUE(encode(MessageType::ncmd, node_command(node_metric::kRebirth, true, kNow)));

    EXPECT_FALSE(encode(MessageType::nbirth, data({metric("bdSeq", std::int64_t{3})}))) << "NBIRTH has seq 0";
    Payload birth = data({metric("bdSeq", std::int64_t{3})});
    birth.seq = 0;
    EXPECT_TRUE(encode(MessageType::nbirth, birth));
    birth.metrics[0].name = "other";
    EXPECT_FALSE(encode(MessageType::nbirth, birth));

    Payload no_time = data({metric("a", 1.0)});
    no_time.timestamp.reset();
    EXPECT_FALSE(encode(MessageType::ddata, no_time));
}

TEST(Encoding, MakesADeathOfExactlyOneBdSeqAndNoSeq) {
    const auto parsed = raw(encode(MessageType::ndeath, node_death(255, kNow)).value());
    ASSERT_EQ(parsed.metrics_size(), 1);
    EXPECT_EQ(parsed.metrics(0).name(), "bdSeq");
    EXPECT_EQ(parsed.metrics(0).datatype(), 4u);
    EXPECT_EQ(parsed.metrics(0).long_value(), 255u);
    EXPECT_FALSE(parsed.has_seq());
    Payload two = node_death(1, kNow);
    two.metrics.push_back(metric("more", 1.0));
    EXPECT_FALSE(encode(MessageType::ndeath, two));
}

TEST(Births, TellUnitLimitsKindAndSafeValue) {
    MetricInfo pump;
    pump.name = "pump_1";
    pump.kind = MetricKind::actuator;
    pump.unit = "mL/s";
    pump.description = "medium in";
    pump.minimum = 0.0;
    pump.maximum = 2.5;
    pump.safe_value = 0.0;
    Payload birth = data({birth_metric(pump, {"pump_1", 0.5, kNow, Quality::good})});
    const auto back = decode(encode(MessageType::dbirth, birth).value()).value();
    const auto info = metric_info(back.payload.metrics.at(0)).value();
    EXPECT_EQ(info.name, "pump_1");
    EXPECT_EQ(info.kind, MetricKind::actuator);
    EXPECT_EQ(info.type, ValueType::number);
    EXPECT_EQ(info.unit, "mL/s");
    EXPECT_EQ(info.description, "medium in");
    EXPECT_EQ(info.minimum, 0.0);
    EXPECT_EQ(info.maximum, 2.5);
    EXPECT_EQ(info.safe_value, Value{0.0});
    EXPECT_EQ(reading_of(back.payload.metrics[0], {}).value, Value{0.5});
}

TEST(Births, OfAStrangerWithoutPropertiesAreSensors) {
    Metric strange = metric("t", 1.0);
    strange.datatype = DataType::float32;
    EXPECT_EQ(metric_info(strange)->kind, MetricKind::sensor);
    strange.datatype = DataType::dataset;
    EXPECT_FALSE(metric_info(strange));
}

TEST(SpoolPosition, TravelsAsAPropertyOfTheFirstMetric) {
    Metric first = metric("a", 1.0);
    first.properties[property::kSpoolPosition] = std::int64_t{1'234'567'890'123};
    const auto back = decode(encode(MessageType::ddata, data({first})).value()).value();
    EXPECT_EQ(back.payload.metrics[0].properties.at(property::kSpoolPosition), Value{std::int64_t{1'234'567'890'123}});
}

}  // namespace
}  // namespace labhub::sparkplug
