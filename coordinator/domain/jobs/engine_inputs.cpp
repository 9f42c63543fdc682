// How a job comes to its input files: from where they were sent to, into its folder.
#include "coordinator/domain/jobs/engine.hpp"
#include "shared/runtime/blocking.hpp"

namespace labhub::coordinator::jobs {
namespace {

/// Those of an earlier experiment may be in its result alone by now.
Result<std::vector<InputFile>> look_for(Inputs& inputs, const std::string& owner, std::vector<InputFile> wanted,
                                        const std::filesystem::path& earlier) {
    for (const auto& input : wanted)
        if (!earlier.empty() && !inputs.find(owner, input.sha256))
            (void)inputs.take_back(owner, earlier / input.name, input);
    return inputs.find_all(owner, std::move(wanted));
}

}  // namespace

Task<Result<std::vector<InputFile>>> Engine::find_inputs(Job job) {
    if (job.inputs.empty()) co_return std::vector<InputFile>{};
    std::filesystem::path earlier;
    if (!job.restarted_from.empty()) earlier = parts_.results.inputs_of(job.restarted_from);
    auto look = [&inputs = parts_.inputs, owner = job.requested_by, wanted = std::move(job.inputs), earlier] {
        return look_for(inputs, owner, wanted, earlier);
    };
    co_return co_await run_blocking(parts_.pool, std::move(look));
}

Task<Result<void>> Engine::place_inputs(Job job) {
    if (job.inputs.empty()) co_return Result<void>{};
    auto place = [&inputs = parts_.inputs, owner = job.requested_by, wanted = std::move(job.inputs),
                  folder = parts_.results.folder_of(job.id),
                  target = parts_.results.inputs_of(job.id)]() -> Result<void> {
        LABHUB_CHECK(make_folder(folder));
        return inputs.place(owner, wanted, target);
    };
    co_return co_await run_blocking(parts_.pool, std::move(place));
}

std::set<std::string> Engine::inputs_in_use() const {
    std::set<std::string> used;
    for (const auto& [id, entry] : jobs_)
        if (!is_final(entry.job.status))
            for (const auto& input : entry.job.inputs)
                used.insert(Inputs::key_of(entry.job.requested_by, input.sha256));
    return used;
}

}  // namespace labhub::coordinator::jobs
