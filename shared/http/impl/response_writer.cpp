#include "shared/http/impl/response_writer.hpp"

#include <fcntl.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <ctime>

#include <spdlog/spdlog.h>
#include <boost/asio/buffer.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/http/status.hpp>

#include "shared/base/files.hpp"

namespace labhub::http::impl {
namespace {

constexpr std::size_t kPiece = 64 * 1024;

bool has_no_body(int status) { return status < 200 || status == 204 || status == 304; }

std::string http_date() {
    const std::time_t now = std::time(nullptr);
    std::tm parts{};
    ::gmtime_r(&now, &parts);
    std::array<char, 64> text{};
    return {text.data(), std::strftime(text.data(), text.size(), "%a, %d %b %Y %H:%M:%S GMT", &parts)};
}

bool is_servers_own(std::string_view name) {
    for (const std::string_view own : {"Content-Length", "Transfer-Encoding", "Connection", "Date"})
        if (name.size() == own.size() && ::strncasecmp(name.data(), own.data(), own.size()) == 0) return true;
    return false;
}

/// A header that would break the framing is a bug of the handler; sending the rest keeps the client's parser safe.
bool is_safe(std::string_view text) {
    return std::none_of(text.begin(), text.end(), [](unsigned char c) { return c < 0x20 && c != '\t'; });
}

struct OpenFile {
    UniqueFd fd;
    std::uint64_t size = 0;
};

Result<OpenFile> open_file(const std::filesystem::path& path) {
    OpenFile file;
    file.fd = UniqueFd{::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)};
    if (!file.fd) return system_error("open " + path.filename().string(), errno);
    struct stat about {};
    if (::fstat(file.fd.get(), &about) != 0) return system_error("stat " + path.filename().string(), errno);
    if (!S_ISREG(about.st_mode)) return Error{ErrorCode::internal, path.filename().string() + " is not a file"};
    file.size = static_cast<std::uint64_t>(about.st_size);
    return file;
}

class RemoveAtEnd {
  public:
    explicit RemoveAtEnd(const FileBody& body) : path_(body.delete_after ? body.path : std::filesystem::path()) {}
    RemoveAtEnd(const RemoveAtEnd&) = delete;
    RemoveAtEnd& operator=(const RemoveAtEnd&) = delete;
    ~RemoveAtEnd() {
        if (!path_.empty()) ::unlink(path_.c_str());
    }

