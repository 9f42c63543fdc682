#pragma once

#include <concepts>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include <boost/describe.hpp>
#include <boost/json.hpp>
#include <boost/mp11.hpp>

#include "shared/base/json.hpp"
#include "shared/base/result.hpp"
#include "shared/base/text.hpp"

/// One described struct (BOOST_DESCRIBE_STRUCT) is a request's decoder, a reply's encoder and both their JSON Schemas,
/// so that the code and the OpenAPI document can't differ. A `std::optional` member may be absent or null; every other
/// one is required; a member that isn't there is an error naming it.
namespace labhub::coordinator::api {

/// What people are told of a struct's members in the OpenAPI document. Specialise beside the struct:
/// `template <> struct MemberDocs<Stirrer> { static constexpr MemberDoc list[] = {{"duty_cycle", "percent, 0 to 100"}};
/// };`
struct MemberDoc {
    std::string_view member;
    std::string_view text;
};
template <class T>
struct MemberDocs {
    static constexpr std::array<MemberDoc, 0> list{};
};

namespace impl {

template <class T>
struct IsOptional : std::false_type {};
template <class T>
struct IsOptional<std::optional<T>> : std::true_type {};
template <class T>
struct IsVector : std::false_type {};
template <class T>
struct IsVector<std::vector<T>> : std::true_type {};
template <class T>
struct IsMap : std::false_type {};
template <class T>
struct IsMap<std::map<std::string, T>> : std::true_type {};

template <class T>
using Members = boost::describe::describe_members<T, boost::describe::mod_public | boost::describe::mod_inherited>;

inline Error mismatch(const std::string& path, std::string_view wanted, const boost::json::value& got) {
    const std::string kind(boost::json::to_string(got.kind()));
    return Error{ErrorCode::malformed,
                 (path.empty() ? "the body" : "'" + printable(path, 80) + "'") + " must be " + std::string(wanted),
                 "got " + (got.is_primitive() ? printable(to_json(got), 80) : kind)};
}

inline std::string join(const std::string& path, std::string_view member) {
    return path.empty() ? std::string(member) : path + "." + std::string(member);
}

}  // namespace impl

template <class T>
boost::json::value encode(const T& value) {
    namespace json = boost::json;
    if constexpr (std::is_same_v<T, json::value>) {
        return value;
    } else if constexpr (std::is_same_v<T, Value>) {
        return value_to_json(value);
    } else if constexpr (impl::IsOptional<T>::value) {
        return value ? encode(*value) : json::value(nullptr);
    } else if constexpr (impl::IsVector<T>::value) {
        json::array items;
        for (const auto& item : value) items.push_back(encode<typename T::value_type>(item));
        return items;
    } else if constexpr (impl::IsMap<T>::value) {
        json::object members;
        for (const auto& [key, item] : value) members[key] = encode(item);
        return members;
    } else if constexpr (boost::describe::has_describe_members<T>::value) {
        json::object members;
        boost::mp11::mp_for_each<impl::Members<T>>(
            [&](auto member) { members[member.name] = encode(value.*member.pointer); });
        return members;
    } else {
        return json::value(value);
    }
}

template <class T>
Result<T> decode(const boost::json::value& from, const std::string& path = {});

namespace impl {

template <class T>
Result<T> decode_struct(const boost::json::object& object, const std::string& path) {
    T decoded{};
    std::optional<Error> failure;
    std::string known;
    boost::mp11::mp_for_each<Members<T>>([&](auto member) {
        using Member = std::remove_cvref_t<decltype(decoded.*member.pointer)>;
        known += (known.empty() ? "" : ", ") + std::string(member.name);
        if (failure) return;
        const auto* found = object.if_contains(member.name);
        if (!found) {
            if constexpr (!IsOptional<Member>::value)
                failure = Error{ErrorCode::malformed, "'" + join(path, member.name) + "' is missing"};
            return;
        }
        auto value = decode<Member>(*found, join(path, member.name));
        if (value)
            decoded.*member.pointer = std::move(*value);
        else
            failure = std::move(value).error();
    });
    if (failure) return std::move(*failure);
    for (const auto& given : object) {
        bool is_known = false;
        boost::mp11::mp_for_each<Members<T>>([&](auto member) { is_known |= given.key() == member.name; });
        if (!is_known)
            return Error{ErrorCode::malformed, "unknown field '" + printable(join(path, given.key()), 80) + "'",
                         known.empty() ? "there are no fields" : "the fields are: " + known};
    }
    return decoded;
}

template <class T>
Result<T> decode_number(const boost::json::value& from, const std::string& path) {
    if constexpr (std::is_integral_v<T>) {
        boost::json::error_code failure;
        const T number = from.is_number() ? from.to_number<T>(failure) : T{};
        if (!from.is_number() || failure) return mismatch(path, "a whole number", from);
        return number;
    } else {
        if (!from.is_number()) return mismatch(path, "a number", from);
        return from.to_number<T>();
    }
}

}  // namespace impl

template <class T>
Result<T> decode(const boost::json::value& from, const std::string& path) {
    if constexpr (std::is_same_v<T, boost::json::value>) {
        return from;
    } else if constexpr (std::is_same_v<T, Value>) {
        auto value = value_from_json(from);
        if (!value) return value.error().within("'" + printable(path, 80) + "'");
        return value;
    } else if constexpr (impl::IsOptional<T>::value) {
        if (from.is_null()) return T{};
        auto inner = decode<typename T::value_type>(from, path);
        if (!inner) return std::move(inner).error();
        return T{std::move(*inner)};
    } else if constexpr (impl::IsVector<T>::value) {
        if (!from.is_array()) return impl::mismatch(path, "a list", from);
        T items;
        for (std::size_t i = 0; i < from.get_array().size(); ++i) {
            auto item = decode<typename T::value_type>(from.get_array()[i], path + "[" + std::to_string(i) + "]");
            if (!item) return std::move(item).error();
            items.push_back(std::move(*item));
        }
        return items;
    } else if constexpr (impl::IsMap<T>::value) {
        if (!from.is_object()) return impl::mismatch(path, "an object", from);
        T members;
        for (const auto& member : from.get_object()) {
            auto item = decode<typename T::mapped_type>(member.value(), impl::join(path, member.key()));
            if (!item) return std::move(item).error();
            members.emplace(std::string(member.key()), std::move(*item));
        }
        return members;
    } else if constexpr (std::is_same_v<T, bool>) {
        if (!from.is_bool()) return impl::mismatch(path, "true or false", from);
        return from.get_bool();
    } else if constexpr (std::is_arithmetic_v<T>) {
        return impl::decode_number<T>(from, path);
    } else if constexpr (std::is_same_v<T, std::string>) {
        if (!from.is_string()) return impl::mismatch(path, "text", from);
        return std::string(from.get_string());
    } else {
        if (!from.is_object()) return impl::mismatch(path, "an object", from);
        return impl::decode_struct<T>(from.get_object(), path);
    }
}

/// The JSON Schema (2020-12, as OpenAPI 3.1 uses it) of what encode writes and decode reads.
template <class T>
boost::json::object schema() {
    namespace json = boost::json;
    if constexpr (std::is_same_v<T, json::value>) {
        return {};
    } else if constexpr (std::is_same_v<T, Value>) {
        return {{"type", {"boolean", "number", "string", "null"}}};
    } else if constexpr (impl::IsOptional<T>::value) {
        auto inner = schema<typename T::value_type>();
        if (const auto* type = inner.if_contains("type"); type && type->is_string())
            inner["type"] = json::array{*type, "null"};
        return inner;
    } else if constexpr (impl::IsVector<T>::value) {
        return {{"type", "array"}, {"items", schema<typename T::value_type>()}};
    } else if constexpr (impl::IsMap<T>::value) {
        return {{"type", "object"}, {"additionalProperties", schema<typename T::mapped_type>()}};
    } else if constexpr (std::is_same_v<T, bool>) {
        return {{"type", "boolean"}};
    } else if constexpr (std::is_integral_v<T>) {
        return {{"type", "integer"}};
    } else if constexpr (std::is_floating_point_v<T>) {
        return {{"type", "number"}};
    } else if constexpr (std::is_same_v<T, std::string>) {
        return {{"type", "string"}};
    } else {
        json::object properties;
        json::array required;
        boost::mp11::mp_for_each<impl::Members<T>>([&](auto member) {
            using Member = std::remove_cvref_t<decltype(std::declval<T>().*member.pointer)>;
            auto property = schema<Member>();
            for (const MemberDoc& doc : MemberDocs<T>::list)
                if (doc.member == member.name) property["description"] = doc.text;
            properties[member.name] = std::move(property);
            if constexpr (!impl::IsOptional<Member>::value) required.push_back(json::value(member.name));
        });
        json::object object{{"type", "object"}, {"properties", std::move(properties)}, {"additionalProperties", false}};
        if (!required.empty()) object["required"] = std::move(required);
        return object;
    }
}

}  // namespace labhub::coordinator::api
