#include "agent/twin/conversation.hpp"

#include "agent/twin/twin.hpp"
#include "shared/base/framing.hpp"

namespace labhub::agent::twin {
namespace {

/// Frames of a stream, one by one.
class Frames {
  public:
    explicit Frames(LocalStream& stream) : stream_(stream) {}

    /// Nothing: the other end has closed.
    Task<Result<std::optional<std::string>>> next() {
        using Frame = Result<std::optional<std::string>>;
        while (true) {
            auto frame = reader_.next();
            if (!frame || *frame) co_return frame;
            auto bytes = co_await stream_.read();
            if (!bytes) co_return Frame(bytes.error());
            if (bytes->empty()) co_return Frame(std::optional<std::string>{});
            reader_.append(*bytes);
        }
    }

  private:
    LocalStream& stream_;
    FrameReader reader_;
};

Task<Result<void>> serve(Twin* twin, Frames* frames, LocalStream* stream) {
    while (true) {
        auto frame = co_await frames->next();
        if (!frame) co_return frame.error();
        if (!*frame) co_return Result<void>();
        rpc::Request request;
        if (!request.ParseFromString(**frame)) {
            Error nonsense{ErrorCode::malformed, "a frame holds no request"};
            co_return nonsense;
        }
        const rpc::Reply reply = co_await twin->answer(std::move(request));
        auto sending = stream->write(encode_frame(reply.SerializeAsString()));
        auto sent = co_await std::move(sending);
        if (!sent) co_return sent;
    }
}

}  // namespace

Task<Result<void>> live(std::shared_ptr<LocalStream> stream, std::filesystem::path folder) {
    Frames frames(*stream);
    auto first = co_await frames.next();
    if (!first) co_return first.error();
    rpc::TwinSetup setup;
    if (!*first || !setup.ParseFromString(**first)) {
        Error missing{ErrorCode::malformed, "the first frame is no setup of a twin"};
        co_return missing;
    }
    const auto executor = co_await asio::this_coro::executor;
    auto twin = Twin::make(executor, folder, std::move(setup));
    if (!twin) co_return twin.error();
    auto served = co_await serve(twin->get(), &frames, stream.get());
    co_await (*twin)->stop();
    co_return served;
}

}  // namespace labhub::agent::twin
