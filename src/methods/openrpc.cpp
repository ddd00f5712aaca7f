#include "methods/openrpc.hpp"

#include "wire/rpc.hpp"
#include <warmd/json_writer.hpp>

#include <cmath>
#include <span>

namespace warmd::schema {

namespace {

/// Writes the contract as JSON Schemas (draft 7).
class schema_writer {
public:
    schema_writer(json_writer& to, const contract& of) : to_(to), of_(of) {}

    void write(const field& of, bool with_doc)
    {
        const type_name called = parse_type(of.type);
        const bool refers = of_.find_type(called.element) && !called.array && !called.nullable;
        to_.begin_object();
        if (with_doc)
            to_.key("description").value(of.doc);
        if (!of.otherwise.empty())
            to_.key("default").raw(of.otherwise);
        if (refers) // beside a $ref nothing else counts
            to_.key("allOf").begin_array();
        if (refers)
            reference("schemas", called.element);
        else
            members_of_type(called, of.within);
        if (refers)
            to_.end_array();
        to_.end_object();
    }

    void write(const type& of)
    {
        to_.begin_object();
        if (!of.wanted.empty())
            to_.key("description").value(of.wanted);
        if (!of.words.empty())
            to_.member("type", "string").key("enum").array(of.words);
        else if (!of.members.empty())
            object_of(of.members, {});
        else if (!of.values.empty())
            object_of({}, of.values);
        else if (!of.one_of.empty())
            one_of(of.one_of);
        else
            members_of_type(parse_type(of.is), of.within);
        to_.end_object();
    }

    /// An object with these members; with `values`, others of that type besides.
    void object_of(std::span<const field> members, std::string_view values)
    {
        to_.member("type", "object").key("properties").begin_object();
        for (const field& each : members) {
            to_.key(each.name);
            write(each, true);
        }
        to_.end_object().key("required").begin_array();
        for (const field& each : members)
            if (each.required())
                to_.value(each.name);
        to_.end_array().key("additionalProperties");
        if (values.empty())
            to_.value(false);
        else
            write_type(values);
    }

    void reference(std::string_view group, std::string_view name)
    {
        to_.begin_object()
            .member("$ref", "#/components/" + std::string(group) + '/' + std::string(name))
            .end_object();
    }

private:
    void write_type(std::string_view name) { write({.name = {}, .type = name, .doc = {}}, false); }

    void one_of(std::span<const std::string_view> types)
    {
        to_.key("oneOf").begin_array();
        for (const std::string_view each : types)
            write_type(each);
        to_.end_array();
    }

    /// What says "an array of these", "these or null", or these.
    template <class Bounds>
    void members_of_type(const type_name& called, const Bounds& within)
    {
        if (called.array) {
            to_.member("type", "array").key("items");
            write_type(called.element);
            if (const auto* const count = std::get_if<elements>(&within); count && count->least)
                to_.member("minItems", count->least);
            return;
        }
        if (of_.find_type(called.element)) { // or null: a name alone has been referred to
            const std::string_view either[]{called.element, "null"};
            return one_of(either);
        }
        const std::string_view plain = called.element == "seconds" ? "number" : called.element;
        if (called.nullable)
            to_.key("type").begin_array().value(plain).value("null").end_array();
        else if (plain != "any")
            to_.member("type", plain);
        std::visit([this](const auto& bounds) { this->write_bounds(bounds); }, within);
    }

    void write_bounds(std::monostate) {}
    void write_bounds(const integers& within)
    {
        to_.member("minimum", within.least).member("maximum", within.most);
    }
    void write_bounds(const numbers& within)
    {
        if (std::isfinite(within.least))
            to_.member(within.least_itself ? "minimum" : "exclusiveMinimum", within.least);
        if (std::isfinite(within.most))
            to_.member("maximum", within.most);
    }
    void write_bounds(const elements& within) { to_.member("minLength", within.least); }

    json_writer& to_;
    const contract& of_;
};

class document_writer {
public:
    document_writer(std::string& text, const contract& of) : to_(text), of_(of) {}

    void write(std::string_view version)
    {
        to_.begin_object().member("openrpc", "1.3.2").key("info").begin_object();
        to_.member("title", "warmd").member("version", version).end_object();
        to_.key("methods").begin_array();
        for (const method& each : of_.methods)
            write_method(each);
        to_.end_array();
        write_components();
        to_.end_object();
    }

private:
    void write_method(const method& what)
    {
        to_.begin_object()
            .member("name", what.name)
            .member("summary", what.summary)
            .member("paramStructure", "by-name");
        to_.key("params").begin_array();
        for (const field& each : what.params) {
            to_.begin_object()
                .member("name", each.name)
                .member("description", each.doc)
                .member("required", each.required())
                .key("schema");
            schemas_.write(each, false);
            to_.end_object();
        }
        to_.end_array()
            .key("result")
            .begin_object()
            .member("name", std::string(what.name) + " result")
            .key("schema")
            .begin_object();
        schemas_.object_of(what.result, what.result_values);
        to_.end_object().end_object().key("errors").begin_array();
        for (const std::span<const errc> some : {std::span(of_.errors), std::span(what.errors)})
            for (const errc each : some)
                schemas_.reference("errors", name(each));
        to_.end_array().end_object();
    }

    void write_components()
    {
        to_.key("components").begin_object().key("errors").begin_object();
        for (const rpc::error_kind& each : rpc::error_kinds()) {
            to_.key(name(each.code))
                .begin_object()
                .member("code", each.wire_code)
                .member("message", each.meaning);
            to_.key("data").begin_object().member("kind", name(each.code)).end_object();
            to_.end_object();
        }
        to_.end_object().key("schemas").begin_object();
        for (const type& each : of_.types) {
            to_.key(each.name);
            schemas_.write(each);
        }
        to_.end_object().end_object();
    }

    json_writer to_;
    const contract& of_;
    schema_writer schemas_{to_, of_};
};

} // namespace

std::string openrpc(const contract& of, std::string_view version)
{
    std::string text;
    document_writer(text, of).write(version);
    return text;
}

} // namespace warmd::schema
