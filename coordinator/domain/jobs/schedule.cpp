#include "coordinator/domain/jobs/schedule.hpp"

#include <algorithm>
#include <deque>
#include <tuple>

namespace labhub::coordinator::jobs {
namespace {

/// How often a forecast looks at a waiting job or a reservation, all together: about 20 ms. With a thousand that wait
/// it tells of the next some hundred.
constexpr std::size_t kMostLooks = 20'000;

/// What a user has had so far, as the order of turns sees it.
struct Load {
    Share share;
    std::size_t running = 0;
    double cpu_seconds_running = 0;  ///< what those that run may take at most

    std::pair<double, double> of_weight() const {
        const double weight = std::max(share.weight, 1e-6);
        return {static_cast<double>(running) / weight, share.used_cpu_seconds / weight};
    }
};

std::string in_brackets(const std::string& text) { return text.empty() ? "" : " (" + text + ")"; }

double most_cpu_seconds(double cpus, std::chrono::milliseconds time) {
    return cpus * static_cast<double>(time.count()) / 1000.0;
}

/// The queue by turns: next() gives each job once, the turn of its user moved on by counted().
class Turns {
  public:
    Turns(const Situation& situation, std::map<std::string, Load>& loads) : loads_(loads) {
        for (const auto& job : situation.waiting) queues_[job.user].push_back(&job);
        for (auto& [user, queue] : queues_)
            std::sort(queue.begin(), queue.end(), [](const Waiting* a, const Waiting* b) {
                return std::tuple(-a->priority, a->queued_at, a->id) < std::tuple(-b->priority, b->queued_at, b->id);
            });
    }

    const Waiting* next() {
        std::deque<const Waiting*>* first = nullptr;
        for (auto& [user, queue] : queues_)
            if (!queue.empty() && (!first || key(*queue.front()) < key(*first->front()))) first = &queue;
        if (!first) return nullptr;
        const Waiting* const job = first->front();
        first->pop_front();
        return job;
    }

  private:
    using Key = std::tuple<int, std::pair<double, double>, UtcMillis, JobId>;

    Key key(const Waiting& job) const { return {-job.priority, loads_[job.user].of_weight(), job.queued_at, job.id}; }

    std::map<std::string, Load>& loads_;
    std::map<std::string, std::deque<const Waiting*>> queues_;
};

/// One making of a schedule: what is taken grows as jobs are started.
class Pass {
  public:
    explicit Pass(const Situation& situation) : situation_(situation) {
        for (const auto& [user, share] : situation.shares) loads_[user].share = share;
        for (const auto& entry : situation.reserved) reserved_[entry.device].push_back(&entry);
        for (const auto& job : situation.running)
            take(job.user, job.device, job.cpus, job.memory_bytes, job.ends_by - situation.now);
    }

    Schedule run() {
        Schedule schedule;
        Turns turns(situation_, loads_);
        while (const Waiting* const job = turns.next()) {
            in_the_way_ = nullptr;
            const std::string why = start(*job, schedule);
            if (why.empty()) continue;
            Place& place = schedule.waits[job->id];
            place.why = why;
            if (in_the_way_) place.reservation = in_the_way_->id;
        }
        number(schedule);
        return schedule;
    }

  private:
    /// Empty when the job was started, else why not.
    std::string start(const Waiting& job, Schedule& schedule) {
        const std::string personal = held_up(job);
        if (!personal.empty()) return personal;
        if (!situation_.capacity.paused.empty()) return "nothing is started now: " + situation_.capacity.paused;
        if (const std::string over = over_quota(job); !over.empty()) return over;
        DeviceAddress device;
        if (const std::string busy = choose_device(job, device); !busy.empty()) return busy;
        if (!blocked_by_.empty()) return "waits behind " + blocked_by_ + ", which waits for " + blocked_for_;
        if (const std::string lacking = lacking_for(job); !lacking.empty()) {
            blocked_by_ = job.id.value;
            blocked_for_ = lacking;
            return "waits for " + lacking;
        }
        take(job.user, device, job.cpus, job.memory_bytes, job.time_limit);
        schedule.starts.push_back({job.id, device});
        return {};
    }

