#include "tests/unit/shared/ssh/ssh_fixture.hpp"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>
#include <csignal>

#include "shared/base/files.hpp"
#include "shared/base/ids.hpp"

extern char** environ;

namespace labhub::ssh::testing {
namespace {

struct CountWaiting {
    std::shared_ptr<std::atomic<int>> count;
    explicit CountWaiting(std::shared_ptr<std::atomic<int>> shared) : count(std::move(shared)) { ++*count; }
    ~CountWaiting() { --*count; }
};

Task<ExecResult> run_command(Principal who, std::string command, std::shared_ptr<std::atomic<int>> waiting) {
    ExecResult result;
    if (command.starts_with("say "))
        result.out = command.substr(4) + "\n";
    else if (command == "fail")
        result.err = "it went wrong\n", result.exit_status = 3;
    else if (command == "big")
        result.out.assign(1u << 20, 'x');
    else if (command == "whoami")
        result.out = who.name + " " + who.role + " " + who.fingerprint + "\n";
    else if (command == "wait") {
        const CountWaiting counted(waiting);
        co_await sleep_for(std::chrono::minutes{5});
    } else
        result.err = "unknown command\n", result.exit_status = 2;
    co_return result;
}

Task<void> run_subsystem(std::string name, std::size_t flood_bytes, std::shared_ptr<Channel> channel) {
    if (name == "flood") {
        for (std::size_t sent = 0; sent < flood_bytes; sent += 65536) {
            std::string block(65536, static_cast<char>('a' + (sent / 65536) % 26));
            auto writing = channel->write(std::move(block));
            auto written = co_await std::move(writing);
            if (!written) co_return;
        }
        channel->finish();
        co_return;
    }
    for (;;) {
        auto reading = channel->read();
        auto bytes = co_await std::move(reading);
        if (!bytes || bytes->empty()) co_return;
        auto writing = channel->write(std::move(*bytes));
        auto written = co_await std::move(writing);
        if (!written) co_return;
    }
}

}  // namespace

TemporaryFolder::TemporaryFolder() : path_(std::filesystem::temp_directory_path() / ("labhub-ssh-" + new_id())) {
    std::filesystem::create_directories(path_);
}

TemporaryFolder::~TemporaryFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
}

Process::Process(const std::filesystem::path& folder, std::vector<std::string> command) {
    const std::string id = new_id();
    out_ = folder / (id + ".out");
    err_ = folder / (id + ".err");
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_addopen(&actions, 1, out_.c_str(), O_WRONLY | O_CREAT, 0600);
    posix_spawn_file_actions_addopen(&actions, 2, err_.c_str(), O_WRONLY | O_CREAT, 0600);
    std::vector<char*> arguments;
    for (auto& word : command) arguments.push_back(word.data());
    arguments.push_back(nullptr);
    if (posix_spawnp(&pid_, arguments[0], &actions, nullptr, arguments.data(), environ) != 0) pid_ = -1;
    posix_spawn_file_actions_destroy(&actions);
}

Process::~Process() {
    if (pid_ <= 0) return;
    kill();
    ::waitpid(pid_, nullptr, 0);
}

void Process::kill() {
    if (pid_ > 0) ::kill(pid_, SIGKILL);
}

Finished Process::wait() {
    Finished finished;
    int status = 0;
    if (pid_ > 0 && ::waitpid(pid_, &status, 0) == pid_)
        finished.status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    pid_ = -1;
    finished.out = read_file(out_).value_or("");
    finished.err = read_file(err_).value_or("");
    return finished;
}

Finished run_process(const std::filesystem::path& folder, std::vector<std::string> command) {
    command.insert(command.begin(), {"timeout", "30"});
    return Process(folder, std::move(command)).wait();
}

SshTest::SshTest() : user_key_(load_or_create_key(folder_.path() / "user_key").value()) {
    loop_ = std::thread([this] { io_.run(); });
}

