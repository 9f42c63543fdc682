#include "shared/http/client.hpp"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include <boost/asio/connect.hpp>
#include <boost/asio/ip/tcp.hpp>

#include "shared/base/files.hpp"
#include "shared/base/json.hpp"
#include "shared/base/random.hpp"
#include "shared/base/text.hpp"
#include "shared/http/impl/client_exchange.hpp"

namespace labhub::http {
namespace {

using impl::Connection;
using impl::Tcp;

/// Whether an idle connection has been closed by the server meanwhile, or has bytes nobody asked for.
bool is_stale(Connection& connection) {
    char byte = 0;
    const ssize_t got = ::recv(connection.socket.native_handle(), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
    return got >= 0 || errno != EAGAIN;
}

bool may_repeat(std::string_view method) {
    return method == "GET" || method == "HEAD" || method == "PUT" || method == "DELETE";
}

Result<void> check_request(const ClientRequest& request) {
    const auto is_control = [](unsigned char c) { return c <= 0x20 || c == 0x7F; };
    if (request.target.empty() || request.target[0] != '/' ||
        std::any_of(request.target.begin(), request.target.end(), is_control))
        return Error{ErrorCode::malformed, "'" + printable(request.target, 100) + "' is not a request target",
                     "it begins with '/', and blanks are written %20"};
    const auto breaks_line = [](std::string_view text) { return text.find_first_of("\r\n") != std::string_view::npos; };
    for (const auto& [name, value] : request.headers)
        if (breaks_line(name) || breaks_line(value))
            return Error{ErrorCode::malformed, "header '" + printable(name, 60) + "' has a line break in it"};
    return {};
}

}  // namespace

Error error_of(const ClientResponse& response) {
    if (auto json = parse_json(response.body); json && json->is_object()) {
        const auto* inner = json->get_object().if_contains("error");
        const auto text = [&](const char* name) {
            const auto* member = inner->get_object().if_contains(name);
            return member && member->is_string() ? std::string(member->get_string()) : std::string();
        };
        if (inner && inner->is_object() && !text("message").empty())
            return Error{code_from_name(text("code")), text("message"), text("detail")};
    }
    return Error{code_from_http_status(response.status),
                 "the server answered with status " + std::to_string(response.status), printable(trim(response.body))};
}

/// The address, the token and the idle connections.
class Client::Impl {
  public:
    Impl(asio::any_io_executor executor_in, Url url_in) : executor(std::move(executor_in)), url(std::move(url_in)) {}

    asio::any_io_executor executor;
    const Url url;
    std::string token;

    std::shared_ptr<Connection> take_idle() {
        while (!idle_.empty()) {
            auto connection = std::move(idle_.back());
            idle_.pop_back();
            if (!is_stale(*connection)) return connection;
        }
        return nullptr;
    }
    void put_idle(std::shared_ptr<Connection> connection) {
        constexpr std::size_t kMostIdle = 8;
        if (idle_.size() < kMostIdle) idle_.push_back(std::move(connection));
    }

    std::string request_bytes(const ClientRequest& request, std::uint64_t body_bytes) const {
        std::string text = request.method + " " + url.path + request.target + " HTTP/1.1\r\n";
        text += "Host: " + (url.host.find(':') != std::string::npos ? "[" + url.host + "]" : url.host) + ":" +
                std::to_string(url.port) + "\r\n";
        text += "User-Agent: labhub/" LABHUB_VERSION "\r\n";
        if (!token.empty()) text += "Authorization: Bearer " + token + "\r\n";
        if (!request.content_type.empty()) text += "Content-Type: " + request.content_type + "\r\n";
        for (const auto& [name, value] : request.headers) text += name + ": " + value + "\r\n";
        const bool has_body =
            body_bytes > 0 || request.method == "POST" || request.method == "PUT" || request.method == "PATCH";
        if (has_body) text += "Content-Length: " + std::to_string(body_bytes) + "\r\n";
        return text + "\r\n" + request.body;
    }

    static Task<Result<std::shared_ptr<Connection>>> connect(std::shared_ptr<Impl> self,
                                                             std::chrono::milliseconds timeout);
    static Task<Result<ClientResponse>> run(std::shared_ptr<Impl> self, ClientRequest request, Sink sink);

