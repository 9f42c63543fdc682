// What others' decoders make of our bytes: npm's sparkplug-payload, which Node-RED and sparkplug-client use, and
// protoc.
#include <cstdio>
#include <cstdlib>
#include <filesystem>

#include <gtest/gtest.h>

#include <unistd.h>

#include "shared/base/files.hpp"
#include "shared/base/json.hpp"
#include "shared/sparkplug/codec.hpp"

namespace labhub::sparkplug {
namespace {

namespace fs = std::filesystem;

constexpr UtcMillis kNow{1'700'000'000'123};

/// From ctest's environment; a program started by hand looks above itself.
fs::path source_folder() {
    if (const char* given = std::getenv("LABHUB_SOURCE")) return given;
    fs::path folder = fs::read_symlink("/proc/self/exe").parent_path();
    while (folder.has_relative_path() && !fs::exists(folder / "CMakePresets.json")) folder = folder.parent_path();
    return folder;
}

/// A file that is gone after the test.
class TemporaryFile {
  public:
    explicit TemporaryFile(std::string_view bytes) {
        std::string pattern = (fs::temp_directory_path() / "labhub-interop-XXXXXX").string();
        const UniqueFd file{::mkstemp(pattern.data())};
        path_ = pattern;
        if (!write_file(path_, bytes)) throw std::runtime_error("can't write " + pattern);
    }
    ~TemporaryFile() {
        std::error_code ignored;
        fs::remove(path_, ignored);
    }
    std::string path() const { return path_.string(); }