SshTest::~SshTest() {
    stop();
    work_.reset();
    loop_.join();
}

void SshTest::start(ServerLimits limits) {
    ServerOptions options;
    options.host_key_path = folder_.path() / "host_key";
    options.limits = limits;
    options.endpoint.port(port_);
    Handlers handlers;
    handlers.authorize = [key = user_key_](const PublicKey& offered, const std::string&) -> std::optional<Principal> {
        if (!(offered == key)) return std::nullopt;
        return Principal{"ada", "operator", {}};
    };
    handlers.exec = [waiting = waiting_](Principal who, std::string command) {
        return run_command(std::move(who), std::move(command), waiting);
    };
    handlers.offers_subsystem = [](const Principal&, const std::string& name) {
        return name == "echo" || name == "flood";
    };
    handlers.subsystem = [](Principal, std::string name, std::shared_ptr<Channel> channel) {
        return run_subsystem(std::move(name), kFloodBytes, std::move(channel));
    };
    auto listening = [&]() -> Result<std::unique_ptr<Server>> {
        return Server::listen(io_.get_executor(), options, handlers);
    };
    auto listened = asio::post(io_, std::packaged_task<Result<std::unique_ptr<Server>>()>(listening)).get();
    ASSERT_TRUE(listened) << listened.error().to_string();
    server_ = std::move(*listened);
    port_ = server_->port();
}

void SshTest::stop() {
    if (!server_) return;
    run(server_->stop());
    asio::post(io_, std::packaged_task<void()>([this] { server_.reset(); })).get();
}

ClientOptions SshTest::client() const {
    ClientOptions options;
    options.host = "127.0.0.1";
    options.port = port_;
    options.user = "ada";
    options.private_key_path = folder_.path() / "user_key";
    options.pinned_host_fingerprint = server_->host_key().fingerprint();
    options.connect_timeout = std::chrono::seconds{20};
    return options;
}

Result<std::unique_ptr<Session>> SshTest::connect(ClientOptions options) {
    return run(Session::connect(std::move(options)));
}

void SshTest::drop(std::unique_ptr<Session> session) {
    auto dropping = [&] { session.reset(); };
    asio::post(io_, std::packaged_task<void()>(dropping)).get();
}

ServerCounters SshTest::counters() {
    auto reading = [this] { return server_->counters(); };
    return asio::post(io_, std::packaged_task<ServerCounters()>(reading)).get();
}

bool SshTest::eventually(std::function<bool(const ServerCounters&)> reached) {
    const auto deadline = Steady::now() + std::chrono::seconds{10};
    while (Steady::now() < deadline) {
        if (reached(counters())) return true;
        std::this_thread::sleep_for(std::chrono::milliseconds{5});
    }
    return false;
}

std::vector<std::string> SshTest::openssh(std::vector<std::string> options, std::vector<std::string> command) const {
    const auto known = folder_.path() / "known_hosts";
    const auto key = server_->host_key();
    (void)write_file(known, "[127.0.0.1]:" + std::to_string(port_) + " " + key.type + " " + key.base64 + "\n");
    std::vector<std::string> line{"ssh",
                                  "-F",
                                  "none",
                                  "-p",
                                  std::to_string(port_),
                                  "-o",
                                  "IdentitiesOnly=yes",
                                  "-o",
                                  "IdentityAgent=none",
                                  "-o",
                                  "BatchMode=yes",
                                  "-o",
                                  "StrictHostKeyChecking=yes",
                                  "-o",
                                  "GlobalKnownHostsFile=/dev/null",
                                  "-o",
                                  "UserKnownHostsFile=" + known.string()};
    line.insert(line.end(), options.begin(), options.end());
    line.insert(line.end(), {"-i", (folder_.path() / "user_key").string(), "ada@127.0.0.1"});
    line.insert(line.end(), command.begin(), command.end());
    return line;
}

}  // namespace labhub::ssh::testing