  private:
    std::vector<std::shared_ptr<Connection>> idle_;
};

Task<Result<std::shared_ptr<Connection>>> Client::Impl::connect(std::shared_ptr<Impl> self,
                                                                std::chrono::milliseconds timeout) {
    const std::string failed = "can't reach " + self->url.to_string();
    Tcp::resolver resolver(self->executor);
    auto lookup = resolver.async_resolve(self->url.host, std::to_string(self->url.port), as_result);
    auto found = co_await within(timeout, std::move(lookup));
    if (!found || std::get<0>(*found)) {
        const std::string why = found ? std::get<0>(*found).message() : "no answer within " + format_duration(timeout);
        Error error{ErrorCode::unavailable, failed + ": looking up " + self->url.host + ": " + why};
        co_return error;
    }
    const auto connection = std::make_shared<Connection>(Tcp::socket(self->executor), self->url.to_string());
    connection->limit_writing(timeout);
    auto [failure, endpoint] = co_await asio::async_connect(connection->socket, std::get<1>(*found), as_result);
    if (failure) {
        const std::string why =
            connection->timed_out() ? "no answer within " + format_duration(timeout) : failure.message();
        Error error{connection->timed_out() ? ErrorCode::timed_out : ErrorCode::unavailable, failed + ": " + why,
                    "is the hub running, and is this its address?"};
        co_return error;
    }
    boost::system::error_code ignored;
    connection->socket.set_option(Tcp::no_delay(true), ignored);
    ::fcntl(connection->socket.native_handle(), F_SETFD, FD_CLOEXEC);
    connection->lift_limit();
    co_return connection;
}

Task<Result<ClientResponse>> Client::Impl::run(std::shared_ptr<Impl> self, ClientRequest request, Sink sink) {
    if (auto checked = check_request(request); !checked) co_return std::move(checked).error();
    const auto deadline = Steady::now() + request.timeout;
    impl::ExchangeOptions options;
    if (!request.body_file.empty()) {
        auto file = impl::SentFile::open(request.body_file);
        if (!file) co_return std::move(file).error();
        options.file = std::move(*file);
    }
    options.bytes = self->request_bytes(request, options.file ? options.file->size : request.body.size());
    options.doing = request.method + " " + self->url.to_string() + request.target;
    options.head_only = request.method == "HEAD";
    options.body_limit = request.body_limit;
    options.timeout_of_each_wait = static_cast<bool>(sink) || options.file;
    options.timeout = request.timeout;
    while (true) {
        auto connection = self->take_idle();
        const bool reused = connection != nullptr;
        if (!reused) {
            auto made = co_await connect(self, request.timeout);
            if (!made) co_return std::move(made).error();
            connection = std::move(*made);
        }
        options.time_left = options.timeout;
        if (!options.timeout_of_each_wait) options.time_left = deadline - Steady::now();
        auto outcome = co_await impl::exchange(connection, options, sink);
        if (outcome.reusable)
            self->put_idle(connection);
        else
            connection->close();
        // A server may close an idle connection in the moment it is used again.
        const bool again = reused && !outcome.answered && !outcome.response && may_repeat(request.method) &&
                           outcome.response.error().code == ErrorCode::unavailable;
        if (!again) co_return std::move(outcome.response);
    }
}

Result<Client> Client::make(asio::any_io_executor executor, std::string_view base_url) {
    LABHUB_TRY(auto url, Url::parse(base_url));
    return Client(std::make_shared<Impl>(std::move(executor), std::move(url)));
}

void Client::set_bearer_token(std::string token) { impl_->token = std::move(token); }
const Url& Client::base_url() const { return impl_->url; }

Task<Result<ClientResponse>> Client::send(ClientRequest request) {
    return Impl::run(impl_, std::move(request), Sink());
}

Task<Result<ClientResponse>> Client::receive(ClientRequest request, Sink sink) {
    return Impl::run(impl_, std::move(request), std::move(sink));
}

namespace {

/// A file that appears under its name only when it is complete.
class PendingFile {
  public:
    static Result<std::shared_ptr<PendingFile>> create(const std::filesystem::path& path) {
        auto file = std::make_shared<PendingFile>();
        file->path_ = path;
        file->temporary_ = path.string() + "." + random_hex(4) + ".part";
        file->fd_ = UniqueFd{::open(file->temporary_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644)};
        if (!file->fd_) return system_error("create " + file->temporary_, errno);
        return file;
    }
    ~PendingFile() {
        if (fd_) ::unlink(temporary_.c_str());
    }
    Result<void> write(std::string_view bytes) {
        while (!bytes.empty()) {
            const ssize_t put = ::write(fd_.get(), bytes.data(), bytes.size());
            if (put < 0 && errno == EINTR) continue;
            if (put < 0) return system_error("write " + path_.string(), errno);
            bytes.remove_prefix(static_cast<std::size_t>(put));
        }
        return {};
    }
    Result<void> complete() {
        if (::rename(temporary_.c_str(), path_.c_str()) != 0) return system_error("write " + path_.string(), errno);
        fd_.reset();
        return {};
    }

  private:
    std::filesystem::path path_;
    std::string temporary_;
    UniqueFd fd_;
};

}  // namespace

Task<Result<void>> Client::download(std::string target, std::filesystem::path to, std::chrono::milliseconds timeout) {
    const auto impl = impl_;
    auto file = PendingFile::create(to);
    if (!file) co_return std::move(file).error();
    ClientRequest request;
    request.target = std::move(target);
    request.timeout = timeout;
    Sink sink = [pending = *file](std::string_view piece) { return pending->write(piece); };
    auto response = co_await Impl::run(impl, std::move(request), std::move(sink));
    if (!response) co_return std::move(response).error();
    if (!response->ok()) co_return error_of(*response);
    co_return (*file)->complete();
}

}  // namespace labhub::http
