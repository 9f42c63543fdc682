#include "coordinator/runner/snapshot.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include <boost/asio/post.hpp>

#include "shared/base/files.hpp"

namespace labhub::coordinator::runner {

Snapshot::Snapshot(asio::any_io_executor executor, JobFolders folders)
    : executor_(std::move(executor)), folders_(std::move(folders)) {}

void Snapshot::take(std::filesystem::path output, OutputBounds bounds, Done done) {
    done_ = std::move(done);
    if (thread_.joinable()) return;
    bounds.is_durable = false;
    bounds.stop = &stopping_;
    stopping_ = false;
    is_current_ = std::make_shared<bool>(true);
    thread_ = std::thread([this, output = std::move(output), bounds, current = is_current_] {
        auto taken = copy(output, bounds);
        asio::post(executor_, [this, current, taken = std::move(taken)]() mutable {
            if (*current) finished(std::move(taken));
        });
    });
}

void Snapshot::stop() {
    stopping_ = true;
    if (is_current_) *is_current_ = false;
    if (thread_.joinable()) thread_.join();
}

void Snapshot::finished(SnapshotTaken taken) {
    thread_.join();
    done_(std::move(taken));
}

SnapshotTaken Snapshot::copy(const std::filesystem::path& output, const OutputBounds& bounds) const {
    const ActingAs owner{folders_.owner};
    SnapshotTaken taken;
    taken.time = SystemClock{}.utc_now();
    const auto folder = partial_folder(folders_.job);
    const auto made = make_folder(folder);
    if (made && ::geteuid() == 0) (void)!::lchown(folder.c_str(), bounds.owner, bounds.group);
    auto brought = made ? bring_out(output, folder / "output", bounds) : Result<BroughtOut>(made.error());
    if (!brought) {
        taken.failure = brought.error().to_string();
        return taken;
    }
    taken.bytes = brought->bytes;
    taken.files = brought->files;
    taken.notes = std::move(brought->notes);
    return taken;
}

}  // namespace labhub::coordinator::runner
