#include "coordinator/domain/jobs/schedule.hpp"

#include <algorithm>
#include <random>
#include <set>

#include <gtest/gtest.h>

namespace labhub::coordinator::jobs {
namespace {

using std::chrono::hours;
using std::chrono::minutes;

constexpr UtcMillis kNow{1'700'000'000'000};

DeviceAddress device(int number) { return {NodeId{"n" + std::to_string(number)}, "vessel"}; }

Waiting job(const std::string& id, const std::string& user, std::vector<DeviceAddress> devices, int age_s = 0) {
    Waiting made;
    made.id = JobId{id};
    made.user = user;
    made.queued_at = kNow - std::chrono::seconds{age_s};
    made.choice = std::make_shared<const DeviceChoice>(DeviceChoice{std::move(devices), "no device has metric 'ph'"});
    made.memory_bytes = 1;
    made.time_limit = hours{1};
    return made;
}

Situation roomy() {
    Situation situation;
    situation.now = kNow;
    situation.capacity = {100, 100, 1'000'000, ""};
    return situation;
}

std::vector<std::string> started(const Situation& situation) {
    std::vector<std::string> ids;
    for (const auto& start : make_schedule(situation).starts) ids.push_back(start.job.value);
    return ids;
}

std::string why(const Situation& situation, const std::string& id) {
    return make_schedule(situation).waits.at(JobId{id}).why;
}

using Ids = std::vector<std::string>;

TEST(Schedule, ADryRunWaitsForASlotAndForNoDevice) {
    Situation situation = roomy();
    situation.running.push_back({"ada", device(1), 1, 1, kNow + hours{1}});
    Waiting dry = job("dry", "ada", {});
    dry.needs_device = false;
    Waiting another = job("another", "bob", {});
    another.needs_device = false;
    situation.waiting = {dry, another, job("real", "bob", {device(1)})};
    EXPECT_EQ(started(situation), (Ids{"another", "dry"}));
    situation.capacity.jobs = 1;
    EXPECT_EQ(started(situation), Ids{});
}

TEST(Schedule, StartsTheOneThatHasWaitedLongestForADevice) {
    Situation situation = roomy();
    situation.waiting = {job("young", "ada", {device(1)}, 1), job("old", "ada", {device(1)}, 9)};
    EXPECT_EQ(started(situation), Ids{"old"});
    EXPECT_EQ(why(situation, "young"), "n1/vessel is held by another job");
}

TEST(Schedule, HigherPriorityGoesFirstWhoeversItIs) {
    Situation situation = roomy();
    situation.waiting = {job("old", "ada", {device(1)}, 9), job("urgent", "bob", {device(1)}, 1)};
    situation.waiting[1].priority = 5;
    EXPECT_EQ(started(situation), Ids{"urgent"});
}

TEST(Schedule, AmongEqualsTheUserWithLeastRunningGoesFirst) {
    Situation situation = roomy();
    situation.running = {{"ada", device(9), 1, 1, kNow + hours{1}}};
    situation.waiting = {job("adas", "ada", {device(1)}, 9), job("bobs", "bob", {device(1)}, 1)};
    EXPECT_EQ(started(situation), Ids{"bobs"});
}

TEST(Schedule, ThenTheOneWhoHasUsedLeastOfLate) {
    Situation situation = roomy();
    situation.shares["ada"].used_cpu_seconds = 3'600;
    situation.waiting = {job("adas", "ada", {device(1)}, 9), job("bobs", "bob", {device(1)}, 1)};
    EXPECT_EQ(started(situation), Ids{"bobs"});
}

TEST(Schedule, BurstOfOneUserDoesNotHoldUpAnother) {
    Situation situation = roomy();
    situation.capacity.jobs = 2;
    for (int number = 0; number < 50; ++number)
        situation.waiting.push_back(job("a" + std::to_string(number), "ada", {device(number)}, 99 - number));
    situation.waiting.push_back(job("bobs", "bob", {device(77)}));
    EXPECT_EQ(started(situation), (Ids{"a0", "bobs"}));
    EXPECT_EQ(make_schedule(situation).waits.at(JobId{"a1"}).position, 1u);
}

TEST(Schedule, JobWhoseDeviceIsTakenLetsOthersPass) {
    Situation situation = roomy();
    situation.unavailable[device(1)] = {"leased to user:eve", std::nullopt};
    situation.waiting = {job("first", "ada", {device(1)}, 9), job("second", "ada", {device(2)}, 1)};
    EXPECT_EQ(started(situation), Ids{"second"});
    EXPECT_EQ(why(situation, "first"), "n1/vessel: leased to user:eve");
}

TEST(Schedule, LargeJobIsNotPassedForEverBySmallOnes) {
    Situation situation = roomy();
    situation.capacity.cpus = 4;
    situation.running = {{"ada", device(9), 2, 1, kNow + hours{1}}};
    situation.waiting = {job("large", "bob", {device(1)}, 9), job("small", "bob", {device(2)}, 1)};
    situation.waiting[0].cpus = 4;
    EXPECT_EQ(started(situation), Ids{});
    EXPECT_EQ(why(situation, "large"), "waits for processors");
    EXPECT_EQ(why(situation, "small"), "waits behind large, which waits for processors");
}

TEST(Schedule, TakesTheFirstFreeOfItsDevices) {
    Situation situation = roomy();
    situation.running = {{"ada", device(1), 1, 1, kNow + hours{1}}};
    situation.waiting = {job("any", "bob", {device(1), device(2), device(3)})};
    const Schedule schedule = make_schedule(situation);
    ASSERT_EQ(schedule.starts.size(), 1u);
    EXPECT_EQ(schedule.starts[0].device, device(2));
}

TEST(Schedule, ManyThatWantAnyOfTheSameGetOneEach) {
    Situation situation = roomy();
    situation.waiting = {job("a", "ada", {device(1), device(2), device(3)}, 9), job("b", "ada", {}, 8),
                         job("c", "ada", {}, 7), job("d", "ada", {}, 6)};
    for (auto& each : situation.waiting) each.choice = situation.waiting.front().choice;
    const Schedule schedule = make_schedule(situation);
    ASSERT_EQ(schedule.starts.size(), 3u);
    for (int number = 1; number <= 3; ++number)
        EXPECT_EQ(schedule.starts[static_cast<std::size_t>(number - 1)].device, device(number));
    EXPECT_EQ(why(situation, "d"), "none of 3 devices is free; n3/vessel is held by another job");
}

TEST(Schedule, DeviceReservedForOneIsFreeForItsOwnerBehindHim) {
    Situation situation = roomy();
    situation.reserved = {{device(1), "bob", kNow - hours{1}, kNow + hours{1}}};
    situation.waiting = {job("adas", "ada", {device(1), device(2)}, 9), job("bobs", "bob", {}, 1)};
    situation.waiting[1].choice = situation.waiting[0].choice;
    const Schedule schedule = make_schedule(situation);
    ASSERT_EQ(schedule.starts.size(), 2u);
    EXPECT_EQ(schedule.starts[0].device, device(2));
    EXPECT_EQ(schedule.starts[1].device, device(1));
}

TEST(Schedule, NamesTheReservationThatIsInTheWay) {
    Situation situation = roomy();
    situation.reserved = {{device(1), "bob", kNow + minutes{30}, kNow + hours{2}, "r1"}};
    situation.waiting = {job("adas", "ada", {device(1)}), job("picky", "ada", {})};
    const Schedule schedule = make_schedule(situation);
    EXPECT_EQ(schedule.waits.at(JobId{"adas"}).reservation, "r1");
    EXPECT_EQ(schedule.waits.at(JobId{"picky"}).reservation, "");
    EXPECT_EQ(forecast(situation).at(JobId{"adas"}), kNow + hours{2});
}

TEST(Schedule, SaysWhatNoDeviceHas) {
    Situation situation = roomy();
    situation.waiting = {job("picky", "ada", {})};
    EXPECT_EQ(why(situation, "picky"), "no device there is has what it needs: no device has metric 'ph'");
}

TEST(Schedule, NothingHeldNotDueOrOverItsQuotaStarts) {
    Situation situation = roomy();
    situation.running = {{"cy", device(9), 1, 1, kNow + hours{1}}};
    situation.shares["cy"].max_running = 1;
    situation.shares["di"].cpu_hours_left = 0;
    situation.waiting = {job("held", "ada", {device(1)}), job("later", "bob", {device(2)}),
                         job("quota", "cy", {device(3)}), job("hours", "di", {device(4)})};
    situation.waiting[0].is_held = true;
    situation.waiting[1].not_before = kNow + minutes{1};
    EXPECT_EQ(started(situation), Ids{});
    EXPECT_EQ(why(situation, "held"), "held until it is released");
    EXPECT_EQ(why(situation, "later"), "is to run at 2023-11-14T22:14:20.000Z");
    EXPECT_EQ(why(situation, "quota"), "cy has 1 of 1 jobs running");
    EXPECT_EQ(why(situation, "hours"), "the processor hours of di are used up, or bespoken by jobs that run");
}

TEST(Schedule, MaintenanceStartsNothingAndSaysWhy) {
    Situation situation = roomy();
    situation.capacity.paused = "new tubing until noon";
    situation.waiting = {job("a", "ada", {device(1)})};
    EXPECT_EQ(why(situation, "a"), "nothing is started now: new tubing until noon");
}

TEST(Schedule, JobThatWouldRunIntoAnothersReservationWaits) {
    Situation situation = roomy();
    situation.reserved = {{device(1), "ada", kNow + minutes{30}, kNow + hours{3}}};
    situation.waiting = {job("adas", "ada", {device(1)}, 1)};
    EXPECT_EQ(started(situation), Ids{"adas"});
    situation.waiting = {job("bobs", "bob", {device(1)}, 1)};
    EXPECT_EQ(started(situation), Ids{});
    situation.waiting[0].time_limit = minutes{30};
    EXPECT_EQ(started(situation), Ids{"bobs"});
}

TEST(Forecast, TellsWhenEachCanStartAtTheLatest) {
    Situation situation = roomy();
    situation.running = {{"eve", device(1), 1, 1, kNow + minutes{20}}};
    situation.waiting = {job("next", "ada", {device(1)}, 9), job("after", "ada", {device(1)}, 1),
                         job("free", "ada", {device(2)}), job("held", "ada", {device(3)})};
    situation.waiting[3].is_held = true;
    const auto starts = forecast(situation);
    EXPECT_EQ(starts.at(JobId{"next"}), kNow + minutes{20});
    EXPECT_EQ(starts.at(JobId{"after"}), kNow + minutes{80});
    EXPECT_EQ(starts.at(JobId{"free"}), kNow);
    EXPECT_FALSE(starts.contains(JobId{"held"}));
}

TEST(Forecast, EqualUsersGetEqualSharesAndAWeightOfTwoTwice) {
    Situation situation = roomy();
    situation.capacity.jobs = 6;
    situation.shares["heavy"].weight = 2;
    for (int number = 0; number < 90; ++number)
        for (const char* user : {"heavy", "light"})
            situation.waiting.push_back(
                job(user + std::to_string(number), user, {device(number * 2 + (*user == 'l'))}, 1'000 - number));
    std::map<std::string, int> first_five_hours;
    for (const auto& [id, start] : forecast(situation))
        if (start < kNow + hours{5}) ++first_five_hours[id.value.substr(0, 5)];
    EXPECT_EQ(first_five_hours["heavy"], 20);
    EXPECT_EQ(first_five_hours["light"], 10);
}

/// Any situation, small enough that everything collides with everything.
class AnySituation {
  public:
    explicit AnySituation(unsigned seed) : random_(seed) {
        situation.now = kNow;
        situation.capacity = {static_cast<std::size_t>(upto(6)), 0.5 * upto(16), upto(12), upto(9) ? "" : "paused"};
        for (int number = upto(4); number > 0; --number)
            situation.running.push_back(
                {user(), device(100 + number), 0.5 * upto(4), upto(3), kNow + minutes{upto(90)}});
        for (int number = upto(3); number > 0; --number)
            situation.unavailable[any_device()] = {
                "away", upto(1) ? std::optional(kNow + minutes{1 + upto(90)}) : std::nullopt};
        for (int number = upto(3); number > 0; --number) {
            const UtcMillis from = kNow + minutes{upto(200) - 100};
            situation.reserved.push_back({any_device(), user(), from, from + minutes{1 + upto(100)}});
        }
        for (const char* name : {"a", "b", "c"}) {
            Share& share = situation.shares[name];
            share.weight = 1 + upto(2);
            share.used_cpu_seconds = upto(1) ? 1'000.0 * upto(9) : 0;
            if (upto(2) == 0) share.max_running = static_cast<std::size_t>(upto(3));
            if (upto(4) == 0) share.cpu_hours_left = 0.5 * upto(4);
        }
        for (int number = upto(15); number > 0; --number) add_job(number);
    }

    Situation situation;

  private:
    int upto(int most) { return std::uniform_int_distribution<int>(0, most)(random_); }
    std::string user() { return std::string(1, static_cast<char>('a' + upto(3))); }
    DeviceAddress any_device() { return device(upto(5)); }

    void add_job(int number) {
        std::vector<DeviceAddress> devices;
        const std::string of = user();
        const int age = upto(100);
        for (int count = upto(3); count > 0; --count) devices.push_back(any_device());
        Waiting made = job("j" + std::to_string(number), of, std::move(devices), age);
        // Some want the same as one before them.
        if (upto(3) == 0 && !situation.waiting.empty()) made.choice = situation.waiting.back().choice;
        made.priority = upto(2);
        made.cpus = 0.5 * (1 + upto(5));
        made.memory_bytes = upto(5);
        made.time_limit = minutes{1 + upto(120)};
        made.is_held = upto(9) == 0;
        if (upto(5) == 0) made.not_before = kNow + minutes{upto(60) - 20};
        situation.waiting.push_back(made);
    }

    std::mt19937 random_;
};

void expect_sound(const Situation& situation, const Schedule& schedule) {
    std::map<JobId, const Waiting*> by_id;
    for (const auto& each : situation.waiting) by_id[each.id] = &each;
    std::set<DeviceAddress> devices;
    std::map<std::string, std::size_t> running;
    std::size_t jobs = situation.running.size();
    double cpus = 0;
    std::int64_t memory = 0;
    for (const auto& each : situation.running) {
        devices.insert(each.device);
        ++running[each.user], cpus += each.cpus, memory += each.memory_bytes;
    }
    for (const auto& [id, given] : schedule.starts) {
        const Waiting& its = *by_id.at(id);
        EXPECT_FALSE(schedule.waits.contains(id));
        EXPECT_FALSE(its.is_held || its.not_before > situation.now);
        EXPECT_TRUE(situation.capacity.paused.empty());
        const auto& wanted = its.choice->devices;
        EXPECT_NE(std::find(wanted.begin(), wanted.end(), given), wanted.end());
        EXPECT_TRUE(devices.insert(given).second) << given.to_string() << " is given twice";
        EXPECT_FALSE(situation.unavailable.contains(given));
        for (const auto& entry : situation.reserved)
            EXPECT_FALSE(entry.device == given && entry.user != its.user && entry.to > situation.now &&
                         entry.from < situation.now + its.time_limit);
        ++jobs, ++running[its.user], cpus += its.cpus, memory += its.memory_bytes;
        const auto share = situation.shares.find(its.user);
        if (share != situation.shares.end() && share->second.max_running)
            EXPECT_LE(running[its.user], *share->second.max_running);
    }
    if (!schedule.starts.empty()) {
        EXPECT_LE(jobs, situation.capacity.jobs);
        EXPECT_LE(cpus, situation.capacity.cpus + 1e-9);
        EXPECT_LE(memory, situation.capacity.memory_bytes);
    }
    EXPECT_EQ(schedule.starts.size() + schedule.waits.size(), situation.waiting.size());
    std::set<std::size_t> positions;
    for (const auto& [id, place] : schedule.waits) {
        EXPECT_FALSE(place.why.empty());
        positions.insert(place.position);
    }
    EXPECT_EQ(positions.size(), schedule.waits.size());
    if (!positions.empty()) EXPECT_EQ(*positions.rbegin(), positions.size());
}

TEST(Schedule, IsSoundInAnySituation) {
    for (unsigned seed = 1; seed <= 5'000; ++seed) {
        const AnySituation any(seed);
        expect_sound(any.situation, make_schedule(any.situation));
        if (HasFailure()) FAIL() << "seed " << seed;
    }
}

TEST(Schedule, LeavesNothingIdleThatCouldRun) {
    for (unsigned seed = 1; seed <= 5'000; ++seed) {
        AnySituation any(seed);
        const Schedule first = make_schedule(any.situation);
        for (const auto& start : first.starts) {
            const auto found = std::find_if(any.situation.waiting.begin(), any.situation.waiting.end(),
                                            [&](const Waiting& each) { return each.id == start.job; });
            any.situation.running.push_back(
                {found->user, start.device, found->cpus, found->memory_bytes, kNow + found->time_limit});
            any.situation.waiting.erase(found);
        }
        EXPECT_TRUE(make_schedule(any.situation).starts.empty()) << "seed " << seed;
    }
}

TEST(Forecast, EndsForAnySituationAndTellsOfEveryStartNow) {
    for (unsigned seed = 1; seed <= 1'000; ++seed) {
        const AnySituation any(seed);
        const auto starts = forecast(any.situation);
        for (const auto& start : make_schedule(any.situation).starts) EXPECT_EQ(starts.at(start.job), kNow);
        for (const auto& [id, time] : starts) EXPECT_GE(time, kNow);
    }
}

}  // namespace
}  // namespace labhub::coordinator::jobs
