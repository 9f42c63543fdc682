#include "coordinator/cli/images_grammar.hpp"

namespace labhub::cli {

void ImagesGrammar::describe(CLI::App& app) {
    CLI::App* const images = app.add_subcommand("images", "What experiments run in");
    images->require_subcommand(1);
    images->fallthrough();
    list_app_ = images->add_subcommand("list", "The images, and what is being made");
    show_app_ = images->add_subcommand("show", "One image: its packages, and what scripts can import");
    show_app_->add_option("IMAGE", show_.name, "Its name")->required();
    show_app_->add_flag("--verify", show_.verify, "Read every byte of it first and compare");
    build_app_ = images->add_subcommand("build", "Builds an image from its declaration, on the hub");
    build_app_->add_option("IMAGE", build_.name, "Its name")->capture_default_str();
    build_app_->add_flag("-d,--detach", build_.is_detached, "Don't wait for it");
    import_app_ = images->add_subcommand("import", "Takes an OCI image layout, or an archive of docker or podman");
    import_app_->add_option("IMAGE", import_.name, "The name it gets")->required();
    import_app_->add_option("PATH", import_.path, "Where it lies on the hub's machine")->required();
    import_app_->add_flag("-d,--detach", import_.is_detached, "Don't wait for it");
    cancel_app_ = images->add_subcommand("cancel", "Ends the making of an image");
    cancel_app_->add_option("IMAGE", cancel_.name, "Its name")->required();
    roles_app_ = images->add_subcommand("roles", "Says which roles may use an image; none for everybody");
    roles_app_->add_option("IMAGE", roles_.name, "Its name")->required();
    roles_app_->add_option("ROLE", roles_.roles, "As admin")->expected(0, 32);
    remove_app_ = images->add_subcommand("rm", "Removes an image that no experiment needs");
    remove_app_->add_option("IMAGE", remove_.name, "Its name")->required();
}

std::optional<ImagesCommand> ImagesGrammar::chosen() const {
    if (list_app_->parsed()) return ImageListRequest{};
    if (show_app_->parsed()) return show_;
    if (build_app_->parsed()) return build_;
    if (import_app_->parsed()) return import_;
    if (cancel_app_->parsed()) return cancel_;
    if (roles_app_->parsed()) return roles_;
    if (remove_app_->parsed()) return remove_;
    return std::nullopt;
}

}  // namespace labhub::cli
