#include "agent/ssh_server/ssh_front.hpp"

#include "agent/ssh_server/rpc_conversation.hpp"

namespace labhub::agent::ssh_server {
namespace {

Task<void> converse(RpcRequests* requests, ssh::Principal who, std::shared_ptr<ssh::Channel> channel) {
    auto executor = co_await asio::this_coro::executor;
    auto conversation = std::make_shared<RpcConversation>(executor, *requests, std::move(who), std::move(channel));
    co_await RpcConversation::run(conversation);
}

}  // namespace

std::optional<ssh::Principal> SshFront::authorize(const ssh::PublicKey& key) const {
    for (const AuthorizedKey& known : keys_)
        if (known.key == key) return ssh::Principal{known.name, known.role, key.fingerprint()};
    return std::nullopt;
}

ssh::Handlers SshFront::handlers() {
    ssh::Handlers handlers;
    handlers.authorize = [this](const ssh::PublicKey& key, const std::string&) { return authorize(key); };
    handlers.exec = [this](ssh::Principal who, std::string line) {
        return commands_.run(std::move(who), std::move(line));
    };
    handlers.offers_subsystem = [](const ssh::Principal& who, const std::string& name) {
        return name == rpc::kSubsystem && who.role == to_string(safety::Role::coordinator);
    };
    handlers.subsystem = [this](ssh::Principal who, std::string, std::shared_ptr<ssh::Channel> channel) {
        return converse(&requests_, std::move(who), std::move(channel));
    };
    return handlers;
}

}  // namespace labhub::agent::ssh_server
