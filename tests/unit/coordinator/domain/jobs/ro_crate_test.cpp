#include "coordinator/domain/jobs/ro_crate.hpp"

#include <map>
#include <set>

#include <archive.h>
#include <archive_entry.h>
#include <gtest/gtest.h>

#include "shared/base/files.hpp"
#include "shared/base/json.hpp"
#include "shared/base/random.hpp"
#include "shared/base/sha256.hpp"

namespace labhub::coordinator::jobs {
namespace {

namespace fs = std::filesystem;
namespace json = boost::json;

const std::string kExperiment = R"({
  "experiment_id": "e1", "status": "failed", "reason": "exit_status", "message": "the script ended with 3",
  "requested_by": "user:ada", "requester_name": "Ada Lovelace", "device": "sim-1/vessel", "node": "sim-1", "image": "host",
  "request": {"environment": {"SET POINT": "0.6"}, "params": {"setpoint": 0.6, "pumps": ["A"], "none": null}},
  "tags": ["growth", "yeast"], "note": "first of all",
  "times": {"created": "2026-02-15T14:00:00.000Z", "started": "2026-02-15T14:00:01.000Z",
            "ended": "2026-02-15T14:05:00.000Z"},
  "versions": {"labhub": "0.1.0", "runtime": "crun 1.8", "agent": "0.1.0"},
  "metrics": [{"name": "pH/ä", "kind": "sensor", "unit": "pH", "minimum": 0, "maximum": 14}]})";

