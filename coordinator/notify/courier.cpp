#include "coordinator/notify/courier.hpp"

#include <curl/curl.h>

#include <array>
#include <cstring>
#include <map>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include <boost/asio/post.hpp>

#include "shared/base/text.hpp"

namespace labhub::coordinator::notify {
namespace {

constexpr std::chrono::milliseconds kConnectTime{10'000};
constexpr int kPollMs = 1'000;
constexpr std::size_t kKeptReply = 300;
constexpr long kHttpOk = 200, kHttpEnd = 300;

/// One letter on its way. Made by the sender, worked on by the courier's thread alone, answered on the sender's
/// executor.
struct Transfer {
    Transfer(Letter letter_in, asio::any_io_executor executor_in)
        : letter(std::move(letter_in)), executor(executor_in), answered(executor_in, Steady::time_point::max()) {}
    ~Transfer() {
        if (easy) curl_easy_cleanup(easy);
        if (headers) curl_slist_free_all(headers);
        if (receivers) curl_slist_free_all(receivers);
    }
    Transfer(const Transfer&) = delete;
    Transfer& operator=(const Transfer&) = delete;

    Letter letter;
    asio::any_io_executor executor;
    asio::steady_timer answered;          // cancelled when there is an outcome
    std::optional<Result<void>> outcome;  // the executor's
    CURL* easy = nullptr;
    curl_slist* headers = nullptr;
    curl_slist* receivers = nullptr;
    std::size_t sent = 0;
    std::string reply;
    std::array<char, CURL_ERROR_SIZE> problem{};
};

std::size_t keep_reply(char* data, std::size_t, std::size_t size, void* to) {
    auto& reply = static_cast<Transfer*>(to)->reply;
    reply.append(data, std::min(size, kKeptReply - std::min(kKeptReply, reply.size())));
    return size;
}

std::size_t read_letter(char* to, std::size_t, std::size_t room, void* from) {
    auto& transfer = *static_cast<Transfer*>(from);
    const std::size_t size = std::min(room, transfer.letter.text.size() - transfer.sent);
    std::memcpy(to, transfer.letter.text.data() + transfer.sent, size);
    transfer.sent += size;
    return size;
}

void set_up_for(Transfer& transfer, const Webhook& webhook) {
    CURL* const easy = transfer.easy;
    transfer.headers = curl_slist_append(nullptr, "Content-Type: application/json");
    if (!webhook.bearer_token.empty())
        transfer.headers =
            curl_slist_append(transfer.headers, ("Authorization: Bearer " + webhook.bearer_token).c_str());
    curl_easy_setopt(easy, CURLOPT_URL, webhook.url.c_str());
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, transfer.headers);
    curl_easy_setopt(easy, CURLOPT_POST, 1L);
    curl_easy_setopt(easy, CURLOPT_POSTFIELDS, transfer.letter.text.data());
    curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(transfer.letter.text.size()));
}

long tls_of(Mail::Tls tls) {
    if (tls == Mail::Tls::required) return CURLUSESSL_ALL;
    return tls == Mail::Tls::if_offered ? CURLUSESSL_TRY : CURLUSESSL_NONE;
}

void set_up_for(Transfer& transfer, const Mail& mail) {
    CURL* const easy = transfer.easy;
    for (const auto& to : mail.to) transfer.receivers = curl_slist_append(transfer.receivers, to.c_str());
    curl_easy_setopt(easy, CURLOPT_URL, mail.server.c_str());
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "smtp,smtps");
    curl_easy_setopt(easy, CURLOPT_USE_SSL, tls_of(mail.tls));
    curl_easy_setopt(easy, CURLOPT_MAIL_FROM, mail.from.c_str());
    curl_easy_setopt(easy, CURLOPT_MAIL_RCPT, transfer.receivers);
    curl_easy_setopt(easy, CURLOPT_MAIL_RCPT_ALLLOWFAILS, 1L);  // one who has left must not silence it for the others
    if (!mail.username.empty()) curl_easy_setopt(easy, CURLOPT_USERNAME, mail.username.c_str());
    if (!mail.username.empty()) curl_easy_setopt(easy, CURLOPT_PASSWORD, mail.password.c_str());
    curl_easy_setopt(easy, CURLOPT_UPLOAD, 1L);
    curl_easy_setopt(easy, CURLOPT_READFUNCTION, &read_letter);
    curl_easy_setopt(easy, CURLOPT_READDATA, &transfer);
    curl_easy_setopt(easy, CURLOPT_INFILESIZE_LARGE, static_cast<curl_off_t>(transfer.letter.text.size()));
}

