#include "coordinator/domain/jobs/inputs.hpp"

#include <sys/stat.h>

#include <fstream>

#include <gtest/gtest.h>

#include "shared/base/random.hpp"

namespace labhub::coordinator::jobs {
namespace {

namespace fs = std::filesystem;

const std::string kAda = "user:ada";

class InputsTest : public testing::Test {
  protected:
    void TearDown() override { fs::remove_all(folder_); }

    InputSettings settings() const {
        InputSettings settings;
        settings.folder = folder_ / "inputs";
        settings.most_bytes = 1'000;
        settings.most_bytes_of_all = 1'500;
        return settings;
    }
    static Result<InputFile> send(Inputs& inputs, const std::string& bytes, const std::string& owner = kAda) {
        LABHUB_TRY(auto upload, inputs.begin(owner));
        for (std::size_t at = 0; at < bytes.size(); at += 100) LABHUB_CHECK(upload->add(bytes.substr(at, 100)));
        return upload->finish();
    }
    std::size_t files() const {
        return static_cast<std::size_t>(std::count_if(fs::recursive_directory_iterator(folder_ / "inputs"), {},
                                                      [](const auto& one) { return one.is_regular_file(); }));
    }
    void age(const InputFile& input) const {
        fs::last_write_time(folder_ / "inputs" / Inputs::key_of(kAda, input.sha256),
                            fs::file_time_type::clock::now() - std::chrono::hours{48});
    }

