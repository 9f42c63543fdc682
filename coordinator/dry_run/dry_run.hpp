#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "coordinator/api/dry_run_report.hpp"
#include "coordinator/domain/dry_runs/findings.hpp"
#include "coordinator/dry_run/hub.hpp"
#include "coordinator/dry_run/plan.hpp"
#include "coordinator/dry_run/twin_process.hpp"
#include "coordinator/link/advanced.hpp"
#include "shared/runtime/turn.hpp"

namespace labhub::coordinator::dry_run {

/// One dry run: a script's requests on one side, a hub in miniature with the twin of the device on the other, and the
/// time between them. Each request says what time it is to the script (coordinator/clients/python/labhub_dry_run);
/// the twin lives up to that moment before the request is carried out. Requests are carried out one at a time.
///
/// Thread: the dry runs' own. A twin that ends unexpectedly ends the dry run: it is told as over, and what was seen
/// until then is kept.
class DryRun {
  public:
    struct Shared {
        asio::any_io_executor executor;
        asio::thread_pool& pool;
        notify::Courier& courier;
    };
    /// The most readings a dry run keeps; one that needs more ends there.
    static constexpr std::int64_t kMostReadings = 20'000'000;
    /// The same of commands.
    static constexpr std::int64_t kMostCommands = 200'000;

    DryRun(Shared shared, Plan plan, std::shared_ptr<Progress> progress, TellOver tell_over);
    ~DryRun();

    /// Makes databases, twin and lease; requests wait meanwhile. A failure is told as over.
    static Task<void> begin(std::shared_ptr<DryRun> self);
    static Task<http::Response> handle(std::shared_ptr<DryRun> self, http::Request request);
    /// Nobody asks for what it found.
    static Task<void> abandon(std::shared_ptr<DryRun> self);
    /// The script has ended: the last look, the report and the readings into the job's folder. Once, after no request
    /// comes any more.
    static Task<Result<jobs::DryRunEnd>> finish(std::shared_ptr<DryRun> self, jobs::Ending ending);

  private:
    struct Over {
        std::string reason, message;
    };

    Task<Result<void>> make();
    Task<Result<void>> take_lease();
    rpc::TwinSetup setup() const;
    Task<void> live_to(UtcMillis time);
    Task<Result<void>> renew_lease();
    void take(link::Advanced advanced);
    void take_batch(std::vector<Reading> readings);
    Task<void> store_readings();
    void note_events(const rpc::AdvanceReply& said);
    void end(std::string_view reason, std::string message);
    Task<bool> pass_time(UtcMillis time);
    Task<http::Response> told(http::Request request);
    Task<http::Response> carry_out(http::Request request);
    Task<void> wait_for_sample(http::Request& request);
    void look_at_answer(const http::Request& request, const http::Response& response);
    Task<void> add_alarms();
    void add_end(const jobs::Ending& ending);
    void note_left_on();
    api::DryRunReport report(const jobs::Ending& ending) const;
    Task<Result<void>> write_files(jobs::Ending ending);
    static Task<Turn::Held> last_turn(std::shared_ptr<DryRun> self);
    Task<void> close();
    std::chrono::milliseconds elapsed() const { return clock_.utc_now() - plan_.start; }
    UtcMillis limit() const { return plan_.start + plan_.job.dry_run->limit; }

    Shared shared_;
    Plan plan_;
    std::shared_ptr<Progress> progress_;
    TellOver tell_over_;
    Steady::time_point began_ = Steady::now();
    ManualClock clock_;
    Turn turn_;
    std::unique_ptr<Hub> hub_;
    std::unique_ptr<TwinProcess> twin_;
    dry_runs::Findings findings_;
    std::optional<Over> over_;
    bool is_ready_ = false, is_ending_ = false;
    UtcMillis next_sample_, renewed_;
    int line_ = 0;               ///< of the request that is carried out
    std::int64_t recorded_ = 0;  ///< commands the present request made
    std::vector<store::ReadingBatch> unstored_;
    std::size_t unstored_count_ = 0;
    std::int64_t samples_ = 0, readings_ = 0, commands_ = 0;
    std::vector<rpc::TwinState> states_;
    rpc::TwinAbout about_;
};

}  // namespace labhub::coordinator::dry_run