    std::string held_up(const Waiting& job) const {
        if (job.is_held) return "held until it is released";
        if (job.not_before > situation_.now) return "is to run at " + to_rfc3339(job.not_before);
        return {};
    }

    std::string over_quota(const Waiting& job) const {
        const auto found = loads_.find(job.user);
        if (found == loads_.end()) return {};
        const Load& load = found->second;
        if (!load.share.barred.empty()) return load.share.barred;
        if (load.share.max_running && load.running >= *load.share.max_running)
            return job.user + " has " + std::to_string(load.running) + " of " +
                   std::to_string(*load.share.max_running) + " jobs running" + in_brackets(load.share.max_running_by);
        if (load.share.cpu_hours_left && *load.share.cpu_hours_left * 3600 <= load.cpu_seconds_running)
            return "the processor hours of " + job.user + " are used up, or bespoken by jobs that run" +
                   in_brackets(load.share.cpu_quota);
        return {};
    }

    /// Empty when one was chosen. A thousand jobs may want any of a thousand devices: what is lent is passed over once
    /// for all of them, as nothing comes back within a pass.
    std::string choose_device(const Waiting& job, DeviceAddress& chosen) {
        if (!job.needs_device) return {};
        const auto& devices = job.choice->devices;
        std::size_t& first = first_free_[job.choice.get()];
        while (first < devices.size() && is_lent(devices[first])) ++first;
        for (std::size_t i = first; i < devices.size(); ++i) {
            if (is_lent(devices[i]) || reservation_before(job, devices[i])) continue;
            chosen = devices[i];
            return {};
        }
        if (devices.empty()) return "no device there is has what it needs: " + job.choice->why_none;
        const std::string busy = busy_for(job, devices.back());
        return devices.size() == 1 ? busy : "none of " + std::to_string(devices.size()) + " devices is free; " + busy;
    }

    bool is_lent(const DeviceAddress& device) const {
        return taken_.contains(device) || situation_.unavailable.contains(device);
    }

    /// Somebody else's, that begins before the job's time limit would be over.
    const Reserved* reservation_before(const Waiting& job, const DeviceAddress& device) const {
        const UtcMillis end = situation_.now + job.time_limit;
        const auto found = reserved_.find(device);
        if (found == reserved_.end()) return nullptr;
        for (const Reserved* const entry : found->second)
            if (entry->user != job.user && entry->from < end && situation_.now < entry->to) return entry;
        return nullptr;
    }

    std::string busy_for(const Waiting& job, const DeviceAddress& device) {
        const std::string name = device.to_string();
        if (taken_.contains(device)) return name + " is held by another job";
        if (const auto found = situation_.unavailable.find(device); found != situation_.unavailable.end())
            return name + ": " + found->second.reason;
        in_the_way_ = reservation_before(job, device);
        if (!in_the_way_) return {};
        return name + " is reserved for " + in_the_way_->user + " from " + to_rfc3339(in_the_way_->from) + " to " +
               to_rfc3339(in_the_way_->to);
    }

    std::string lacking_for(const Waiting& job) const {
        const Capacity& all = situation_.capacity;
        if (jobs_ >= all.jobs)
            return "one of the " + std::to_string(all.jobs) + " jobs that may run at one time to end";
        if (cpus_ + job.cpus > all.cpus + 1e-9) return "processors";
        if (memory_ + job.memory_bytes > all.memory_bytes) return "memory";
        return {};
    }

    void take(const std::string& user, const DeviceAddress& device, double cpus, std::int64_t memory,
              std::chrono::milliseconds time) {
        if (!device.node.empty()) taken_[device] = true;
        ++jobs_;
        cpus_ += cpus;
        memory_ += memory;
        Load& load = loads_[user];
        ++load.running;
        load.cpu_seconds_running += most_cpu_seconds(cpus, std::max(time, std::chrono::milliseconds{0}));
    }