  private:
    std::filesystem::path path_;
};

Task<bool> write_text(std::shared_ptr<Connection> connection, Response response, ResponseFrame frame) {
    auto& body = std::get<std::string>(response.body);
    std::string bytes = response_header(response, frame, body.size());
    if (!frame.head_only && !has_no_body(response.status)) bytes += body;
    co_return co_await write_bytes(std::move(connection), std::move(bytes), frame.write_time);
}

Task<bool> write_file_body(std::shared_ptr<Connection> connection, Response response, ResponseFrame frame) {
    const FileBody body = std::get<FileBody>(response.body);
    const RemoveAtEnd remove_at_end(body);
    auto file = open_file(body.path);
    if (!file) {
        spdlog::warn("http: can't send a file: {}", file.error().to_string());
        Response refusal = error_response(file.error());
        co_return co_await write_text(std::move(connection), std::move(refusal), frame);
    }
    std::string header = response_header(response, frame, file->size);
    bool sent = co_await write_bytes(connection, std::move(header), frame.write_time);
    if (frame.head_only) co_return sent;
    for (std::uint64_t at = 0; sent && at < file->size;) {
        std::string piece(static_cast<std::size_t>(std::min<std::uint64_t>(kPiece, file->size - at)), '\0');
        const ssize_t got = ::pread(file->fd.get(), piece.data(), piece.size(), static_cast<off_t>(at));
        if (got <= 0) {
            spdlog::warn("http: {} became shorter while it was sent", body.path.filename().string());
            co_return false;
        }
        piece.resize(static_cast<std::size_t>(got));
        at += static_cast<std::uint64_t>(got);
        sent = co_await write_bytes(connection, std::move(piece), frame.write_time);
    }
    if (sent && body.on_sent) body.on_sent();
    co_return sent;
}

/// The next piece, or nothing when the body is cut off: by an error, an exception, or the client going away.
Task<std::optional<std::string>> next_piece(StreamBody body) {
    std::optional<std::string> piece;
    try {
        auto next = co_await body.next();
        if (next)
            piece = std::move(*next);
        else
            spdlog::warn("http: a stream ends early: {}", next.error().to_string());
    } catch (const boost::system::system_error& error) {
        if (error.code() != asio::error::operation_aborted) spdlog::error("http: a stream failed: {}", error.what());
    } catch (const std::exception& error) {
        spdlog::error("http: a stream failed: {}", error.what());
    }
    co_return piece;
}

std::string as_chunk(std::string_view piece) {
    std::array<char, 20> size{};
    const auto end = std::to_chars(size.data(), size.data() + size.size(), piece.size(), 16).ptr;
    std::string chunk(size.data(), end);
    return chunk.append("\r\n").append(piece).append("\r\n");
}

Task<bool> write_stream(std::shared_ptr<Connection> connection, Response response, ResponseFrame frame) {
    using namespace asio::experimental::awaitable_operators;
    const StreamBody body = std::get<StreamBody>(response.body);
    if (frame.http_1_0) frame.keep_alive = false;
    std::string header = response_header(response, frame, std::nullopt);
    bool sent = co_await write_bytes(connection, std::move(header), frame.write_time);
    if (frame.head_only) co_return sent ? frame.keep_alive : false;
    connection->streaming = true;
    if (body.send_buffer > 0) {
        boost::system::error_code ignored;
        connection->socket.set_option(asio::socket_base::send_buffer_size(static_cast<int>(body.send_buffer)), ignored);
    }
    while (sent) {
        connection->lift_limit();
        auto first = co_await (next_piece(body) || client_gone(connection));
        if (first.index() != 0 || !std::get<0>(first)) co_return false;
        std::string piece = std::move(*std::get<0>(first));
        const bool last = piece.empty();
        if (!frame.http_1_0) piece = as_chunk(piece);
        sent = co_await write_bytes(connection, std::move(piece), frame.write_time);
        if (last) break;
    }
    connection->streaming = false;
    co_return sent ? frame.keep_alive : false;
}

}  // namespace

std::string response_header(const Response& response, const ResponseFrame& frame, std::optional<std::uint64_t> length) {
    const auto status = static_cast<unsigned>(response.status);
    const auto reason = boost::beast::http::obsolete_reason(static_cast<boost::beast::http::status>(status));
    std::string text = "HTTP/1.1 " + std::to_string(status) + " " + std::string(reason) + "\r\n";
    for (const auto& [name, value] : response.headers) {
        if (is_servers_own(name)) continue;
        if (is_safe(name) && is_safe(value))
            text += name + ": " + value + "\r\n";
        else
            spdlog::error("http: header {} was not sent: it has a control character", name);
    }
    if (length && !has_no_body(response.status)) text += "Content-Length: " + std::to_string(*length) + "\r\n";
    if (!length && !frame.http_1_0) text += "Transfer-Encoding: chunked\r\n";
    text += "Date: " + http_date() + "\r\n";
    text += frame.keep_alive ? "Connection: keep-alive\r\n\r\n" : "Connection: close\r\n\r\n";
    return text;
}

Task<bool> write_bytes(std::shared_ptr<Connection> connection, std::string bytes, std::chrono::milliseconds time) {
    for (std::size_t at = 0; at < bytes.size(); at += kPiece) {
        connection->limit_writing(time);
        const auto piece = asio::buffer(bytes.data() + at, std::min(kPiece, bytes.size() - at));
        auto [error, count] = co_await asio::async_write(connection->socket, piece, as_result);
        if (error) co_return false;
    }
    connection->lift_limit();
    co_return true;
}

Task<bool> write_response(std::shared_ptr<Connection> connection, Response response, ResponseFrame frame) {
    if (std::holds_alternative<std::string>(response.body))
        co_return co_await write_text(std::move(connection), std::move(response), frame);
    if (std::holds_alternative<FileBody>(response.body))
        co_return co_await write_file_body(std::move(connection), std::move(response), frame);
    co_return co_await write_stream(std::move(connection), std::move(response), frame);
}

}  // namespace labhub::http::impl
