#pragma once

#include <deque>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <boost/asio/thread_pool.hpp>

#include "coordinator/domain/images/image.hpp"
#include "coordinator/domain/images/image_program.hpp"
#include "coordinator/store/image_store.hpp"
#include "shared/runtime/task_group.hpp"

namespace labhub::coordinator::images {

struct ImageSettings {
    std::filesystem::path folder;        ///< <data>/images
    std::filesystem::path program;       ///< labhub-image
    std::filesystem::path declarations;  ///< a folder for each, with image.toml
    std::filesystem::path python;        ///< our packages, which every script can import
    std::string default_image{kHostImage};
    /// A build that its name stands for no more, and no experiment names, goes after so long.
    std::chrono::milliseconds grace{std::chrono::minutes{10}};
};

/// The one thing that is being made, or the last that was.
struct Work {
    std::string kind;  ///< build or import
    std::string name;
    std::string made_by;
    std::string state;  ///< running, done, failed or cancelled
    UtcMillis started;
    std::optional<UtcMillis> ended;
    std::deque<std::string> lines;  ///< what was said last
    std::string digest;
    std::optional<Error> error;
};

/// Images: which there are, who may use them, that they are sound, and how new ones are made. Lives on the main thread;
/// what reads files does so on the pool, what builds is a process of its own (labhub-image), one at a time.
///
/// Images are told apart by digest; a name stands for the newest build under it, and a job keeps the build it was
/// given. A build that fails its check before a use is marked damaged, and no experiment gets it any more.
class Images {
  public:
    struct Parts {
        store::ImageStore& store;
        const Clock& clock;
        asio::thread_pool& pool;
    };
    Images(asio::any_io_executor executor, ImageSettings settings, Parts parts);

    /// Loads what is stored. What takes longer (the host's modules, reading every image once) goes on beside.
    Task<Result<void>> start();
    Task<void> stop();

    /// The host first, then by name, the newest build first.
    std::vector<const Image*> list() const;
    /// What the name stands for. Error not_found, with the names there are.
    Result<const Image*> find(const std::string& name) const;
    /// Empty: everybody.
    std::vector<std::string> roles_of(const std::string& name) const;
    const std::string& default_image() const { return settings_.default_image; }

    /// The image for an experiment of someone with that role; without a name the default one. Errors not_found,
    /// forbidden, corrupt.
    Result<ChosenImage> choose(const std::optional<std::string>& name, std::string_view role) const;
    /// Where its files are; empty for the host.
    std::filesystem::path root_of(const std::string& digest) const;
    const std::filesystem::path& program() const { return settings_.program; }

    /// The quick check, before a job gets it. Error corrupt, saying what differs, or not_found.
    Task<Result<void>> check_before_use(std::string digest);
    /// Reads every byte of what the name stands for. The same errors.
    Task<Result<void>> verify(std::string name);
    /// Looks again at what the host has, if it changed since. True: it did.
    Task<bool> refresh_host();

    /// Begins; work() tells how it goes. Errors conflict (something is being made), not_found (no declaration).
    Result<void> build(const std::string& name, const std::string& who);
    Result<void> import(const std::string& name, const std::filesystem::path& from, const std::string& who);
    /// Error conflict: nothing of that name is being made.
    Result<void> cancel(const std::string& name);
    const Work* work() const { return work_ ? &*work_ : nullptr; }

    /// Removes every build of the name. Errors not_found, conflict: experiments that have not ended name it.
    Task<Result<void>> remove(std::string name);
    /// No roles: for everybody. Errors not_found, malformed.
    Task<Result<void>> set_roles(std::string name, std::vector<std::string> roles);
    /// Removes builds that nothing needs. Idempotent; for the reconcilers.
    Task<void> reconcile();

    /// The experiments that have not ended and have that build.
    std::function<std::vector<std::string>(const std::string& digest)> users;
    /// The default image's name stands for another build now.
    std::function<void()> on_default_changed;

  private:
    using Key = std::pair<std::string, std::string>;  ///< digest, name
    void add(StoredImage stored);
    void decide_current();
    Image* by_digest(const std::string& digest);
    Task<void> look_at_host();
    bool recall_host(const std::string& mark);
    void learn_host(const std::string& mark, const boost::json::object& answer);
    Task<void> check_all();
    std::string host_mark() const;
    std::vector<std::string> with_ours(std::vector<std::string> modules) const;
    Result<void> begin(Work work, std::vector<std::string> arguments);
    Task<void> follow(std::shared_ptr<ImageProgram> program);
    Task<Result<void>> take(std::string digest);
    Task<Result<void>> drop(Key key);
    void note_damage(const std::string& digest, const Error& error);
    void tell_if_default(const std::string& name);

    asio::any_io_executor executor_;
    ImageSettings settings_;
    Parts parts_;
    Image host_;
    std::map<Key, Image> images_;
    std::map<std::string, std::vector<std::string>> roles_;
    std::string host_mark_;
    std::optional<Work> work_;
    std::weak_ptr<ImageProgram> running_;
    bool is_cancelled_ = false;
    TaskGroup tasks_;
};

}  // namespace labhub::coordinator::images
