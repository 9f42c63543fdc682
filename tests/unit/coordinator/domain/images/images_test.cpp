#include "coordinator/domain/images/images.hpp"

#include <cstdlib>
#include <filesystem>

#include <gtest/gtest.h>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>

#include "coordinator/images/image_folder.hpp"
#include "coordinator/store/migrations/migrations.hpp"
#include "shared/base/random.hpp"

namespace labhub::coordinator::images {
namespace {

namespace fs = std::filesystem;

fs::path program() {
    const char* const bin = std::getenv("LABHUB_BIN");
    if (bin) return fs::path(bin) / "labhub-image";
    return fs::read_symlink("/proc/self/exe").parent_path().parent_path() / "bin/labhub-image";
}

/// Images in a folder of the test's own, with a real database, and labhub-image beside it.
class ImageRules : public ::testing::Test {
  protected:
    void SetUp() override {
        fs::create_directories(folder_);
        auto database = sqlite::Database::open(folder_ / "labhub.db");
        ASSERT_TRUE(sqlite::migrate(*database, store::main_migrations::migrations()));
        writer_ = std::move(*sqlite::Writer::start(std::move(*database)));
        store_ = std::make_unique<store::ImageStore>(*writer_);
    }
    void TearDown() override {
        close();
        pool_.join();
        store_.reset();
        writer_->stop();
        fs::remove_all(folder_);
    }

    void open(std::string default_image = "host") {
        ImageSettings settings;
        settings.folder = folder_ / "images";
        settings.program = program();
        settings.declarations = folder_ / "declared";
        settings.default_image = std::move(default_image);
        settings.grace = std::chrono::minutes{10};
        images_ = std::make_unique<Images>(context_.get_executor(), settings, Images::Parts{*store_, clock_, pool_});
        images_->users = [this](const std::string& digest) {
            return digest == used_ ? std::vector<std::string>{"job-1"} : std::vector<std::string>{};
        };
        const auto started = run(images_->start());
        ASSERT_TRUE(started);
    }
    void close() {
        if (!images_) return;
        run(images_->stop());
        images_.reset();
    }

    template <class T>
    T run(Task<T> task) {
        std::optional<T> result;
        const auto wait = [](Task<T> inner, std::optional<T>& into) -> Task<void> {
            T value = co_await std::move(inner);
            into.emplace(std::move(value));
        };
        asio::co_spawn(context_, wait(std::move(task), result), asio::detached);
        await([&] { return result.has_value(); });
        return std::move(*result);
    }
    void run(Task<void> task) {
        bool done = false;
        const auto wait = [](Task<void> inner, bool& into) -> Task<void> {
            co_await std::move(inner);
            into = true;
        };
        asio::co_spawn(context_, wait(std::move(task), done), asio::detached);
        await([&] { return done; });
    }
    void await(const std::function<bool()>& happened) {
        const auto deadline = Steady::now() + std::chrono::seconds{60};
        while (!happened() && Steady::now() < deadline) {
            context_.restart();
            context_.run_one_for(std::chrono::milliseconds{20});
        }
        ASSERT_TRUE(happened());
    }