bool set_up(Transfer& transfer) {
    transfer.easy = curl_easy_init();
    if (!transfer.easy) return false;
    CURL* const easy = transfer.easy;
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, transfer.problem.data());
    curl_easy_setopt(easy, CURLOPT_USERAGENT, "labhub/" LABHUB_VERSION);
    curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, static_cast<long>(transfer.letter.timeout.count()));
    curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(kConnectTime.count()));
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, &keep_reply);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, &transfer);
    if (!transfer.letter.channel.ca_file.empty())
        curl_easy_setopt(easy, CURLOPT_CAINFO, transfer.letter.channel.ca_file.c_str());
    std::visit([&](const auto& how) { set_up_for(transfer, how); }, transfer.letter.channel.how);
    return true;
}

/// Where a letter goes, without what may be secret in the address.
std::string place_of(const Channel& channel) {
    const auto* const mail = std::get_if<Mail>(&channel.how);
    const std::string& url = mail ? mail->server : std::get<Webhook>(channel.how).url;
    const auto scheme = url.find("://");
    const auto begin = scheme == std::string::npos ? 0 : scheme + 3;
    const auto end = url.find_first_of("/?#", begin);
    std::string place = url.substr(begin, end == std::string::npos ? end : end - begin);
    if (const auto at = place.rfind('@'); at != std::string::npos) place.erase(0, at + 1);
    return place;
}

Result<void> outcome_of(const Transfer& transfer, CURLcode code) {
    const std::string place = place_of(transfer.letter.channel);
    const std::string problem =
        printable(transfer.problem[0] ? transfer.problem.data() : curl_easy_strerror(code), kKeptReply);
    if (code == CURLE_OPERATION_TIMEDOUT) return Error{ErrorCode::timed_out, place + " did not answer", problem};
    if (code == CURLE_LOGIN_DENIED) return Error{ErrorCode::forbidden, place + " refused the login", problem};
    if (code != CURLE_OK) return Error{ErrorCode::unavailable, "can't deliver to " + place, problem};
    if (!std::holds_alternative<Webhook>(transfer.letter.channel.how)) return {};
    long status = 0;
    curl_easy_getinfo(transfer.easy, CURLINFO_RESPONSE_CODE, &status);
    if (status >= kHttpOk && status < kHttpEnd) return {};
    return Error{ErrorCode::unavailable, place + " answered with status " + std::to_string(status),
                 printable(transfer.reply, kKeptReply)};
}

void answer(const std::shared_ptr<Transfer>& transfer, Result<void> outcome) {
    asio::post(transfer->executor, [transfer, outcome = std::move(outcome)] {
        transfer->outcome = outcome;
        transfer->answered.cancel();
    });
}

const Error& stopping() {
    static const Error error{ErrorCode::unavailable, "the coordinator is stopping"};
    return error;
}

}  // namespace

class Courier::Post {
  public:
    explicit Post(CURLM* multi) : multi_(multi), thread_([this] { serve(); }) {}
    ~Post() {
        stop();
        curl_multi_cleanup(multi_);
    }