    const fs::path folder_ = fs::path(testing::TempDir()) / ("labhub-inputs-" + random_hex(4));
};

TEST_F(InputsTest, GiveAnExperimentItsFilesUnderTheirNames) {
    Inputs inputs(settings());
    const auto sent = send(inputs, "a,b\n1,2\n");
    ASSERT_TRUE(sent) << sent.error().to_string();
    EXPECT_EQ(sent->size, 8);
    EXPECT_EQ(sent->sha256, sha256_hex("a,b\n1,2\n"));
    const auto found = inputs.find_all(kAda, {{"feed profile.csv", 0, sent->sha256}});
    ASSERT_TRUE(found) << found.error().to_string();
    EXPECT_EQ(found->front().size, 8);
    fs::create_directories(folder_ / "job");
    ASSERT_TRUE(inputs.place(kAda, *found, folder_ / "job" / "input"));
    EXPECT_EQ(read_file(folder_ / "job/input/feed profile.csv").value(), "a,b\n1,2\n");
    ASSERT_TRUE(inputs.place(kAda, *found, folder_ / "job" / "input")) << "a second attempt of the same job";
}

TEST_F(InputsTest, KeepTheSameBytesOnce) {
    Inputs inputs(settings());
    ASSERT_TRUE(send(inputs, std::string(700, 'x')));
    // The third of them would not fit, were they kept twice.
    for (int i = 0; i < 3; ++i) ASSERT_TRUE(send(inputs, std::string(300, 'y'))) << i;
    EXPECT_EQ(files(), 2u);
}

TEST_F(InputsTest, RefuseWhatIsTooLargeAndLeaveNothingOfIt) {
    Inputs inputs(settings());
    EXPECT_EQ(send(inputs, std::string(1'001, 'x')).error().code, ErrorCode::too_large);
    EXPECT_EQ(files(), 0u);
    const auto first = send(inputs, std::string(900, 'x'));
    EXPECT_EQ(send(inputs, std::string(700, 'y')).error().code, ErrorCode::too_many);
    const auto second = send(inputs, std::string(500, 'y'));
    ASSERT_TRUE(second) << "what was refused takes no room";
    EXPECT_EQ(inputs.find_all(kAda, {{"x", 0, first->sha256}, {"y", 0, second->sha256}}).error().code,
              ErrorCode::too_large);
}

TEST_F(InputsTest, BoundHowManyComeInAtOneTimeOfOneUserAndInAll) {
    Inputs inputs(settings());
    std::vector<std::unique_ptr<Inputs::Upload>> all;
    for (std::size_t i = 0; i < Inputs::kMostUploadsOfOne; ++i) all.push_back(std::move(*inputs.begin(kAda)));
    EXPECT_EQ(inputs.begin(kAda).error().code, ErrorCode::too_many);
    all.pop_back();
    all.push_back(std::move(*inputs.begin(kAda)));
    for (std::size_t i = all.size(); i < Inputs::kMostUploads; ++i)
        all.push_back(std::move(*inputs.begin("user:" + std::to_string(i))));
    EXPECT_EQ(inputs.begin("user:new").error().code, ErrorCode::too_many);
}

TEST_F(InputsTest, AreNobodyElsesWhoeverKnowsTheirSum) {
    Inputs inputs(settings());
    const auto sent = send(inputs, "hers", kAda);
    ASSERT_TRUE(inputs.find(kAda, sent->sha256));
    for (const std::string other : {"user:bob", "user:ad", "user:ada/../ada", "job:ada"}) {
        EXPECT_EQ(inputs.find(other, sent->sha256).error().code, ErrorCode::not_found) << other;
        EXPECT_FALSE(inputs.find_all(other, {{"x", 0, sent->sha256}}));
        EXPECT_FALSE(inputs.place(other, {{"x", 0, sent->sha256}}, folder_ / "job"));
    }
    ASSERT_TRUE(send(inputs, "hers", "user:bob")) << "who has the same bytes may send them";
    EXPECT_TRUE(inputs.find("user:bob", sent->sha256));
}

TEST_F(InputsTest, BoundTheBytesOfOneUser) {
    auto bounds = settings();
    bounds.most_bytes_of_one = 1'200;
    bounds.most_bytes_of_all = 2'000;
    Inputs inputs(bounds);
    ASSERT_TRUE(send(inputs, std::string(900, 'x')));
    EXPECT_EQ(send(inputs, std::string(400, 'y')).error().code, ErrorCode::too_many);
    ASSERT_TRUE(send(inputs, std::string(900, 'x'), "user:bob"));
    EXPECT_EQ(send(inputs, std::string(300, 'z'), "user:eve").error().code, ErrorCode::too_many);
}

TEST_F(InputsTest, KnowAfterARestartWhatIsThere) {
    std::string sum;
    {
        Inputs inputs(settings());
        sum = send(inputs, std::string(900, 'x'))->sha256;
        auto half = inputs.begin(kAda);
        ASSERT_TRUE((*half)->add("half"));
    }
    Inputs inputs(settings());
    EXPECT_TRUE(inputs.find(kAda, sum));
    EXPECT_EQ(files(), 1u);
    EXPECT_EQ(send(inputs, std::string(700, 'y')).error().code, ErrorCode::too_many);
}

TEST_F(InputsTest, RemoveWhatNobodyUsesAfterAWhile) {
    Inputs inputs(settings());
    const auto used = send(inputs, "used"), old = send(inputs, "old"), fresh = send(inputs, "fresh");
    age(*used);
    age(*old);
    const auto removed = inputs.tidy({Inputs::key_of(kAda, used->sha256)});
    EXPECT_EQ(removed.value(), 1u);
    EXPECT_TRUE(inputs.find(kAda, used->sha256));
    EXPECT_TRUE(inputs.find(kAda, fresh->sha256));
    EXPECT_EQ(inputs.find(kAda, old->sha256).error().code, ErrorCode::not_found);
}

TEST_F(InputsTest, TakeAFileOfAnEarlierResultBackUnlessItHasChanged) {
    Inputs inputs(settings());
    fs::create_directories(folder_);
    std::ofstream(folder_ / "kept.csv") << "a,b\n";
    const InputFile kept{"kept.csv", 4, sha256_hex("a,b\n")};
    ASSERT_TRUE(inputs.take_back(kAda, folder_ / "kept.csv", kept));
    EXPECT_TRUE(inputs.find(kAda, kept.sha256));
    const InputFile other{"kept.csv", 4, sha256_hex("other")};
    EXPECT_EQ(inputs.take_back(kAda, folder_ / "kept.csv", other).error().code, ErrorCode::corrupt);
    fs::create_symlink(folder_ / "kept.csv", folder_ / "link.csv");
    EXPECT_FALSE(inputs.take_back(kAda, folder_ / "link.csv", other));
}

TEST(InputNames, AreThoseOfOneFileInAFolder) {
    const auto is_name = [](std::string name) { return check_input_names({{std::move(name), 0, ""}}).has_value(); };
    for (const char* const name : {"data.csv", "größe, 100%.csv", "-rf", "a b", "日本.txt"})
        EXPECT_TRUE(is_name(name)) << name;
    for (const char* const name :
         {"", ".", "..", ".hidden", "a/b", "../a", "a\\b", "a\nb", "a\x7F", "\xFF", "a\xC2\x85", "a\xE2\x80\xA8"})
        EXPECT_FALSE(is_name(name)) << name;
    EXPECT_FALSE(is_name(std::string("a\0b", 3)));
    EXPECT_FALSE(is_name(std::string(129, 'a')));
}

TEST(InputNames, AreEachThereOnce) {
    EXPECT_FALSE(check_input_names({{"Data.csv", 0, ""}, {"data.CSV", 0, ""}}));
    EXPECT_EQ(check_input_names(std::vector<InputFile>(kMostInputs + 1)).error().code, ErrorCode::too_large);
}

}  // namespace
}  // namespace labhub::coordinator::jobs