    /// A build of that name, as labhub-image leaves it.
    std::string made(const std::string& name, const std::string& contents, UtcMillis taken = UtcMillis{1'000}) {
        const fs::path images = folder_ / "images";
        const auto work = new_work_folder(images);
        fs::create_directories(*work / "root/usr/bin");
        EXPECT_TRUE(write_file(*work / "root/usr/bin/python3", contents, 0555));
        Manifest manifest;
        manifest.name = name;
        manifest.python = "/usr/bin/python3";
        manifest.modules = {"numpy", "os"};
        manifest = *adopt(images, *work, std::move(manifest));
        StoredImage stored{manifest.digest, name, *manifest_sum(images, manifest.digest), "user:admin", taken};
        EXPECT_TRUE(run(store_->put(std::move(stored))));
        return manifest.digest;
    }
    bool is_there(const std::string& digest) const { return fs::exists(image_folder(folder_ / "images", digest)); }

    const fs::path folder_ = fs::path(testing::TempDir()) / ("labhub-image-rules-" + random_hex(6));
    asio::io_context context_;
    asio::thread_pool pool_{1};
    SystemClock clock_;
    std::unique_ptr<sqlite::Writer> writer_;
    std::unique_ptr<store::ImageStore> store_;
    std::unique_ptr<Images> images_;
    std::string used_ = "nothing";
};

TEST_F(ImageRules, TheHostIsAlwaysThereAndKnowsItsModules) {
    open();
    const auto chosen = images_->choose(std::nullopt, kAdminRole);
    ASSERT_TRUE(chosen);
    EXPECT_EQ(chosen->name, "host");
    EXPECT_EQ(chosen->digest, "");
    EXPECT_EQ(images_->root_of(""), fs::path{});
    await([&] { return (*images_->find("host"))->modules != nullptr; });
    const auto& modules = *(*images_->find("host"))->modules;
    EXPECT_TRUE(std::binary_search(modules.begin(), modules.end(), "json"));
    EXPECT_EQ(run(images_->remove("host")).error().code, ErrorCode::conflict);
    // The next start knows them at once.
    close();
    open();
    run(images_->reconcile());
    ASSERT_TRUE((*images_->find("host"))->modules);
    EXPECT_FALSE(run(images_->refresh_host()));
}

TEST_F(ImageRules, ANameStandsForItsNewestBuild) {
    const std::string old = made("python", "1", UtcMillis{1'000}), newest = made("python", "2", UtcMillis{2'000});
    open("python");
    EXPECT_EQ(images_->choose(std::nullopt, kAdminRole)->digest, newest);
    EXPECT_EQ(images_->list().size(), 3u);
    EXPECT_EQ(images_->choose("gone", kAdminRole).error().code, ErrorCode::not_found);
    used_ = old;
    run(images_->reconcile());
    EXPECT_TRUE(is_there(old));
    used_.clear();
    run(images_->reconcile());
    EXPECT_FALSE(is_there(old));
    EXPECT_TRUE(is_there(newest));
    EXPECT_EQ(run(store_->load())->size(), 1u);
}

TEST_F(ImageRules, GivesANewBuildsPredecessorItsGrace) {
    const std::string old = made("python", "1", UtcMillis{1'000}), newest = made("python", "2", clock_.utc_now());
    open();
    run(images_->reconcile());
    EXPECT_TRUE(is_there(old));
}

TEST_F(ImageRules, KeepsRolesOverARestart) {
    made("python", "1");
    open();
    EXPECT_TRUE(run(images_->set_roles("python", {"staff"})));
    EXPECT_EQ(run(images_->set_roles("python", {"no role"})).error().code, ErrorCode::malformed);
    close();
    open();
    const auto refused = images_->choose("python", kAdminRole);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, ErrorCode::forbidden);
    EXPECT_NE(refused.error().detail.find("staff"), std::string::npos);
    EXPECT_TRUE(images_->choose("python", "staff"));
    EXPECT_TRUE(run(images_->set_roles("python", {})));
    EXPECT_TRUE(images_->choose("python", kAdminRole));
}

TEST_F(ImageRules, RefusesADamagedImageAndSaysWhatDiffers) {
    const std::string digest = made("python", "1");
    open();
    EXPECT_TRUE(run(images_->verify("python")));
    ASSERT_TRUE(write_file(images_->root_of(digest) / "usr/bin/python3", "2", 0555));
    const auto checked = run(images_->check_before_use(digest));
    ASSERT_FALSE(checked);
    EXPECT_EQ(checked.error().code, ErrorCode::corrupt);
    EXPECT_NE(checked.error().message.find("usr/bin/python3 has other contents"), std::string::npos);
    EXPECT_EQ(images_->choose("python", kAdminRole).error().code, ErrorCode::corrupt);
    ASSERT_TRUE(write_file(images_->root_of(digest) / "usr/bin/python3", "1", 0555));
    EXPECT_TRUE(run(images_->verify("python")));
    EXPECT_TRUE(images_->choose("python", kAdminRole));
}

TEST_F(ImageRules, FindsDamageAfterARestart) {
    const std::string digest = made("python", "1");
    ASSERT_TRUE(write_file(image_root(folder_ / "images", digest) / "usr/bin/python3", "2", 0555));
    open();
    await([&] { return !images_->choose("python", kAdminRole); });
    EXPECT_EQ(images_->choose("python", kAdminRole).error().code, ErrorCode::corrupt);
}

TEST_F(ImageRules, RemovesNoImageThatAnExperimentNeeds) {
    const std::string digest = made("python", "1");
    open();
    used_ = digest;
    const auto refused = run(images_->remove("python"));
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, ErrorCode::conflict);
    EXPECT_NE(refused.error().detail.find("job-1"), std::string::npos);
    used_.clear();
    EXPECT_TRUE(run(images_->remove("python")));
    EXPECT_FALSE(is_there(digest));
    EXPECT_EQ(run(images_->check_before_use(digest)).error().code, ErrorCode::not_found);
    EXPECT_EQ(run(images_->remove("python")).error().code, ErrorCode::not_found);
}

TEST_F(ImageRules, SaysWhyNothingCanBeMade) {
    open();
    EXPECT_EQ(images_->build("none", "user:admin").error().code, ErrorCode::not_found);
    EXPECT_EQ(images_->build("../x", "user:admin").error().code, ErrorCode::malformed);
    EXPECT_EQ(images_->import("host", "/x", "user:admin").error().code, ErrorCode::conflict);
    EXPECT_EQ(images_->import("mine", "x", "user:admin").error().code, ErrorCode::malformed);
    EXPECT_EQ(images_->cancel("mine").error().code, ErrorCode::conflict);
}

TEST_F(ImageRules, TellsHowAnImportFailed) {
    open();
    ASSERT_TRUE(images_->import("mine", folder_ / "labhub.db", "user:admin"));
    EXPECT_EQ(images_->import("other", folder_ / "x", "user:admin").error().code, ErrorCode::conflict);
    await([&] { return images_->work()->state != "running"; });
    EXPECT_EQ(images_->work()->state, "failed");
    ASSERT_TRUE(images_->work()->error);
    EXPECT_FALSE(fs::exists(folder_ / "images/new"));
}

}  // namespace
}  // namespace labhub::coordinator::images
