#include "coordinator/cli/people_grammar.hpp"

namespace labhub::cli {
namespace {

void add_quota(CLI::App* command, QuotaWords& words) {
    const auto option = [&](const std::string& name, const std::string& word, const char* type, const char* meaning) {
        const auto keep = [&words, word](const std::string& value) { words[word] = value; };
        command->add_option_function<std::string>(name, keep, meaning)->type_name(type);
    };
    option("--weight", "weight", "NUMBER", "Share of the hub: of two with work waiting, weight 2 gets twice as much");
    option("--max-running", "max_running", "COUNT", "Experiments that run at one time");
    option("--max-queued", "max_queued", "COUNT", "Experiments that wait at one time");
    option("--cpu-hours", "cpu_hours", "HOURS", "Processor hours used within --cpu-window");
    option("--cpu-window", "cpu_window", "TIME", "How far --cpu-hours looks back, as 30d");
    option("--stored", "stored_bytes", "SIZE", "Results that are kept, as 10g");
    option("--max-priority", "max_priority", "NUMBER", "Highest priority an experiment may have");
    command->footer(
        "For each bound also: none, and default for what the role (of a user) or the hub (of a role) says.");
}

void add_person(CLI::App* command, UserSetRequest& request) {
    command->add_option("NAME", request.name, "The user's name, by which the hub knows him")->required();
    command->add_option("--full-name", request.full_name, "As people know him")->type_name("TEXT");
    command->add_option("--email", request.email, "Where he is reached")->type_name("ADDRESS");
    command->add_option("--role", request.role, "As `labhub roles` names it; a new user's is user")->type_name("ROLE");
    add_quota(command, request.quota);
}

CLI::App* family(CLI::App& app, const std::string& name, const std::string& description) {
    CLI::App* const added = app.add_subcommand(name, description);
    added->fallthrough();
    added->require_subcommand(0, 1);
    return added;
}

}  // namespace

void PeopleGrammar::describe(CLI::App& app) {
    describe_users(app);
    describe_roles(app);
    describe_tokens(app);
    word(&app, "whoami", "Says who the hub takes you for", who_am_i_);
    word(&app, "quota", "What you may have of the hub, and what you have", quota_)
        ->add_option("USER", quota_.user, "Whose; default your own");
}

void PeopleGrammar::describe_users(CLI::App& app) {
    CLI::App* const users = family(app, "users", "Who may use the hub");
    user_add_.is_new = true;
    word(users, "list", "The same as `labhub users`", user_list_);
    add_person(word(users, "add", "Adds a user", user_add_), user_add_);
    word(users, "show", "One user", user_show_)->add_option("NAME", user_show_.name, "The user")->required();
    add_person(word(users, "set", "Changes what is given of a user", user_set_), user_set_);
    word(users, "disable", "Keeps a user out, at once; what of his waits goes on waiting", user_disable_)
        ->add_option("NAME", user_disable_.name, "The user")
        ->required();
    word(users, "enable", "Lets a user in again", user_enable_)
        ->add_option("NAME", user_enable_.name, "The user")
        ->required();
    word(users, "rm", "Removes a user who has no experiments", user_remove_)
        ->add_option("NAME", user_remove_.name, "The user")
        ->required();
    words_.emplace_back(users, [] { return PeopleCommand{UserListRequest{}}; });
}

void PeopleGrammar::describe_roles(CLI::App& app) {
    CLI::App* const roles = family(app, "roles", "What users of a role may do and have");
    word(roles, "list", "The same as `labhub roles`", role_list_);
    CLI::App* const set = word(roles, "set", "Makes a role, or changes what is given of it", role_set_);
    set->add_option("NAME", role_set_.name, "The role's name")->required();
    // Not one flag of both: CLI11 would read its absence as false, and take an administrators' role its rights.
    CLI::Option* const admin = set->add_flag_callback(
        "--admin", [this] { role_set_.is_admin = true; }, "Its users may do everything");
    set->add_flag_callback(
           "--no-admin", [this] { role_set_.is_admin = false; }, "Its users may not")
        ->excludes(admin);
    add_quota(set, role_set_.quota);
    word(roles, "rm", "Removes a role nobody has", role_remove_)
        ->add_option("NAME", role_remove_.name, "The role")
        ->required();
    words_.emplace_back(roles, [] { return PeopleCommand{RoleListRequest{}}; });
}

void PeopleGrammar::describe_tokens(CLI::App& app) {
    CLI::App* const tokens = family(app, "tokens", "What proves to the hub who asks");
    const auto of_user = [](CLI::App* command, std::string& user) {
        command->add_option("--user", user, "Whose; default your own")->type_name("NAME");
    };
    of_user(word(tokens, "list", "The same as `labhub tokens`", token_list_), token_list_.user);
    CLI::App* const make = word(tokens, "new", "Makes a token and prints it, this once", token_new_);
    make->add_option("NAME", token_new_.name, "Tells it from the user's other tokens, as laptop")->required();
    make->add_option("--expires", token_new_.expires, "As +90d, or 2027-01-31T18:00:00+01:00; default never")
        ->type_name("TIME");
    of_user(make, token_new_.user);
    CLI::App* const revoke = word(tokens, "revoke", "Takes a token's power away, at once", token_revoke_);
    revoke->add_option("NAME", token_revoke_.name, "The token's name")->required();
    of_user(revoke, token_revoke_.user);
    words_.emplace_back(tokens, [] { return PeopleCommand{TokenListRequest{}}; });
}

std::optional<PeopleCommand> PeopleGrammar::chosen() const {
    for (const auto& [app, command] : words_)
        if (app->parsed()) return command();
    return std::nullopt;
}

}  // namespace labhub::cli