  private:
    fs::path path_;
};

/// What `command` prints with these bytes on stdin; empty where it fails.
std::string output_of(const std::string& command, std::string_view input) {
    const TemporaryFile file(input);
    std::FILE* const pipe = ::popen((command + " < '" + file.path() + "'").c_str(), "r");
    if (!pipe) return {};
    std::string output;
    std::array<char, 4096> chunk{};
    while (const std::size_t got = std::fread(chunk.data(), 1, chunk.size(), pipe)) output.append(chunk.data(), got);
    return ::pclose(pipe) == 0 ? output : std::string{};
}

bool runs(const std::string& command) { return std::system((command + " > /dev/null 2>&1").c_str()) == 0; }

std::string hex(std::string_view bytes) {
    constexpr std::string_view kDigits = "0123456789abcdef";
    std::string text;
    for (const unsigned char byte : bytes) {
        text += kDigits[byte >> 4];
        text += kDigits[byte & 15];
    }
    return text;
}

Metric metric(std::string name, Value value) {
    Metric made;
    made.name = std::move(name);
    made.value = std::move(value);
    return made;
}

Payload device_data() {
    Payload payload;
    payload.timestamp = kNow;
    payload.seq = 200;
    payload.metrics = {metric("on", true),
                       metric("off", false),
                       metric("od", 0.123456789012345),
                       metric("negative", std::int64_t{-5}),
                       metric("large", std::int64_t{-9'007'199'254'740'991}),
                       metric("color", std::string("grün #00ff00"))};
    payload.metrics.push_back(data_metric({"gone", Value{}, kNow, Quality::bad}, ValueType::number));
    payload.metrics.push_back(
        data_metric({"old", 7.5, UtcMillis{1'600'000'000'000}, Quality::stale}, ValueType::number, true));
    payload.metrics[0].properties[property::kSpoolPosition] = std::int64_t{123'456'789'012};
    return payload;
}

Payload device_birth() {
    MetricInfo pump;
    pump.name = "pump_1";
    pump.kind = MetricKind::actuator;
    pump.unit = "mL/s";
    pump.minimum = 0.0;
    pump.maximum = 2.5;
    pump.safe_value = 0.0;
    Payload payload;
    payload.timestamp = kNow;
    payload.seq = 1;
    payload.metrics = {birth_metric(pump, {"pump_1", 0.5, kNow, Quality::good})};
    return payload;
}

/// npm's decoder on one message of ours.
struct NpmDecoderTest : testing::Test {
    fs::path folder = source_folder() / "tests" / "interop";

    void SetUp() override {
        if (!fs::exists(folder / "node_modules" / "sparkplug-payload"))
            GTEST_SKIP() << "npm's sparkplug-payload is not installed: run `npm ci` in tests/interop";
        if (!runs("node --version")) GTEST_SKIP() << "node is not installed";
    }
    boost::json::object decoded(MessageType type, const Payload& payload) {
        const std::string bytes = encode(type, payload).value();
        const std::string text = output_of("node '" + (folder / "decode.js").string() + "'", hex(bytes));
        return parse_json(text).value().as_object();
    }
    static boost::json::object metric_named(const boost::json::object& payload, std::string_view name) {
        for (const auto& entry : payload.at("metrics").as_array())
            if (entry.as_object().at("name").as_string() == name) return entry.as_object();
        ADD_FAILURE() << "no metric " << name;
        return {};
    }
};

TEST_F(NpmDecoderTest, ReadsEveryKindOfValueInOurData) {
    const auto payload = decoded(MessageType::ddata, device_data());
    auto value = [&](std::string_view name) { return metric_named(payload, name).at("value"); };
    EXPECT_EQ(payload.at("timestamp").to_number<std::int64_t>(), kNow.count);
    EXPECT_EQ(payload.at("seq").to_number<int>(), 200);
    EXPECT_EQ(value("on"), boost::json::value(true));
    EXPECT_EQ(value("off"), boost::json::value(false));
    EXPECT_EQ(value("od").to_number<double>(), 0.123456789012345);
    EXPECT_EQ(value("negative").to_number<std::int64_t>(), -5);
    EXPECT_EQ(value("large").to_number<std::int64_t>(), -9'007'199'254'740'991);
    EXPECT_EQ(value("color"), boost::json::value("grün #00ff00"));
    EXPECT_TRUE(value("gone").is_null());
    EXPECT_EQ(value("old").to_number<double>(), 7.5);
}

TEST_F(NpmDecoderTest, ReadsTypesTimesQualityAndHistory) {
    const auto payload = decoded(MessageType::ddata, device_data());
    const auto old = metric_named(payload, "old");
    EXPECT_EQ(old.at("type"), boost::json::value("Double"));
    EXPECT_EQ(old.at("timestamp").to_number<std::int64_t>(), 1'600'000'000'000);
    EXPECT_EQ(old.at("isHistorical"), boost::json::value(true));
    const auto& quality = old.at("properties").as_object().at("Quality").as_object();
    EXPECT_EQ(quality.at("value").to_number<int>(), 500);
    EXPECT_EQ(metric_named(payload, "gone").at("properties").at("Quality").at("value").to_number<int>(), 0);
    const auto first = metric_named(payload, "on");
    EXPECT_EQ(first.at("properties").at(property::kSpoolPosition).at("value").to_number<std::int64_t>(),
              123'456'789'012);
    EXPECT_EQ(metric_named(payload, "negative").at("type"), boost::json::value("Int64"));
}

TEST_F(NpmDecoderTest, ReadsUnitAndLimitsInOurBirth) {
    const auto payload = decoded(MessageType::dbirth, device_birth());
    const auto pump = metric_named(payload, "pump_1");
    EXPECT_EQ(pump.at("value").to_number<double>(), 0.5);
    const auto& properties = pump.at("properties").as_object();
    EXPECT_EQ(properties.at("engUnit").at("value"), boost::json::value("mL/s"));
    EXPECT_EQ(properties.at("engHigh").at("value").to_number<double>(), 2.5);
    EXPECT_EQ(properties.at("readOnly").at("value"), boost::json::value(false));
    EXPECT_EQ(properties.at("safeValue").at("value").to_number<double>(), 0.0);
}

TEST_F(NpmDecoderTest, ReadsOurDeathAsBdSeqAlone) {
    const auto payload = decoded(MessageType::ndeath, node_death(9, kNow));
    EXPECT_EQ(payload.at("metrics").as_array().size(), 1u);
    EXPECT_EQ(metric_named(payload, "bdSeq").at("value").to_number<int>(), 9);
}

TEST(Protoc, DecodesOurBirthWithThePublishedSchema) {
    if (!runs("protoc --version")) GTEST_SKIP() << "protoc is not installed";
    const std::string command = "protoc --proto_path='" + source_folder().string() +
                                "' --decode=labhub.sparkplug_b.Payload shared/proto/sparkplug_b.proto";
    const std::string text = output_of(command, encode(MessageType::dbirth, device_birth()).value());
    for (const char* line : {"timestamp: 1700000000123", "name: \"pump_1\"", "datatype: 10", "double_value: 0.5",
                             "seq: 1", "keys: \"engUnit\"", "string_value: \"mL/s\""})
        EXPECT_NE(text.find(line), std::string::npos) << line << "\nin\n" << text;
}

}  // namespace
}  // namespace labhub::sparkplug
