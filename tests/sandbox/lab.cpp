#include "tests/sandbox/lab.hpp"

#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/write.hpp>

#include "shared/base/random.hpp"

namespace labhub::coordinator::runner::test {
namespace {

namespace fs = std::filesystem;

constexpr std::chrono::seconds kEndLimit{120};

fs::path python_path() {
    const char* source = std::getenv("LABHUB_SOURCE");
    const fs::path path = fs::path(source ? source : fs::current_path().c_str()) / "coordinator/clients/python";
    return fs::is_directory(path) ? path : fs::path{};
}

/// Kept between the test processes, each of which runs one test. LABHUB_SANDBOX_RUNTIME names the runtime to test with.
fs::path cache_folder() {
    const fs::path folder = fs::temp_directory_path() / "labhub-sandbox-test-host";
    fs::create_directories(folder);
    ::chmod(folder.c_str(), 0700);
    return folder;
}

/// Empty when sandboxes can be made here, else why not.
std::string why_not_here() {
    if (::geteuid() != 0) return "making sandboxes needs root";
    const std::string command = runner_program().string() + " probe " + cache_folder().string() + " 2>&1";
    FILE* probe = ::popen(command.c_str(), "r");
    if (!probe) return "the probe can't be run";
    std::string text(8192, '\0');
    text.resize(std::fread(text.data(), 1, text.size(), probe));
    return ::pclose(probe) == 0 ? "" : text;
}

}  // namespace

fs::path runner_program() {
    const char* bin = std::getenv("LABHUB_BIN");
    if (bin) return fs::path(bin) / "labhub-runner";
    return fs::read_symlink("/proc/self/exe").parent_path().parent_path() / "bin/labhub-runner";
}

void Lab::SetUp() {
    if (!fs::exists(cache_folder() / "sandbox-host.json"))
        if (const std::string why = why_not_here(); !why.empty())
            GTEST_SKIP() << "no sandbox can be made here: " << why;
    data_ = fs::temp_directory_path() / ("labhub-sandbox-" + random_hex(6));
    fs::create_directories(data_);
    // As a real data folder: nobody else may enter. The sandbox has to work from inside it.
    ::chmod(data_.c_str(), 0700);
    launcher_ = std::make_unique<SpawnLauncher>(context_.get_executor(), runner_program());
    open_socket();
}

void Lab::TearDown() {
    if (!launcher_) return;
    for (auto& [job, heard] : heard_) {
        if (!is_runner_alive(folder(job))) continue;
        if (heard.runner > 0) ::kill(heard.runner, SIGKILL);
        await([&, id = job] { return !is_runner_alive(folder(id)); });
        collect(job);
    }
    close_socket();
    asio::co_spawn(context_, launcher_->close(), asio::detached);
    context_.restart();
    context_.run_for(std::chrono::seconds{5});
    if (!HasFailure()) fs::remove_all(data_);
}

void Lab::open_socket() {
    servers_ = std::make_unique<TaskGroup>(context_.get_executor());
    auto opened = JobSocket::open(context_.get_executor(), data_ / "jobs.sock", events());
    ASSERT_TRUE(opened) << opened.error().to_string();
    socket_ = std::move(*opened);
}

void Lab::close_socket() {
    if (!socket_) return;
    bool closed = false;
    const auto close = [](JobSocket& socket, TaskGroup& servers, bool& done) -> Task<void> {
        co_await socket.close();
        co_await servers.stop();
        done = true;
    };
    asio::co_spawn(context_, close(*socket_, *servers_, closed), asio::detached);
    EXPECT_TRUE(await([&] { return closed; }));
    socket_.reset();
    servers_.reset();
    for (auto& [job, heard] : heard_) heard.listener.reset();
}

JobSocketEvents Lab::events() {
    JobSocketEvents events;
    events.admit = [this](Hello hello) -> Task<bool> { co_return secrets_[hello.job_id] == hello.secret; };
    events.on_hello = [this](Hello hello, UniqueFd listener) {
        auto& heard = heard_[hello.job_id];
        ++heard.hellos;
        heard.runner = hello.pid;
        heard.lost = false;
        heard.pause = hello.pause;
        if (!listener) return;
        servers_->spawn("listener", serve(hello.job_id, ::dup(listener.get())));
        heard.listener = std::move(listener);
    };
    events.on_started = [this](JobId job, Started started) { heard_[job].started = std::move(started); };
    events.on_ended = [this](JobId job, Ended ended) { heard_[job].ended = std::move(ended); };
    events.on_pause_state = [this](JobId job, PauseState state) { heard_[job].pause = std::move(state); };
    events.on_lost = [this](JobId job) { heard_[job].lost = true; };
    return events;
}

Task<void> Lab::serve(JobId job, int listener) {
    using asio::ip::tcp;
    tcp::acceptor acceptor(context_, tcp::v4(), listener);
    for (int answered = 0; answered < answers_; ++answered) {
        auto [failure, client] = co_await acceptor.async_accept(as_result);
        if (failure) co_return;
        std::string request;
        auto [broken, got] =
            co_await asio::async_read_until(client, asio::dynamic_buffer(request), "\r\n\r\n", as_result);
        const std::string reply = "HTTP/1.0 200 OK\r\nContent-Type: text/plain\r\n\r\nhub of " + job.value;
        if (!broken) co_await asio::async_write(client, asio::buffer(reply), as_result);
    }
}

bool Lab::await(const std::function<bool()>& happened, std::chrono::seconds limit) {
    const auto deadline = Steady::now() + limit;
    while (!happened()) {
        if (Steady::now() >= deadline) return false;
        context_.restart();
        context_.run_one_for(std::chrono::milliseconds{20});
    }
    return true;
}

JobSpec Lab::usual_spec() const {
    JobSpec spec;
    spec.socket = data_ / "jobs.sock";
    spec.python_path = python_path();
    spec.cache_folder = cache_folder();
    if (const char* const runtime = std::getenv("LABHUB_SANDBOX_RUNTIME")) spec.runtime = runtime;
    return spec;
}

JobId Lab::start(const std::string& script, const std::function<void(JobSpec&)>& adjust) {
    JobSpec spec = usual_spec();
    spec.job_id = last_ = JobId{"test-" + random_hex(6)};
    spec.secret = secrets_[spec.job_id] = random_hex(16);
    if (adjust) adjust(spec);
    fs::create_directories(folder(spec.job_id));
    const auto written = write_job_spec(folder(spec.job_id), spec);
    EXPECT_TRUE(written) << (written ? "" : written.error().to_string());
    EXPECT_TRUE(write_file(folder(spec.job_id) / "script.py", script, 0600));
    launch(folder(spec.job_id));
    return spec.job_id;
}

void Lab::launch(const fs::path& folder) {
    std::optional<Result<std::string>> started;
    const auto wait = [](SpawnLauncher& launcher, fs::path job_dir,
                         std::optional<Result<std::string>>& into) -> Task<void> {
        auto launched = co_await launcher.start(std::move(job_dir));
        into = std::move(launched);
    };
    asio::co_spawn(context_, wait(*launcher_, folder, started), asio::detached);
    EXPECT_TRUE(await([&] { return started.has_value(); }));
    EXPECT_TRUE(started && *started) << (started && !*started ? started->error().to_string() : "");
}

Ended Lab::await_end(const JobId& job) {
    const bool ended = await([&] { return heard_[job].ended.has_value(); }, kEndLimit);
    EXPECT_TRUE(ended) << "no end heard; runner.log: " << file(job, "runner.log");
    if (!ended) return {};
    EXPECT_TRUE(socket_->release(job));
    EXPECT_TRUE(await([&] { return heard_[job].lost && !is_runner_alive(folder(job)); }));
    EXPECT_FALSE(fs::exists(folder(job) / "sandbox")) << "something of the sandbox is left";
    return *heard_[job].ended;
}

void Lab::await_started(const JobId& job) {
    ASSERT_TRUE(await([&] { return heard_[job].started.has_value(); }))
        << file(job, "runner.log") << file(job, "stderr.txt");
}

void Lab::await_output(const JobId& job, const std::string& text) {
    ASSERT_TRUE(await([&] { return file(job, "stdout.txt").find(text) != std::string::npos; }))
        << "stdout: " << file(job, "stdout.txt") << "\nstderr: " << file(job, "stderr.txt") << file(job, "runner.log");
}

Ended Lab::run(const std::string& script, const std::function<void(JobSpec&)>& adjust) {
    return await_end(start(script, adjust));
}

RunnerState Lab::collect(const JobId& job) {
    std::optional<Result<RunnerState>> collected;
    const auto wait = [](SpawnLauncher& launcher, fs::path folder,
                         std::optional<Result<RunnerState>>& into) -> Task<void> {
        auto state = co_await launcher.collect(std::move(folder));
        into = std::move(state);
    };
    asio::co_spawn(context_, wait(*launcher_, folder(job), collected), asio::detached);
    EXPECT_TRUE(await([&] { return collected.has_value(); }));
    EXPECT_TRUE(collected && *collected) << file(job, "runner.log");
    return collected && *collected ? **collected : RunnerState{};
}

std::string Lab::file(const JobId& job, const std::string& name) const {
    return read_file(folder(job) / name).value_or(std::string{});
}

std::vector<pid_t> processes_with(const std::string& text) {
    std::vector<pid_t> found;
    for (const auto& entry : fs::directory_iterator("/proc")) {
        const int pid = std::atoi(entry.path().filename().c_str());
        if (pid <= 0) continue;
        const auto command = read_file(entry.path() / "cmdline");
        if (command && command->find(text) != std::string::npos) found.push_back(pid);
    }
    return found;
}

}  // namespace labhub::coordinator::runner::test