    /// The order in which those that wait would come if nothing were in their way.
    void number(Schedule& schedule) {
        std::size_t position = 0;
        Turns turns(situation_, loads_);
        while (const Waiting* const job = turns.next()) {
            const auto found = schedule.waits.find(job->id);
            if (found == schedule.waits.end()) continue;
            found->second.position = ++position;
            ++loads_[job->user].running;
        }
    }

    const Situation& situation_;
    std::map<std::string, Load> loads_;
    std::map<DeviceAddress, bool> taken_;
    std::map<DeviceAddress, std::vector<const Reserved*>> reserved_;
    const Reserved* in_the_way_ = nullptr;                   ///< of the job that is looked at
    std::map<const DeviceChoice*, std::size_t> first_free_;  ///< the devices before it are lent
    std::size_t jobs_ = 0;
    double cpus_ = 0;
    std::int64_t memory_ = 0;
    std::string blocked_by_, blocked_for_;
};

/// The next moment after now at which something may start that couldn't.
std::optional<UtcMillis> next_change(const Situation& situation) {
    std::optional<UtcMillis> next;
    const auto consider = [&](UtcMillis time) {
        if (time > situation.now && (!next || time < *next)) next = time;
    };
    for (const auto& job : situation.running) consider(job.ends_by);
    for (const auto& job : situation.waiting) consider(job.not_before);
    for (const auto& [device, state] : situation.unavailable)
        if (state.until) consider(*state.until);
    for (const auto& entry : situation.reserved) consider(entry.to);
    return next;
}

/// What the job takes of its user's quota up to `time`, if it takes all it may.
void use_up(Situation& situation, const Running& job, UtcMillis time) {
    const auto found = situation.shares.find(job.user);
    if (found == situation.shares.end() || !found->second.cpu_hours_left) return;
    const auto runs = std::min(time, job.ends_by) - situation.now;
    *found->second.cpu_hours_left -= most_cpu_seconds(job.cpus, std::max(runs, std::chrono::milliseconds{0})) / 3600;
}

/// Lets the time pass to `time`.
void advance(Situation& situation, UtcMillis time) {
    for (const auto& job : situation.running) use_up(situation, job, time);
    situation.now = time;
    std::erase_if(situation.running, [&](const Running& job) { return job.ends_by <= time; });
    std::erase_if(situation.unavailable,
                  [&](const auto& each) { return each.second.until && *each.second.until <= time; });
    std::erase_if(situation.reserved, [&](const Reserved& entry) { return entry.to <= time; });
}

}  // namespace

Schedule make_schedule(const Situation& situation) { return Pass(situation).run(); }

std::map<JobId, UtcMillis> forecast(Situation situation, std::chrono::hours horizon) {
    std::map<JobId, UtcMillis> starts;
    if (!situation.capacity.paused.empty()) return starts;
    const UtcMillis last = situation.now + horizon;
    std::erase_if(situation.waiting, [](const Waiting& job) { return job.is_held; });
    advance(situation, situation.now);
    for (std::size_t looks = 0; looks < kMostLooks && !situation.waiting.empty();
         looks += situation.waiting.size() + situation.reserved.size()) {
        std::map<JobId, DeviceAddress> started;
        for (auto& [job, device] : make_schedule(situation).starts) started.emplace(job, device);
        for (const auto& job : situation.waiting) {
            const auto found = started.find(job.id);
            if (found == started.end()) continue;
            starts.emplace(job.id, situation.now);
            const UtcMillis ends_by = situation.now + std::max(job.time_limit, std::chrono::milliseconds{1});
            situation.running.push_back({job.user, found->second, job.cpus, job.memory_bytes, ends_by});
        }
        std::erase_if(situation.waiting, [&](const Waiting& job) { return started.contains(job.id); });
        const auto next = next_change(situation);
        if (!next || *next > last) break;
        advance(situation, *next);
    }
    return starts;
}

}  // namespace labhub::coordinator::jobs