class RoCrate : public testing::Test {
  protected:
    void SetUp() override {
        fs::create_directories(folder_ / "output/plots");
        ASSERT_TRUE(write_file(folder_ / "experiment.json", kExperiment));
        ASSERT_TRUE(write_file(folder_ / "script.py", "print(1)\n"));
        ASSERT_TRUE(write_file(folder_ / "stdout.txt", "1\n"));
        ASSERT_TRUE(write_file(folder_ / "output/a b%.csv", "a,b\n"));
        ASSERT_TRUE(write_file(folder_ / "output/plots/line\nbreak.png", std::string(200'000, 'x')));
        fs::create_directories(folder_ / "input");
        ASSERT_TRUE(write_file(folder_ / "input/feed.csv", "t\n"));
        ASSERT_TRUE(write_zip(folder_, {"experiment.json", "script.py", "stdout.txt", "input", "output"},
                              folder_ / "results.zip", crate_of(folder_)));
        const auto crate = parse_json(*read_file(folder_ / kCrateName));
        ASSERT_TRUE(crate) << crate.error().to_string();
        crate_ = crate->as_object();
        for (const auto& entity : crate_.at("@graph").as_array()) {
            const std::string id(entity.at("@id").as_string());
            EXPECT_TRUE(entities_.emplace(id, entity.as_object()).second) << "twice: " << id;
        }
    }
    void TearDown() override { fs::remove_all(folder_); }

    std::map<std::string, std::string> packed() const {
        std::map<std::string, std::string> files;
        archive* const reader = archive_read_new();
        archive_read_support_format_zip(reader);
        EXPECT_EQ(archive_read_open_filename(reader, (folder_ / "results.zip").c_str(), 65536), ARCHIVE_OK);
        archive_entry* entry = nullptr;
        while (archive_read_next_header(reader, &entry) == ARCHIVE_OK) {
            std::string bytes(static_cast<std::size_t>(archive_entry_size(entry)), '\0');
            EXPECT_EQ(archive_read_data(reader, bytes.data(), bytes.size()), static_cast<la_ssize_t>(bytes.size()));
            files[archive_entry_pathname(entry)] = bytes;
        }
        archive_read_free(reader);
        return files;
    }
    static void references(const json::value& in, std::set<std::string>& found) {
        if (in.is_array())
            for (const auto& each : in.get_array()) references(each, found);
        if (!in.is_object()) return;
        const auto& object = in.get_object();
        if (object.size() == 1 && object.contains("@id")) found.emplace(object.at("@id").as_string());
        for (const auto& [key, value] : object) references(value, found);
    }

    const fs::path folder_ = fs::path(testing::TempDir()) / ("labhub-crate-" + random_hex(4));
    json::object crate_;
    std::map<std::string, json::object> entities_;
};

TEST_F(RoCrate, TellsParametersInputFilesTagsAndNote) {
    EXPECT_EQ(entities_.at("#param-setpoint").at("value"), 0.6);
    EXPECT_EQ(entities_.at("#param-pumps").at("value"), "[\"A\"]");
    EXPECT_EQ(entities_.at("#param-none").at("value"), "null");
    EXPECT_EQ(entities_.at("input/feed.csv").at("sha256").as_string(), sha256_hex("t\n"));
    EXPECT_EQ(entities_.at("input/").at("hasPart").as_array().size(), 1u);
    std::set<std::string> used, made;
    references(entities_.at("#run").at("object"), used);
    references(entities_.at("#run").at("result"), made);
    EXPECT_TRUE(used.contains("input/feed.csv"));
    EXPECT_TRUE(used.contains("#param-setpoint"));
    EXPECT_FALSE(made.contains("input/feed.csv"));
    EXPECT_EQ(entities_.at("./").at("keywords").as_array().size(), 2u);
    EXPECT_EQ(entities_.at("#run").at("description"), "first of all");
}

TEST_F(RoCrate, BeginsWithItsContextDescriptorAndRoot) {
    EXPECT_EQ(crate_.at("@context").as_array().at(0), "https://w3id.org/ro/crate/1.1/context");
    const auto& descriptor = entities_.at("ro-crate-metadata.json");
    EXPECT_EQ(descriptor.at("conformsTo").at("@id"), "https://w3id.org/ro/crate/1.1");
    EXPECT_EQ(descriptor.at("about").at("@id"), "./");
    const auto& root = entities_.at("./");
    EXPECT_EQ(root.at("@type"), "Dataset");
    for (const char* const member : {"name", "description", "datePublished", "license"})
        EXPECT_TRUE(root.contains(member)) << member;
}

TEST_F(RoCrate, EveryReferenceIsDescribed) {
    std::set<std::string> referred;
    references(crate_.at("@graph"), referred);
    EXPECT_FALSE(referred.empty());
    for (const auto& id : referred)
        EXPECT_TRUE(entities_.contains(id) || id.starts_with("http")) << id << " is not described";
}

TEST_F(RoCrate, EveryFileOfTheZipIsAPartWithItsSizeAndSum) {
    std::set<std::string> parts;
    references(entities_.at("./").at("hasPart"), parts);
    references(entities_.at("output/").at("hasPart"), parts);
    references(entities_.at("input/").at("hasPart"), parts);
    std::map<std::string, json::object> files;
    for (const auto& [id, entity] : entities_)
        if (entity.contains("sha256")) {
            EXPECT_TRUE(parts.contains(id)) << id;
            files[std::string(entity.at("name").as_string())] = entity;
        }
    auto inside = packed();
    EXPECT_EQ(inside.at(kCrateName), *read_file(folder_ / kCrateName));
    inside.erase(kCrateName);
    EXPECT_EQ(files.size(), inside.size());
    for (const auto& [name, bytes] : inside) {
        ASSERT_TRUE(files.contains(name)) << name;
        EXPECT_EQ(files[name].at("sha256").as_string(), sha256_hex(bytes)) << name;
        EXPECT_EQ(files[name].at("contentSize").as_string(), std::to_string(bytes.size())) << name;
        EXPECT_TRUE(files[name].contains("encodingFormat")) << name;
    }
    EXPECT_EQ(entities_.at("output/a%20b%25.csv").at("encodingFormat"), "text/csv");
    EXPECT_TRUE(entities_.contains("output/plots/line%0Abreak.png"));
}

TEST_F(RoCrate, TheRunSaysWhoWhatWithWhichAndHowItEnded) {
    const auto& run = entities_.at("#run");
    EXPECT_EQ(run.at("@type"), "CreateAction");
    EXPECT_EQ(run.at("agent").at("@id"), "#person-ada");
    EXPECT_EQ(entities_.at("#person-ada").at("@type"), "Person");
    EXPECT_EQ(entities_.at("#person-ada").at("name"), "Ada Lovelace");
    EXPECT_EQ(run.at("startTime"), "2026-02-15T14:00:01.000Z");
    EXPECT_EQ(run.at("endTime"), "2026-02-15T14:05:00.000Z");
    EXPECT_EQ(run.at("actionStatus").at("@id"), "http://schema.org/FailedActionStatus");
    EXPECT_EQ(run.at("error"), "exit_status: the script ended with 3");
    std::set<std::string> with;
    references(run.at("instrument"), with);
    EXPECT_EQ(with, (std::set<std::string>{"script.py", "#labhub", "#agent", "#runtime", "#image"}));
    std::set<std::string> of;
    references(run.at("object"), of);
    EXPECT_EQ(of, (std::set<std::string>{"#device-sim-1/vessel", "#param-none", "#param-pumps", "#param-setpoint",
                                         "#parameter-SET%20POINT", "input/feed.csv"}));
    EXPECT_EQ(entities_.at("#parameter-SET%20POINT").at("value"), "0.6");
    EXPECT_EQ(entities_.at("#metric-pH/%C3%A4").at("unitText"), "pH");
}

TEST(RoCrateOfLittle, IsStillOneWithoutADescription) {
    const auto crate = make_crate({}, {});
    EXPECT_FALSE(crate.at("@graph").as_array().empty());
}

}  // namespace
}  // namespace labhub::coordinator::jobs
