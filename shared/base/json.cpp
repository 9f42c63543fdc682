#include "shared/base/json.hpp"

#include <cmath>

#include "shared/base/text.hpp"

namespace labhub {
namespace {

namespace json = boost::json;

class Writer {
  public:
    explicit Writer(bool pretty) : pretty_(pretty) {}
    std::string text;

    void write(const json::value& value) {
        switch (value.kind()) {
            case json::kind::object: return write_object(value.get_object());
            case json::kind::array: return write_array(value.get_array());
            case json::kind::double_: return write_double(value.get_double());
            default: text += json::serialize(value);
        }
    }

  private:
    void write_double(double number) { text += std::isfinite(number) ? format_number(number) : "null"; }

    void write_object(const json::object& object) {
        open('{');
        bool first = true;
        for (const auto& member : object) {
            next(first);
            text += json::serialize(json::value(member.key()));
            text += pretty_ ? ": " : ":";
            write(member.value());
        }
        close('}', object.empty());
    }

    void write_array(const json::array& array) {
        open('[');
        bool first = true;
        for (const auto& item : array) {
            next(first);
            write(item);
        }
        close(']', array.empty());
    }

    void open(char bracket) { text += bracket, ++depth_; }
    void next(bool& first) {
        if (!first) text += ',';
        first = false;
        new_line();
    }
    void close(char bracket, bool empty) {
        --depth_;
        if (!empty) new_line();
        text += bracket;
    }
    void new_line() {
        if (pretty_) text.append("\n").append(depth_ * 2, ' ');
    }

    bool pretty_;
    std::size_t depth_ = 0;
};

std::string place_in(std::string_view text, std::size_t offset) {
    std::size_t line = 1, column = 1;
    for (const char c : text.substr(0, offset)) c == '\n' ? (++line, column = 1) : ++column;
    return "line " + std::to_string(line) + ", column " + std::to_string(column);
}

}  // namespace

std::string to_json(const json::value& value) {
    Writer writer{false};
    writer.write(value);
    return std::move(writer.text);
}

std::string to_pretty_json(const json::value& value) {
    Writer writer{true};
    writer.write(value);
    return std::move(writer.text) + "\n";
}

Result<json::value> parse_json(std::string_view text) {
    json::stream_parser parser;
    json::error_code failure;
    const std::size_t used = parser.write_some(text.data(), text.size(), failure);
    if (!failure && used == text.size()) parser.finish(failure);
    if (failure || used != text.size()) {
        const std::string what = failure ? failure.message() : "text after the end of the value";
        return Error{ErrorCode::malformed, "not valid JSON at " + place_in(text, used) + ": " + what};
    }
    return parser.release();
}

json::value value_to_json(const Value& value) {
    struct Visitor {
        json::value operator()(std::monostate) const { return nullptr; }
        json::value operator()(bool b) const { return b; }
        json::value operator()(std::int64_t i) const { return i; }
        json::value operator()(double d) const { return d; }
        json::value operator()(const std::string& s) const { return json::value(s); }
    };
    return std::visit(Visitor{}, value);
}

Result<Value> value_from_json(const json::value& value) {
    switch (value.kind()) {
        case json::kind::bool_: return Value{value.get_bool()};
        case json::kind::int64: return Value{value.get_int64()};
        case json::kind::uint64: return Value{static_cast<double>(value.get_uint64())};
        case json::kind::double_:
            if (std::isfinite(value.get_double())) return Value{value.get_double()};
            return Error{ErrorCode::malformed, "a number is too large", "at most 1.7976931348623157e308"};
        case json::kind::string: return Value{std::string(value.get_string())};
        default: return Error{ErrorCode::malformed, "a value must be a boolean, a number or text"};
    }
}

}  // namespace labhub