    Result<void> accept(std::shared_ptr<Transfer> transfer) {
        const std::lock_guard lock(mutex_);
        if (is_stopping_) return stopping();
        if (under_way_ >= kMostUnderWay)
            return Error{ErrorCode::too_many, "too many notifications are under way",
                         "at most " + std::to_string(kMostUnderWay)};
        ++under_way_;
        arrived_.push_back(std::move(transfer));
        curl_multi_wakeup(multi_);
        return {};
    }

    void stop() {
        {
            const std::lock_guard lock(mutex_);
            is_stopping_ = true;
        }
        curl_multi_wakeup(multi_);
        if (thread_.joinable()) thread_.join();
    }

  private:
    void serve() {
        while (take_arrived()) {
            int running = 0;
            curl_multi_perform(multi_, &running);
            finish_done();
            curl_multi_poll(multi_, nullptr, 0, kPollMs, nullptr);
        }
        for (auto& [easy, transfer] : transfers_) {
            curl_multi_remove_handle(multi_, easy);
            answer(transfer, stopping());
        }
        transfers_.clear();
    }

    bool take_arrived() {
        std::vector<std::shared_ptr<Transfer>> arrived;
        {
            const std::lock_guard lock(mutex_);
            arrived.swap(arrived_);
            if (is_stopping_) {
                for (auto& transfer : arrived) answer(transfer, stopping());
                return false;
            }
        }
        for (auto& transfer : arrived) {
            if (set_up(*transfer) && curl_multi_add_handle(multi_, transfer->easy) == CURLM_OK)
                transfers_[transfer->easy] = transfer;
            else
                end(transfer, Error{ErrorCode::internal, "libcurl can't begin a transfer"});
        }
        return true;
    }

    void finish_done() {
        int left = 0;
        while (const CURLMsg* const message = curl_multi_info_read(multi_, &left)) {
            if (message->msg != CURLMSG_DONE) continue;
            CURL* const easy = message->easy_handle;
            const CURLcode code = message->data.result;
            const auto found = transfers_.find(easy);
            if (found == transfers_.end()) continue;
            const auto transfer = found->second;
            curl_multi_remove_handle(multi_, easy);
            transfers_.erase(found);
            end(transfer, outcome_of(*transfer, code));
        }
    }

    void end(const std::shared_ptr<Transfer>& transfer, Result<void> outcome) {
        {
            const std::lock_guard lock(mutex_);
            --under_way_;
        }
        answer(transfer, std::move(outcome));
    }

    CURLM* multi_;
    std::map<CURL*, std::shared_ptr<Transfer>> transfers_;  ///< the thread's own

    std::mutex mutex_;  ///< guards all below
    std::vector<std::shared_ptr<Transfer>> arrived_;
    std::size_t under_way_ = 0;
    bool is_stopping_ = false;

    std::thread thread_;
};

Courier::Courier() = default;
Courier::~Courier() = default;

Result<std::unique_ptr<Courier>> Courier::start() {
    // Once in a process, whoever asks.
    static const CURLcode begun = curl_global_init(CURL_GLOBAL_DEFAULT);
    CURLM* const multi = begun == CURLE_OK ? curl_multi_init() : nullptr;
    if (!multi) return Error{ErrorCode::internal, "libcurl can't be started", curl_easy_strerror(begun)};
    std::unique_ptr<Courier> courier(new Courier());
    courier->post_ = std::make_unique<Post>(multi);
    return courier;
}

Task<Result<void>> Courier::send(Letter letter) {
    const auto executor = co_await asio::this_coro::executor;
    const auto transfer = std::make_shared<Transfer>(std::move(letter), executor);
    auto accepted = post_->accept(transfer);
    if (!accepted) co_return accepted;
    while (!transfer->outcome) {
        co_await transfer->answered.async_wait(as_result);
        const auto state = co_await asio::this_coro::cancellation_state;
        if (state.cancelled() == asio::cancellation_type::none) continue;
        Error cancelled{ErrorCode::unavailable, "cancelled"};
        co_return cancelled;
    }
    co_return *transfer->outcome;
}

void Courier::stop() { post_->stop(); }

}  // namespace labhub::coordinator::notify
